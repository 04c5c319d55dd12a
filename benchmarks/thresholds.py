"""False alarms on new normal rows, at the share that `contamination` asks for.

Normal rows of ADBench's tables and digits, half of them trained on, at most 2,000; the
alarms are those among at most 2,000 of the others. Beside them, what a threshold at the
same quantile of the training rows' scores gives.

python benchmarks/thresholds.py
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import warnings

import numpy as np
import pandas as pd
import torch
from common import data_folder, machine, save
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from skae import Autoencoder, VariationalAutoencoder

torch.set_num_threads(1)
warnings.simplefilter("ignore", ConvergenceWarning)

SHARES = (0.01, 0.05, 0.1)
SEEDS = range(3)
MOST_ROWS = 2000  # of each half


def tables():
    """Yield the name and the normal rows of each table."""
    for path in sorted((data_folder() / "adbench").glob("*.npz")):
        with np.load(path) as file:
            yield path.stem.split("_")[1], file["X"][file["y"] == 0].astype(float)
    yield "digits", load_digits().data


def alarms(kind, X, seed):
    """Return what share of new rows is outside, for each share asked for.

    Returns
    -------
    line : dict
        By `contamination`, and by the quantile of the training rows' scores.
    """
    order = np.random.default_rng(seed).permutation(len(X))
    train, test = (X[half[:MOST_ROWS]] for half in np.array_split(order, 2))
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    model = kind(contamination=SHARES[0], random_state=seed).fit(train)
    scores, known = model.score_samples(test), model.score_samples(train)
    probability = model.outlier_probability(test)
    assert np.array_equal(probability > 1 - SHARES[0], model.predict(test) == -1)
    line = {}
    for share in SHARES:
        line[f"{share:g}"] = (probability > 1 - share).mean()
        line[f"{share:g}, training rows"] = (scores < np.quantile(known, share)).mean()
    return line


def main():
    """Compare the shares got with those asked for."""
    lines = {}
    for kind in (Autoencoder, VariationalAutoencoder):
        for name, X in tables():
            of_seeds = pd.DataFrame([alarms(kind, X, seed) for seed in SEEDS])
            lines[kind.__name__, name] = of_seeds.mean()
            print(kind.__name__, name, *of_seeds.mean().round(3), flush=True)
        of_tables = pd.DataFrame(
            [row for (who, name), row in lines.items() if who == kind.__name__][:-1]
        )
        lines[kind.__name__, "median of ADBench's"] = of_tables.median()
    frame = pd.DataFrame(lines).T
    frame.index.names = ["estimator", "table"]
    print(machine())
    save(frame, "thresholds")


if __name__ == "__main__":
    main()
