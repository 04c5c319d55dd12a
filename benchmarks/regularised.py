"""The regularised family on MNIST and on patches of photographs.

    python benchmarks/regularised.py denoise    # reconstruction from noisy rows
    python benchmarks/regularised.py features   # a linear classifier on 1,000 units
    python benchmarks/regularised.py stacked    # layer by layer against all at once
    python benchmarks/regularised.py patches    # 4,096 units on photographs
    python benchmarks/regularised.py speed      # epochs against the same module's loop

Tables go to docs/benchmarks, pictures to docs/_static. One thread each: two of them
may run side by side.
"""

import argparse
import copy
import os
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from common import ROOT, loop, machine, marginal_epochs, mnist_part, save
from joblib import Parallel, delayed
from sklearn.datasets import load_sample_images
from sklearn.decomposition import PCA, KernelPCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from skae import (
    L1,
    Autoencoder,
    BinaryCrossEntropy,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    Dense,
    GaussianNoise,
    KLSparsity,
    MaskingNoise,
    SparseAutoencoder,
    StackedAutoencoder,
    TopK,
)

torch.set_num_threads(1)
PICTURES = ROOT / "docs" / "_static"
ONE_LAYER = Dense((), shortcut=None)
TIED = Dense((), shortcut=None, tied=True)


# -- reconstruction from noisy rows


LEVELS = {"gauss": (0.25, 0.5, 1.0, 1.5), "mask": (0.1, 0.25, 0.5, 0.75)}
N_COMPONENTS = 64
KERNEL_ROWS = 5000


def noises(train):
    """Return the corruptions, and how each is done to test rows."""
    std = train.std(axis=0)

    def gaussian(scale):
        return lambda X, rng: X + scale * std * rng.normal(size=X.shape).astype("f4")

    def masking(rate):
        return lambda X, rng: X * (rng.uniform(size=X.shape) >= rate)

    return {
        **{("Gaussian", s): (GaussianNoise(s), gaussian(s)) for s in LEVELS["gauss"]},
        **{("masking", r): (MaskingNoise(r), masking(r)) for r in LEVELS["mask"]},
    }


def denoise():
    """Return squared errors, per pixel, of clean test rows from noisy ones."""
    train, _ = mnist_part("train")
    test, _ = mnist_part("test")
    plain = Autoencoder(N_COMPONENTS, random_state=0).fit(train)
    pca = PCA(N_COMPONENTS, random_state=0).fit(train)
    few = train[np.random.default_rng(0).permutation(len(train))[:KERNEL_ROWS]]
    kernels = [
        KernelPCA(
            256, kernel="rbf", gamma=gamma, alpha=alpha, fit_inverse_transform=True,
            eigen_solver="randomized", random_state=0,
        ).fit(few)
        for gamma in (1e-3, 3e-3, 1e-2)
        for alpha in (0.01, 0.3)
    ]  # fmt: skip
    held_out = train[-1000:]
    lines, shown = [], {}
    denoisers = Parallel(n_jobs=2)(
        delayed(fitted_denoiser)(corruption) for corruption, _ in noises(train).values()
    )
    for denoising, ((kind, level), (_, corrupt)) in zip(
        denoisers, noises(train).items(), strict=True
    ):
        noisy = corrupt(test, np.random.default_rng(1)).astype(np.float32)
        trial = corrupt(held_out, np.random.default_rng(2)).astype(np.float32)
        kernel = min(
            kernels, key=lambda k, x=trial: np.mean((through(k, x) - held_out) ** 2)
        )
        cleaned = {
            "noisy rows": noisy,
            "PCA": through(pca, noisy),
            "KernelPCA": through(kernel, noisy),
            "plain": plain.reconstruct(noisy),
            "denoising": denoising.reconstruct(noisy),
        }
        errors = {name: np.mean((X - test) ** 2) for name, X in cleaned.items()}
        lines.append({"noise": kind, "level": level, **errors})
        print(lines[-1], flush=True)
        if level == LEVELS["gauss"][2] or level == LEVELS["mask"][2]:
            shown[kind, level] = {"clean": test, **cleaned}
    for (kind, level), rows in shown.items():
        draw_rows(
            f"{kind} noise {level:g}, unseen digits", rows, f"denoised_{kind.lower()}"
        )
    return pd.DataFrame(lines).set_index(["noise", "level"])


