"""Convolutional and dense networks on images.

    python benchmarks/images.py dense           # MNIST, 784-1000-500-250-30
    python benchmarks/images.py convolutional   # MNIST, 30 components
    python benchmarks/images.py compare         # both and PCA, trained before
    python benchmarks/images.py digits          # with and without the linear path
    python benchmarks/images.py denoise         # reconstruction from noisy digits
    python benchmarks/images.py photographs     # colour patches, reconstructed, cleaned

`dense` and `convolutional` take ``--epochs`` (30 and 12 in the table), and ``--more``
for a further round of the schedule (6 for the latter). Two may run at once.
"""

import argparse
import os
import pickle
import time

os.environ["OMP_NUM_THREADS"] = "1"

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from common import ROOT, machine, mnist_part, save
from regularised import draw_rows, noises
from sklearn.datasets import load_digits, load_sample_images
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d

from skae import (
    Autoencoder,
    Convolutional,
    DenoisingAutoencoder,
    Dense,
    GaussianNoise,
    SquaredError,
)

torch.set_num_threads(1)
MODELS = ROOT / "benchmark-models"
PICTURES = ROOT / "docs" / "_static"
SHAPE = (1, 28, 28)
NETWORKS = {
    "dense": Dense((1000, 500, 250), activation="gelu"),
    "convolutional": Convolutional(input_shape=SHAPE),
}
TRAINING = {
    "dense": dict(batch_size=128, learning_rate=2e-3),
    "convolutional": dict(batch_size=64, learning_rate=1e-3),
}
PUBLISHED = {"Hinton and Salakhutdinov (2006)": 3.00}


def squared_error(rows, X):
    """Return the squared error per image."""
    return float(((rows - X) ** 2).sum(axis=1).mean())


def train(name, epochs, more):
    """Train one network on all training images, or for `more` epochs, and keep it."""
    X, _ = mnist_part("train")
    start, before = time.process_time(), (0, 0.0)
    if more:
        model, *before = kept(name)
        model.set_params(warm_start=True)
        epochs = more
    else:
        model = Autoencoder(
            30,
            architecture=NETWORKS[name],
            loss=SquaredError(output_activation="sigmoid"),
            early_stopping=False,
            contamination=None,
            random_state=0,
            **TRAINING[name],
        )
    model.set_params(max_epochs=epochs).fit(X)
    epochs, minutes = (
        before[0] + epochs,
        before[1] + (time.process_time() - start) / 60,
    )
    MODELS.mkdir(exist_ok=True)
    with open(MODELS / f"images_{name}.pickle", "wb") as file:
        pickle.dump((model, epochs, minutes), file)
    test, _ = mnist_part("test")
    print(name, epochs, "epochs,", round(minutes, 1), "CPU minutes: ", end="")
    print(squared_error(model.reconstruct(test), test), flush=True)


def kept(name):
    """Return a trained network, its epochs and CPU minutes."""
    with open(MODELS / f"images_{name}.pickle", "rb") as file:
        return pickle.load(file)


def compare():
    """Return errors of the trained networks and of PCA; draw reconstructions."""
    X, _ = mnist_part("train")
    test, _ = mnist_part("test")
    pca = PCA(30, random_state=0).fit(X)

    def through(rows):
        return pca.inverse_transform(pca.transform(rows))

    lines = [
        {
            "model": "PCA",
            "test error": squared_error(through(test), test),
            "training error": squared_error(through(X), X),
            "parameters": 2 * 30 * 784 + 784,
        }
    ]
    shown = {"test images": test, "PCA": through(test[:10])}
    for name in NETWORKS:
        model, epochs, minutes = kept(name)
        lines.append(
            {
                "model": name,
                "test error": squared_error(model.reconstruct(test), test),
                "training error": squared_error(model.reconstruct(X), X),
                "parameters": sum(p.numel() for p in model.net_.module_.parameters()),
                "epochs": epochs,
                "CPU minutes": minutes,
            }
        )
        shown[name] = model.reconstruct(test[:10])
    lines += [{"model": k, "test error": v} for k, v in PUBLISHED.items()]
    draw_rows("Test images from 30 numbers each", shown, "images_reconstructed")
    frame = pd.DataFrame(lines).set_index("model")
    frame["parameters"] = frame["parameters"].astype("Int64")
    frame["epochs"] = frame["epochs"].astype("Int64")
    save(frame, "images_reconstruction", 2)


