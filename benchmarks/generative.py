"""How good a model of the data a variational autoencoder is.

    python benchmarks/generative.py likelihood    # MNIST, about an hour of one core
    python benchmarks/generative.py conditional   # MNIST digits on request
    python benchmarks/generative.py tables        # bundled tables, beside PCA, mixtures
    python benchmarks/generative.py speed         # epochs beside a loop and peers
    python benchmarks/generative.py pictures      # samples, grid, paths, traversal

`likelihood` takes ``--epochs`` and ``--full``, for all 10,000 test images.
"""

import argparse
import os
import pickle
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
from common import ROOT, machine, mnist_part, save

from skae import BinaryCrossEntropy, Dense, VariationalAutoencoder

torch.set_num_threads(1)
MODELS = ROOT / "benchmark-models"

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


def keep(model, name):
    """Keep a fitted model for the pictures."""
    MODELS.mkdir(exist_ok=True)
    with open(MODELS / f"{name}.pickle", "wb") as file:
        pickle.dump(model, file)


def main():
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", default=["likelihood"])
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    print(machine())
    likelihood(options.epochs, options.full)


if __name__ == "__main__":
    main()