def fitted_denoiser(corruption):
    """Return an estimator fitted to all training images."""
    return DenoisingAutoencoder(
        N_COMPONENTS, corruption=corruption, random_state=0
    ).fit(mnist_part("train")[0])


def through(model, X):
    """Return X, encoded and decoded."""
    return model.inverse_transform(model.transform(X))


def draw_rows(title, rows, name, n=10):
    """Draw the first images of each entry, a line each."""
    figure, axes = plt.subplots(
        len(rows), n, figsize=(n * 0.8, len(rows) * 0.85), layout="constrained"
    )
    for line, (label, X) in zip(axes, rows.items(), strict=True):
        for ax, x in zip(line, X, strict=False):
            ax.imshow(x.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
        line[0].set_ylabel(label, rotation=0, ha="right", va="center")
    figure.suptitle(title)
    figure.savefig(PICTURES / f"{name}.png", dpi=110)


# -- a linear classifier on codes


def feature_models():
    """Return the models whose codes of 1,000 units are classified."""
    shared = dict(random_state=0, max_epochs=24)
    return {
        "plain": Autoencoder(
            1000, code_activation="relu", architecture=ONE_LAYER, **shared
        ),
        "L1": SparseAutoencoder(1000, sparsity=L1(3e-3), **shared),
        "KL": SparseAutoencoder(1000, sparsity=KLSparsity(0.05, weight=0.01), **shared),
        "TopK": SparseAutoencoder(
            1000, sparsity=TopK(25, k_encoding=75), architecture=TIED, **shared
        ),
        "contractive": ContractiveAutoencoder(
            1000, contraction_weight=1e-2, architecture=TIED, **shared
        ),
        "denoising": DenoisingAutoencoder(
            1000,
            corruption=MaskingNoise(0.3),
            code_activation="relu",
            architecture=ONE_LAYER,
            **shared,
        ),
    }


def classify(train, y_train, test, y_test, C=0.1):
    """Return the test error of logistic regression on codes of one scale."""
    centre, scale = train.mean(axis=0), train.std()
    model = LogisticRegression(C=C, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit((train - centre) / scale, y_train)
    return 1 - model.score((test - centre) / scale, y_test)


def features():
    """Return test errors of a linear classifier on pixels and codes."""
    names = ["raw pixels", "PCA, 300", *feature_models()]
    lines = Parallel(n_jobs=2)(delayed(feature_line)(name) for name in names)
    return pd.DataFrame(lines).set_index("codes")


def feature_line(name):
    """Return the test error of a linear classifier on one kind of codes."""
    train, y_train = mnist_part("train")
    test, y_test = mnist_part("test")
    if name == "raw pixels":
        return {"codes": name, "error": classify(train, y_train, test, y_test)}
    start = time.process_time()
    models = {"PCA, 300": PCA(300, random_state=0), **feature_models()}
    model = models[name].fit(train)
    codes = model.transform(train)
    line = {
        "codes": name,
        "error": classify(codes, y_train, model.transform(test), y_test),
    }
    if name in feature_models():
        line |= {
            "active": np.mean(codes > (0.5 if name in SIGMOID else 0)),
            "held-out squared error": -model.score(test),
            "epochs": model.n_iter_,
            "CPU minutes": (time.process_time() - start) / 60,
        }
        draw_filters(model, name, train.std(axis=0))
    print(line, flush=True)
    return line


SIGMOID = ("KL", "contractive")


def draw_filters(model, name, std, n=100):
    """Draw the weights of the first units, times the pixels' standard deviations."""
    weights = model.net_.module_.head.weight.detach().numpy()[:n] * std
    figure, axes = plt.subplots(10, n // 10, figsize=(6, 6), layout="constrained")
    for ax, weight in zip(axes.flat, weights, strict=True):
        size = np.abs(weight).max()
        ax.imshow(weight.reshape(28, 28), cmap="RdBu", vmin=-size, vmax=size)
        ax.axis("off")
    figure.suptitle(f"{name}: what the first {n} units respond to")
    figure.savefig(PICTURES / f"filters_{name.lower()}.png", dpi=80)


# -- layer by layer


def stacked():
    """Return test errors of 784-1000-500-250-30, pretrained or from a random start."""
    cases = [
        (activation, start)
        for start in ("random start", "layer by layer")
        for activation in ("sigmoid", "relu")
    ]
    lines = Parallel(n_jobs=2)(delayed(stacked_line)(*case) for case in cases)
    return pd.DataFrame(lines).set_index(["activation", "start"]).sort_index()


def stacked_line(activation, start, layer_epochs=8, fine_epochs=8, rows=20_000):
    """Return the test error of one network after the same total of epochs."""
    train, test = mnist_part("train")[0][:rows], mnist_part("test")[0]
    dense = Dense((1000, 500, 250), activation=activation, shortcut=None)
    shared = dict(architecture=dense, loss=BinaryCrossEntropy(), random_state=0)
    total = 4 * layer_epochs + fine_epochs
    if start == "random start":
        model = Autoencoder(30, max_epochs=total, **shared)
    else:
        layer = DenoisingAutoencoder(
            corruption=MaskingNoise(0.2), max_epochs=layer_epochs
        )
        model = StackedAutoencoder(30, layer=layer, max_epochs=fine_epochs, **shared)
    begin = time.process_time()
    model.fit(train)
    error = np.sum((model.reconstruct(test) - test) ** 2, axis=1).mean()
    line = {
        "activation": activation,
        "start": start,
        "epochs in all": total,
        "squared error per image": error,
        "cross-entropy per pixel": -model.score(test),
        "CPU minutes": (time.process_time() - begin) / 60,
    }
    print(line, flush=True)
    return line


# -- many units on photographs


def photograph_patches(n_train=100_000, n_test=20_000):
    """Return contrast-normalised grey patches of 8 x 8, of two photographs."""
    rng = np.random.default_rng(0)
    n_each = (n_train + n_test) // 2
    patches = []
    for image in load_sample_images().images:
        grey = image.mean(axis=2) / 255
        windows = np.lib.stride_tricks.sliding_window_view(grey, (8, 8))
        places = [rng.integers(0, size, n_each) for size in windows.shape[:2]]
        patches.append(windows[tuple(places)].reshape(n_each, 64))
    rows = rng.permutation(np.concatenate(patches)).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= rows.std(axis=1, keepdims=True) + 0.02  # flat patches stay near zero
    return rows[:n_train], rows[n_train:]


def patches():
    """Return dead units and explained variance of 512 and 4,096 units."""
    train, test = photograph_patches()
    lines = []
    for n_units in (512, 4096):
        model = SparseAutoencoder(n_units, sparsity=TopK(32), random_state=0)
        start = time.process_time()
        codes = model.fit(train).transform(test)
        residual = np.sum((model.reconstruct(test) - test) ** 2)
        lines.append(
            {
                "units": n_units,
                "never active, training": len(model.dead_units_) / n_units,
                "never active, held-out": np.mean(~(codes != 0).any(axis=0)),
                "explained variance, held-out": 1
                - residual / np.sum((test - test.mean(axis=0)) ** 2),
                "epochs": model.n_iter_,
                "CPU minutes": (time.process_time() - start) / 60,
            }
        )
        print(lines[-1], flush=True)
    draw_dictionary(model, codes)
    return pd.DataFrame(lines).set_index("units")


def draw_dictionary(model, codes, n=100):
    """Draw what the most used units decode to."""
    used = np.argsort(-(codes != 0).mean(axis=0))[:: len(codes[0]) // n][:n]
    weights = model.net_.module_.decoder.last.weight.detach().numpy().T[used]
    figure, axes = plt.subplots(10, n // 10, figsize=(6, 6), layout="constrained")
    for ax, weight in zip(axes.flat, weights, strict=True):
        ax.imshow(weight.reshape(8, 8), cmap="gray")
        ax.axis("off")
    figure.suptitle(f"{n} of 4,096 units, from the most to the least used")
    figure.savefig(PICTURES / "dictionary.png", dpi=80)


# -- epochs


def speed(repeats=5, batch_size=256):
    """Return epochs of fits, in units of a loop's and of `Autoencoder`'s.

    The loop trains the same module, penalty included; `Autoencoder` the same network
    without one.
    """
    X = mnist_part("train")[0][:12_800]
    X = X - X.mean(axis=0)
    deep = Dense((256, 64), shortcut=None)
    relu = dict(architecture=ONE_LAYER, code_activation="relu")
    sigmoid = dict(architecture=ONE_LAYER, code_activation="sigmoid")
    models = {
        "denoising, 784-64": DenoisingAutoencoder(64, **relu),
        "L1, 784-64": SparseAutoencoder(64, **relu),
        "KL, 784-64": SparseAutoencoder(64, sparsity=KLSparsity(), **sigmoid),
        "TopK, 784-8192": SparseAutoencoder(8192, sparsity=TopK(32), **relu),
        "TopK, 784-8192, reviving": SparseAutoencoder(
            8192, sparsity=TopK(32, dead_after=1), **relu
        ),
        "contractive, 784-64": ContractiveAutoencoder(64, **sigmoid),
        "contractive, 784-256-64-16": ContractiveAutoencoder(
            16, architecture=deep, code_activation="sigmoid"
        ),
        "stacked, fine-tuning, 784-256-64-16": StackedAutoencoder(
            16, architecture=deep, warm_start=True
        ),
    }
    lines = []
    for name, model in models.items():
        rows = X[:2560] if "8192" in name else X
        epochs = 1 if "8192" in name else 2
        model.set_params(
            batch_size=batch_size,
            early_stopping=False,
            contamination=None,
            max_epochs=1,
            random_state=0,
        )
        module = copy.deepcopy(model.fit(rows).net_.module_)
        plain = Autoencoder(
            **{
                key: value
                for key, value in model.get_params(deep=False).items()
                if key in Autoencoder().get_params() and key != "corruption"
            }
        )
        makers = {
            "skae": lambda n, m=model, x=rows: m.set_params(max_epochs=n).fit(x),
            "loop": lambda n, m=module, x=rows: loop(
                copy.deepcopy(m), x, n, batch_size
            ),
            "plain": lambda n, m=plain, x=rows: m.set_params(max_epochs=n).fit(x),
        }
        marginal = marginal_epochs(makers, epochs, repeats)
        lines.append(
            {
                "case": name,
                "seconds per epoch": marginal["skae"],
                "over a loop of the same module": marginal["skae"] / marginal["loop"],
                "over Autoencoder": marginal["skae"] / marginal["plain"],
            }
        )
        print(lines[-1], flush=True)
    return pd.DataFrame(lines).set_index("case")


PARTS = {
    "denoise": denoise,
    "features": features,
    "stacked": stacked,
    "patches": patches,
    "speed": speed,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="part")
    options = parser.parse_args()
    print(machine())
    warnings.simplefilter("ignore", ConvergenceWarning)
    for part in options.parts:
        print(f"\n{part}", flush=True)
        save(PARTS[part](), f"regularised_{part}", 4)
