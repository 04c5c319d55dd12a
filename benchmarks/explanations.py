"""Planted faults: how often `explain` puts the changed column first.

python benchmarks/explanations.py

Tables are standardised on 70 % of the rows and models fitted to these, with their
defaults. Of the other rows, 500 are drawn and one column of each is moved by 3, 4 or 5
standard deviations, up or down, or two columns by 5. A share is that of rows in which
the changed column has the largest share of the score (the two largest for two
columns), in per cent, a mean over splits; beside it that of the largest loss of a cell
(``method="loss"``).
"""

import os
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
from common import data_folder, machine, median, save
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import Autoencoder, VariationalAutoencoder

torch.set_num_threads(1)

SIZES = (3, 4, 5)
N_ROWS = 500
N_SPLITS = 5
MODELS = {
    "Autoencoder": Autoencoder,
    "VariationalAutoencoder": VariationalAutoencoder,
    "the same, reconstruction probability": lambda random_state: VariationalAutoencoder(
        outlier_score="reconstruction_probability", random_state=random_state
    ),
}


def tables():
    """Return tables of numbers without columns that hardly vary, by name."""
    found = {
        name: getattr(datasets, f"load_{name}")().data
        for name in ("wine", "breast_cancer", "diabetes", "digits")
    }
    california = pd.read_csv(data_folder() / "california.csv")
    california = california.select_dtypes("number").dropna()
    found["california"] = california.sample(4000, random_state=0).to_numpy()
    for name, X in found.items():
        most = [np.unique(column, return_counts=True)[1].max() for column in X.T]
        found[name] = X[:, np.array(most) < 0.9 * len(X)]
    return found


def planted(X, size, n_faults, rng):
    """Return rows of X with faults, and the columns changed, (N_ROWS, n_faults)."""
    rows = X[rng.integers(len(X), size=N_ROWS)].copy()
    columns = rng.random(rows.shape).argsort(axis=1)[:, :n_faults]
    signs = rng.choice([-size, size], columns.shape)
    np.put_along_axis(
        rows, columns, np.take_along_axis(rows, columns, axis=1) + signs, axis=1
    )
    return rows, columns


def found(model, rows, columns, method):
    """Return the per cent of rows whose changed columns have the largest shares."""
    shares = model.explain(rows, method=method).to_numpy()[:, : rows.shape[1]]
    first = np.argsort(-shares, axis=1)[:, : columns.shape[1]]
    same = np.sort(first, axis=1) == np.sort(columns, axis=1)
    return 100 * same.all(axis=1).mean()


def milliseconds(model, rows, method):
    """Return the time that the explanation of a row takes."""
    times = []
    for _ in range(3):
        start = time.process_time()
        model.explain(rows, method=method)
        times.append(time.process_time() - start)
    return 1000 * median(times) / len(rows)


def measured(make, X, seed):
    """Return the figures of one table and split."""
    train, test = train_test_split(X, test_size=0.3, random_state=seed)
    scaler = StandardScaler().fit(train)
    model = make(random_state=seed).fit(scaler.transform(train))
    test, rng, result = scaler.transform(test), np.random.default_rng(seed), {}
    for size, n_faults in [(size, 1) for size in SIZES] + [(5, 2)]:
        rows, columns = planted(test, size, n_faults, rng)
        name = f"{size} sd" if n_faults == 1 else f"two of {size} sd"
        for method, label in (("loss", "loss"), ("auto", "explain")):
            result[f"{name}: {label}"] = found(model, rows, columns, method)
    result["ms per row"] = milliseconds(model, rows, "auto")
    return result


def main():
    """Measure all tables and models."""
    warnings.filterwarnings("ignore")
    results = {}
    for kind, make in MODELS.items():
        for name, X in tables().items():
            splits = [measured(make, X, seed) for seed in range(N_SPLITS)]
            results[kind, f"{name} ({X.shape[1]})"] = pd.DataFrame(splits).mean()
    frame = pd.DataFrame(results).T
    frame.index.names = ["estimator", "table (columns)"]
    save(frame, "explanations", decimals=1)
    print(machine())


if __name__ == "__main__":
    main()
