"""How good a model of the data a variational autoencoder is.

    python benchmarks/generative.py likelihood    # MNIST, about an hour of one core
    python benchmarks/generative.py conditional   # MNIST digits on request
    python benchmarks/generative.py tables        # bundled tables, beside PCA, mixtures
    python benchmarks/generative.py inner         # what defaults were chosen by
    python benchmarks/generative.py speed         # epochs beside a loop and peers
    python benchmarks/generative.py pictures      # samples, grid, paths, traversal

`likelihood` takes ``--epochs`` and ``--full``, for all 10,000 test images.
"""

import argparse
import copy
import os
import pickle
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
from common import ROOT, machine, marginal_epochs, mnist_part, save
from scipy.stats import norm
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from torch.nn import functional as F

from skae import (
    BinaryCrossEntropy,
    ConditionalVariationalAutoencoder,
    Dense,
    VariationalAutoencoder,
)
from skae.data.batch import Batch

torch.set_num_threads(1)
MODELS = ROOT / "benchmark-models"
PICTURES = ROOT / "docs" / "_static"

# Burda et al. (2016), table 1: one stochastic layer of 50 units, 200-200 tanh.
PUBLISHED = {"Burda et al., VAE": 86.76, "Burda et al., IWAE of 50 draws": 84.78}


def images_to_test(n):
    """Return n fixed test images, binarised once."""
    X, _ = mnist_part("test")
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(X))[:n]
    return (rng.uniform(size=(n, X.shape[1])) < X[rows]).astype(np.float32)