def digits(n_components=32, n_train=1200):
    """Return what the linear path is worth on scikit-learn's digits, by default."""
    images = load_digits().images[:, None] / 16
    images = images[np.random.default_rng(0).permutation(len(images))]
    X, test = (part.reshape(len(part), -1) for part in np.split(images, [n_train]))
    pca = PCA(n_components, random_state=0).fit(X)
    errors = {"PCA": squared_error(pca.inverse_transform(pca.transform(test)), test)}
    for name, shortcut in {"convolutional": "pca", "no path": None}.items():
        architecture = Convolutional(input_shape=(1, 8, 8), shortcut=shortcut)
        model = Autoencoder(n_components, architecture=architecture, random_state=0)
        errors[name] = squared_error(model.fit(X).reconstruct(test), test)
    frame = pd.DataFrame({"squared error per image": errors})
    save(frame.rename_axis("model"), "images_digits")


def denoise(epochs=6, n_rows=10_000):
    """Return squared errors, per pixel, of clean test digits from noisy ones."""
    X, _ = mnist_part("train")
    X = X[:n_rows]
    test, _ = mnist_part("test")
    lines = []
    for (kind, level), (corruption, corrupt) in noises(X).items():
        noisy = corrupt(test, np.random.default_rng(1)).astype(np.float32)
        line = {"noise": kind, "level": level, "noisy": np.mean((noisy - test) ** 2)}
        shown = {"clean": test, "noisy": noisy}
        for name, architecture in {
            "dense": Dense(),
            "convolutional": NETWORKS["convolutional"],
            "convolutional, no path": Convolutional(input_shape=SHAPE, shortcut=None),
        }.items():
            model = DenoisingAutoencoder(
                64,
                architecture=architecture,
                corruption=corruption,
                max_epochs=epochs,
                batch_size=64,
                random_state=0,
            ).fit(X)
            rows = model.reconstruct(noisy)
            line[name] = np.mean((rows - test) ** 2)
            shown[name] = rows
        lines.append(line)
        print(line, flush=True)
        if (kind, level) == ("Gaussian", 1.0):
            draw_rows("Gaussian noise of 1, unseen digits", shown, "images_denoised")
    save(pd.DataFrame(lines).set_index(["noise", "level"]), "images_denoise", 4)


def photographs(epochs=40, size=24):
    """Reconstruct and clean colour patches of a stripe of photographs never seen."""
    parts = {"train": [], "test": []}
    for number, image in enumerate(load_sample_images().images):
        left, right = int(0.4 * image.shape[1]), int(0.6 * image.shape[1])
        for part, area, n_patches in (
            ("train", image[:, :left], 1500),
            ("train", image[:, right:], 1500),
            ("test", image[:, left:right], 1000),
        ):
            patches = extract_patches_2d(
                area, (size, size), max_patches=n_patches, random_state=number
            )
            parts[part].append(patches.astype(np.float32) / 255)
    X, test = (np.concatenate(parts[part]) for part in ("train", "test"))
    test = test[np.random.default_rng(0).permutation(len(test))]
    noise = GaussianNoise(0.5)
    noisy = test + 0.5 * X.std(axis=0) * np.random.default_rng(1).normal(
        size=test.shape
    ).astype(np.float32)
    shared = dict(
        architecture=Convolutional(channels_last=True),
        max_epochs=epochs,
        batch_size=64,
        learning_rate=2e-3,
        random_state=0,
    )
    plain = Autoencoder(96, **shared).fit(X)
    denoising = DenoisingAutoencoder(96, corruption=noise, **shared).fit(X)
    pca = PCA(96, random_state=0).fit(X.reshape(len(X), -1))

    def through(rows):
        codes = pca.transform(rows.reshape(len(rows), -1))
        return pca.inverse_transform(codes).reshape(rows.shape)

    rows = {
        "unseen": test,
        "PCA": through(test),
        "convolutional": plain.reconstruct(test),
        "noisy": noisy,
        "PCA of noisy": through(noisy),
        "denoising": denoising.reconstruct(noisy),
    }
    errors = {name: np.mean((x - test) ** 2) for name, x in rows.items()}
    frame = pd.DataFrame({"squared error per value": errors})
    save(frame.drop(index="unseen"), "images_photographs", 5)
    n = 12
    figure, axes = plt.subplots(len(rows), n, figsize=(n, 6.2), layout="constrained")
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        for ax, image in zip(line, images, strict=False):
            ax.imshow(image.clip(0, 1))
            ax.set(xticks=[], yticks=[])
        line[0].set_ylabel(label, rotation=0, ha="right", va="center")
    figure.suptitle("Patches of 24 by 24 pixels through 96 numbers")
    figure.savefig(PICTURES / "images_photographs.png", dpi=90)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    others = {f.__name__: f for f in (compare, digits, denoise, photographs)}
    parts = [*NETWORKS, *others]
    parser.add_argument("part", choices=parts)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--more", type=int, default=0)
    arguments = parser.parse_args()
    print(machine())
    if arguments.part in NETWORKS:
        train(arguments.part, arguments.epochs, arguments.more)
    else:
        others[arguments.part]()
