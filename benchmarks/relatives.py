"""Objectives and sparsities beside their nearest relatives.

python benchmarks/relatives.py selections  # TopK and BatchTopK, patches
python benchmarks/relatives.py samples     # rows drawn: PCA, variational, WAE
python benchmarks/relatives.py factors     # variational and beta-TCVAE, sprites
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
from common import machine, mnist_part, save
from regularised import photograph_patches
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import (
    BatchTopK,
    BetaTCVAE,
    BinaryCrossEntropy,
    Dense,
    SparseAutoencoder,
    TopK,
    VariationalAutoencoder,
    WassersteinAutoencoder,
)

torch.set_num_threads(1)


# -- units per row, or per row on average


def selections():
    """Return what both explain of held-out patches with as many units on average."""
    train, test = photograph_patches()
    lines = []
    for n_units in (512, 4096):
        for k in (8, 32):
            for sparsity in (TopK(k), BatchTopK(k)):
                model = SparseAutoencoder(n_units, sparsity=sparsity, random_state=0)
                start = time.process_time()
                n_active = (model.fit(train).transform(test) != 0).sum(axis=1)
                minutes = (time.process_time() - start) / 60
                rest = np.sum((model.reconstruct(test) - test) ** 2)
                lines.append(
                    {
                        "units": n_units,
                        "sparsity": f"{type(sparsity).__name__}({k})",
                        "explained variance": 1
                        - rest / np.sum((test - test.mean(axis=0)) ** 2),
                        "active per row": n_active.mean(),
                        "of the middle 80 %": "{:.0f} to {:.0f}".format(
                            *np.quantile(n_active, [0.1, 0.9])
                        ),
                        "never active": len(model.dead_units_) / n_units,
                        "CPU minutes": minutes,
                    }
                )
                print(lines[-1], flush=True)
    return pd.DataFrame(lines).set_index(["units", "sparsity"])


# -- rows drawn


def tables():
    """Yield name, rows and number of components of each table."""
    yield "digits", load_digits().data / 16, 16
    yield "breast cancer", StandardScaler().fit_transform(load_breast_cancer().data), 8
    yield "MNIST, 6,000 rows", mnist_part("train")[0][:6000], 16


def energy_distance(a, b):
    """Return the energy distance of two samples, 0 on average of one distribution."""
    between = 2 * pairwise_distances(a, b).mean()
    within = (pairwise_distances(x).sum() / (len(x) * (len(x) - 1)) for x in (a, b))
    return between - sum(within)


def samples(n_splits=3):
    """Return how near drawn rows are to unseen ones, and reconstructions."""
    lines = []
    for name, X, n_components in tables():
        for seed in range(n_splits):
            train, test = train_test_split(
                X.astype(np.float32), test_size=0.3, random_state=100 + seed
            )
            n, spread = len(test), test.var(axis=0).sum()

            def add(model, made, rebuilt, spread=spread, test=test, name=name):
                error = np.square(rebuilt - test).sum(axis=1).mean()
                lines.append(
                    {
                        "table": name,
                        "codes from": model,
                        "energy distance": energy_distance(made, test),
                        "explained variance": 1 - error / spread,
                    }
                )
                print(lines[-1], flush=True)

            pca = PCA(n_components, random_state=0).fit(train)
            rng = np.random.default_rng(seed)
            codes = rng.normal(size=(n, n_components)) * pca.singular_values_
            made = pca.inverse_transform(codes / np.sqrt(len(train) - 1))
            add("PCA", made, pca.inverse_transform(pca.transform(test)))
            for kind in (VariationalAutoencoder, WassersteinAutoencoder):
                model = kind(n_components, random_state=seed).fit(train)
                rebuilt = model.reconstruct(test)
                for latent in ("prior", "mixture"):
                    made = model.sample(n, seed, latent=latent)
                    add(f"{kind.__name__}, {latent}", made, rebuilt)
            add("training rows", train[:n], test)
    frame = pd.DataFrame(lines)
    return frame.groupby(["table", "codes from"], sort=False).mean()


# -- known factors


def sprites(side=16):
    """Return images of 16 x 16 and their shape, size and place, as numbers."""
    y, x = np.meshgrid(*[np.linspace(-1, 1, side)] * 2, indexing="ij")
    places, images, factors = np.linspace(-0.55, 0.55, 8), [], []
    for factor in np.ndindex(3, 4, 8, 8):
        shape, size, column, row = factor
        dx, dy = np.abs(x - places[column]), np.abs(y - places[row])
        radius = (
            np.maximum(dx, dy),
            0.9 * np.hypot(dx, 2 * dy),
            0.9 * np.hypot(2 * dx, dy),
        )[shape]
        edge = np.linspace(0.25, 0.45, 4)[size]
        images.append(1 / (1 + np.exp(30 * (radius - edge))).ravel())
        factors.append(factor)
    return np.array(images, dtype=np.float32), np.array(factors)


def information_gap(codes, factors, n_bins=20):
    """Return the mutual information gap (Chen et al. 2018), the mean over factors."""
    gaps = []
    for factor in factors.T:
        shared = np.sort([_shared(code, factor, n_bins) for code in codes.T])
        p = np.bincount(factor) / len(factor)
        gaps.append((shared[-1] - shared[-2]) / -np.sum(p * np.log(p)))
    return np.mean(gaps)


def _shared(code, factor, n_bins):
    """Return the mutual information of a code, in bins, and a factor, in nats."""
    edges = np.quantile(code, np.linspace(0, 1, n_bins + 1)[1:-1])
    table = np.zeros((n_bins, factor.max() + 1))
    np.add.at(table, (np.digitize(code, edges), factor), 1 / len(code))
    product = table.sum(1, keepdims=True) * table.sum(0)
    some = table > 0
    return np.sum(table[some] * np.log(table[some] / product[some]))


def factors(n_seeds=5):
    """Return gap and bound of both objectives over their weights."""
    X, known = sprites()
    lines = []
    for kind in (VariationalAutoencoder, BetaTCVAE):
        for beta in (1, 2, 4, 6, 10):
            for seed in range(n_seeds):
                model = kind(
                    8,
                    beta=beta,
                    architecture=Dense((128, 128)),
                    loss=BinaryCrossEntropy(),
                    max_epochs=150,
                    batch_size=128,
                    random_state=10 + seed,
                ).fit(X)
                lines.append(
                    {
                        "objective": kind.__name__,
                        "beta": beta,
                        "information gap": information_gap(model.transform(X), known),
                        "ELBO": model.score(X),
                        "active units": len(model.active_units_),
                    }
                )
                print(lines[-1], flush=True)
    return pd.DataFrame(lines).groupby(["objective", "beta"], sort=False).mean()


PARTS = {"selections": selections, "samples": samples, "factors": factors}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="part")
    print(machine())
    for part in parser.parse_args().parts:
        save(PARTS[part](), f"relatives_{part}", 4)