def likelihood(epochs, full):
    """Train on images binarised in every step; report IWAE(5000) of test images."""
    X, _ = mnist_part("train")
    start = time.process_time()
    model = VariationalAutoencoder(
        50,
        architecture=Dense((200, 200), activation="tanh", shortcut=None),
        loss=BinaryCrossEntropy(binarize=True),
        batch_size=128,
        max_epochs=epochs,
        kl_warm_up=max(1, epochs // 20),
        early_stopping=False,
        contamination=None,
        random_state=0,
    ).fit(X)
    minutes = (time.process_time() - start) / 60
    keep(model, "likelihood")
    test = images_to_test(10_000 if full else 2_000)
    nats = -model.log_likelihood(test, 5000, random_state=0)
    error = nats.std() / np.sqrt(len(nats))
    lines = [
        {
            "model": "VariationalAutoencoder",
            "minus log-likelihood": nats.mean(),
            "standard error": error,
            "minus ELBO": -model.score(test),
            "active units": len(model.active_units_),
            "epochs": epochs,
            "CPU minutes": minutes,
            "images": len(test),
        },
        *({"model": k, "minus log-likelihood": v} for k, v in PUBLISHED.items()),
    ]
    save(pd.DataFrame(lines).set_index("model"), "generative_likelihood", 2)


def conditional(epochs):
    """Ask for digits; report how often an independent classifier agrees."""
    X, y = mnist_part("train")
    test, labels = mnist_part("test")
    start = time.process_time()
    model = ConditionalVariationalAutoencoder(
        8,
        beta=2.0,
        loss=BinaryCrossEntropy(),
        max_epochs=epochs,
        early_stopping=False,
        random_state=0,
    ).fit(X, y)
    minutes = (time.process_time() - start) / 60
    keep(model, "conditional")
    classifier = MLPClassifier((256,), max_iter=20, random_state=0).fit(X, y)
    asked = np.arange(10_000) % 10
    samples = model.sample(10_000, random_state=0, condition=asked)
    rows = test[:1000]
    inferred = model.conditions_[model.condition_posterior(rows).argmax(axis=1)]
    other = (labels[:1000] + 1) % 10
    transferred = model.reconstruct(rows, condition=other)
    line = {
        "samples agree, %": 100 * np.mean(classifier.predict(samples) == asked),
        "classifier on test digits, %": 100 * classifier.score(test, labels),
        "label by the bound, %": 100 * np.mean(inferred == labels[:1000]),
        "style transfer agrees, %": 100
        * np.mean(classifier.predict(transferred) == other),
        "epochs": epochs,
        "CPU minutes": minutes,
    }
    frame = pd.DataFrame([line], index=["ConditionalVariationalAutoencoder"])
    save(frame, "generative_conditional", 2)


TABLES = {
    "iris": load_iris,
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
    "diabetes": load_diabetes,
    "digits": load_digits,
}


def tables(n_splits):
    """Compare the default with PCA and mixtures on unseen rows, standardised."""
    lines = []
    for name, load in TABLES.items():
        X = load().data
        for split in range(n_splits):
            train, test = train_test_split(X, test_size=0.25, random_state=split)
            scaler = StandardScaler().fit(train)
            train, test = scaler.transform(train), scaler.transform(test)
            model = VariationalAutoencoder(random_state=split).fit(train)
            line = {
                "table": name,
                "split": split,
                "components": model.n_components_,
                "VAE": model.log_likelihood(test, 500, random_state=0).mean(),
                "PCA": _pca(model.n_components_, train, test),
                "PCA, half": _pca(max(1, X.shape[1] // 2), train, test),
            }
            fits = {}
            for kind in ("full", "diag"):
                mixtures = [
                    GaussianMixture(n, covariance_type=kind, random_state=0).fit(train)
                    for n in range(1, 11)
                ]
                best = min(mixtures, key=lambda mixture: mixture.bic(train))
                line[f"mixture, {kind}"] = best.score(test)
                fits[best.bic(train)] = best.score(test)
            line["mixture"] = fits[min(fits)]
            lines.append(line)
    frame = pd.DataFrame(lines).set_index(["table", "split"])
    save(frame, "generative_tables_splits", 2)
    grouped = frame.groupby("table", sort=False)
    summary = grouped.mean()
    for rival in frame.columns[2:]:
        summary[f"ahead of {rival}"] = (frame["VAE"] > frame[rival]).groupby(
            "table", sort=False
        ).sum().astype(str) + f" of {n_splits}"
    save(summary, "generative_tables", 2)
    save(grouped.median(), "generative_tables_medians", 2)


def inner(n_splits):
    """Compare what the defaults were chosen by: splits of training parts alone."""
    shares = {"half": 0.5, "three quarters": 0.75, "all but one": 1.0}
    lines = []
    for name, load in list(TABLES.items())[:-1]:
        for split in range(n_splits):
            outer, _ = train_test_split(load().data, test_size=0.25, random_state=split)
            train, test = train_test_split(
                outer, test_size=0.25, random_state=split + 100
            )
            scaler = StandardScaler().fit(train)
            train, test = scaler.transform(train), scaler.transform(test)
            for rule, share in shares.items():
                n_features = train.shape[1]
                k = min(round(share * n_features), n_features - 1)
                pca = _pca(k, train, test)
                for stage, further in (
                    ("start", {"learning_rate": 1e-12, "max_epochs": 1}),
                    ("trained", {}),
                ):
                    model = VariationalAutoencoder(k, random_state=0, **further)
                    found = model.fit(train).log_likelihood(test, 500, random_state=0)
                    line = {"table": name, "components": rule, "stage": stage}
                    lines.append({**line, "PCA": pca, "VAE": found.mean()})
    frame = pd.DataFrame(lines)
    frame["splits ahead"] = frame["VAE"] > frame["PCA"]
    keys = ["table", "components", "stage"]
    parts = {"PCA": "mean", "VAE": "mean", "splits ahead": "sum"}
    save(frame.groupby(keys, sort=False).agg(parts), "generative_inner", 2)


def _pca(n_components, train, test):
    try:
        return PCA(n_components).fit(train).score(test)
    except np.linalg.LinAlgError:  # constant columns
        return np.nan


def keep(model, name):
    """Keep a fitted model for the pictures."""
    MODELS.mkdir(exist_ok=True)
    with open(MODELS / f"{name}.pickle", "wb") as file:
        pickle.dump(model, file)


# -- speed


def bound_loop(module, log_variance, X, epochs, batch_size):
    """Train a variational module as an expert would by hand.

    Squared error of learned variance, or cross-entropy if `log_variance` is None.
    """
    rows = torch.from_numpy(X)
    parameters = [*module.parameters()]
    if log_variance is not None:
        parameters.append(log_variance)
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    module.train()
    for _ in range(epochs):
        order = torch.randperm(len(rows))
        for start in range(0, len(rows), batch_size):
            x = rows[order[start : start + batch_size]]
            result = module(Batch(x))
            if log_variance is None:
                loss = F.binary_cross_entropy_with_logits(
                    result.output, x, reduction="sum"
                )
            else:
                errors = (result.output - x).square().sum()
                loss = 0.5 * (errors / log_variance.exp() + x.numel() * log_variance)
            loss = (loss + result.divergence.sum()) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def with_skae(X, hidden, code, epochs, batch_size, loss):
    """Fit ours; return it."""
    return VariationalAutoencoder(
        code,
        architecture=Dense(hidden, shortcut=None),
        loss=loss,
        max_epochs=epochs,
        batch_size=batch_size,
        early_stopping=False,
        contamination=None,
        random_state=0,
    ).fit(X)


def with_pyod(X, hidden, code, epochs, batch_size, loss):
    """Fit PyOD's, squared error whatever the loss."""
    from pyod.models.vae import VAE

    VAE(
        encoder_neuron_list=list(hidden),
        decoder_neuron_list=list(hidden[::-1]),
        latent_dim=code,
        epoch_num=epochs,
        batch_size=batch_size,
        dropout_rate=0.0,
        preprocessing=False,
        verbose=0,
        device="cpu",
    ).fit(X)


def with_pythae(X, hidden, code, epochs, batch_size, loss):
    """Fit pythae's over networks of the same sizes."""
    import contextlib
    import io
    import logging
    import tempfile

    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    def stack(sizes):
        pairs = zip(sizes, sizes[1:], strict=False)
        layers = [(torch.nn.Linear(*pair), torch.nn.ReLU()) for pair in pairs]
        return torch.nn.Sequential(*[part for layer in layers for part in layer])

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.layers = stack([X.shape[1], *hidden])
            self.mean = torch.nn.Linear(hidden[-1], code)
            self.log_variance = torch.nn.Linear(hidden[-1], code)

        def forward(self, x):
            h = self.layers(x)
            return ModelOutput(
                embedding=self.mean(h), log_covariance=self.log_variance(h)
            )

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.layers = stack([code, *hidden[::-1]])
            self.last = torch.nn.Linear(hidden[0], X.shape[1])

        def forward(self, z):
            output = self.last(self.layers(z))
            if loss is not None:
                output = output.sigmoid()
            return ModelOutput(reconstruction=output)

    logging.disable(logging.WARNING)
    config = VAEConfig(
        input_dim=(X.shape[1],),
        latent_dim=code,
        reconstruction_loss="mse" if loss is None else "bce",
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        BaseTrainer(
            VAE(config, Encoder(), Decoder()),
            BaseDataset(torch.from_numpy(X), torch.zeros(len(X))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                num_epochs=epochs,
                per_device_train_batch_size=batch_size,
                per_device_eval_batch_size=batch_size,
                no_cuda=True,
            ),
        ).train()


def speed(repeats):
    """Time marginal epochs beside a loop over the same module, PyOD and pythae."""
    table = np.random.default_rng(0).normal(size=(1000, 20)).astype(np.float32)
    images = mnist_part("train")[0][:6000]
    cross_entropy = BinaryCrossEntropy()
    # PyOD has squared error only.
    wide, narrow = (images, (200, 200), 50, 128, 2), (table, (32,), 8, 32, 20)
    cases = {
        "MNIST 784-200-200-50, batch 128, cross-entropy": (*wide, cross_entropy),
        "MNIST 784-200-200-50, batch 128, squared error": (*wide, None),
        "1000 x 20, 20-32-8, batch 32, squared error": (*narrow, None),
    }
    lines = []
    for name, (X, hidden, code, batch_size, epochs, loss) in cases.items():
        module = with_skae(X, hidden, code, 1, batch_size, loss).net_.module_

        def by_hand(X, hidden, code, epochs, batch_size, loss, module=module):
            width = torch.zeros((), requires_grad=True) if loss is None else None
            bound_loop(copy.deepcopy(module), width, X, epochs, batch_size)

        makers = {
            who: lambda n, make=make, case=cases[name]: make(
                *case[:3], n, case[3], case[5]
            )
            for who, make in {
                "skae": with_skae,
                "loop": by_hand,
                "PyOD": with_pyod,
                "pythae": with_pythae,
            }.items()
        }
        marginal = marginal_epochs(makers, epochs, repeats)
        line = {"case": name, "seconds per epoch": marginal["skae"]}
        line["over the loop"] = marginal["skae"] / marginal["loop"]
        for who in ("PyOD", "pythae"):
            line[f"{who} over skae"] = marginal[who] / marginal["skae"]
        lines.append(line)
    save(pd.DataFrame(lines).set_index("case"), "generative_speed", 3)


# -- pictures


def pictures():
    """Draw samples, a plane of codes, paths and traversals of the models kept."""
    import matplotlib

    matplotlib.use("agg")
    X, y = mnist_part("test")
    model = kept("likelihood")
    draw_grid(model.sample(100, random_state=0), 10, "generative_samples")
    starts = [np.flatnonzero(y == digit)[0] for digit in range(8)]
    ends = [np.flatnonzero(y == digit)[1] for digit in range(2, 10)]
    paths = model.interpolate(X[starts] > 0.5, X[ends] > 0.5, n_steps=12)
    draw_grid(paths.reshape(-1, 784), 12, "generative_paths")
    spread = model.transform(X[:2000]).std(axis=0).argsort()[::-1][:8]
    rows = [
        model.traverse(int(unit), X[[0]] > 0.5, values=np.linspace(-3, 3, 12))[0]
        for unit in spread
    ]
    draw_grid(np.concatenate(rows), 12, "generative_traversal")
    conditional_model = kept("conditional")
    digits = np.repeat(np.arange(10), 12)
    samples = conditional_model.sample(120, random_state=0, condition=digits)
    draw_grid(samples, 12, "generative_digits")
    train, _ = mnist_part("train")
    plane = VariationalAutoencoder(
        2,
        architecture=Dense((512, 256), shortcut=None),
        loss=BinaryCrossEntropy(),
        batch_size=128,
        max_epochs=30,
        early_stopping=False,
        contamination=None,
        random_state=0,
    ).fit(train)
    quantiles = norm.ppf((np.arange(16) + 0.5) / 16)
    codes = np.array([(a, b) for b in quantiles[::-1] for a in quantiles])
    draw_grid(plane.inverse_transform(codes), 16, "generative_plane")


def draw_grid(rows, n_columns, name):
    """Save images as one, in rows of `n_columns`."""
    import matplotlib.pyplot as plt

    images = np.pad(rows.reshape(-1, 28, 28), ((0, 0), (1, 1), (1, 1)))
    lines = images.reshape(-1, n_columns, 30, 30).transpose(0, 2, 1, 3)
    picture = 1 - lines.reshape(-1, n_columns * 30)
    plt.imsave(PICTURES / f"{name}.png", picture, cmap="gray", vmin=0, vmax=1)


def kept(name):
    """Return a model that another part kept."""
    path = MODELS / f"{name}.pickle"
    if not path.exists():
        raise SystemExit(f"{path} is missing: run the part {name} first.")
    with open(path, "rb") as file:
        return pickle.load(file)


PARTS = ("likelihood", "conditional", "tables", "inner", "speed", "pictures")


def main():
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", default=PARTS, choices=[*PARTS, PARTS])
    parser.add_argument("--epochs", type=int, help="of likelihood and conditional")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    if "likelihood" in options.part:
        likelihood(options.epochs or 520, options.full)
    if "conditional" in options.part:
        conditional(options.epochs or 40)
    if "tables" in options.part:
        tables(options.splits)
    if "inner" in options.part:
        inner(8)
    if "speed" in options.part:
        speed(options.repeats)
    if "pictures" in options.part:
        pictures()


if __name__ == "__main__":
    main()
