"""Held-out reconstruction error with defaults, beside PCA.

Five bundled tables of scikit-learn, k = 2 and 8, five splits of 80/20, columns
standardised on the training part or raw; ratios of mean squared errors on the test
part. With the data folder, ADBench's tables as well.

    python benchmarks/reconstruction.py
    python benchmarks/reconstruction.py --adbench
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from common import data_folder, machine, save
from joblib import Parallel, delayed
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import Autoencoder

SPLITS = range(5)


def bundled_tables():
    """Return the tables that scikit-learn ships."""
    names = ("iris", "wine", "breast_cancer", "diabetes", "digits")
    return {name: getattr(datasets, f"load_{name}")().data for name in names}


def adbench_tables(most_rows=10_000):
    """Return ADBench's tables, at most `most_rows` rows of each."""
    tables = {}
    for path in sorted((data_folder() / "adbench").glob("*.npz")):
        X = np.load(path, allow_pickle=True)["X"].astype(float)
        rows = np.random.default_rng(0).permutation(len(X))[:most_rows]
        tables[path.stem] = X[rows]
    return tables


def ratio(X, k, split, standardise, a=1.0, b=0.0):
    """Return the test error of the default autoencoder in units of PCA's."""
    train, test = train_test_split(X, test_size=0.2, random_state=split)
    if standardise:
        scaler = StandardScaler().fit(train)
        train, test = scaler.transform(train), scaler.transform(test)
    train, test = a * train + b, a * test + b
    errors = []
    for model in (Autoencoder(k, random_state=0), PCA(k)):
        decoded = model.fit(train).inverse_transform(model.transform(test))
        errors.append(np.mean((decoded - test) ** 2))
    return errors[0] / errors[1]


def compare(tables, standardise, **moved):
    """Return a frame of ratios: a row per table and k, columns mean, worst, splits."""
    cells = [(name, k) for name, X in tables.items() for k in (2, 8) if k < X.shape[1]]
    ratios = Parallel(n_jobs=2)(
        delayed(ratio)(tables[name], k, split, standardise, **moved)
        for name, k in cells
        for split in SPLITS
    )
    frame = pd.DataFrame(
        np.reshape(ratios, (len(cells), len(SPLITS))),
        index=pd.MultiIndex.from_tuples(cells, names=["table", "k"]),
        columns=[f"split {split}" for split in SPLITS],
    )
    frame.insert(0, "mean", frame.mean(axis=1))
    frame.insert(1, "worst", frame.drop(columns="mean").max(axis=1))
    return frame


def report(title, frame, name=None):
    """Print a frame and what is asked of it; save it under a name."""
    print(f"\n{title}")
    save(frame, name) if name else print(frame.round(3).to_string())
    means = frame["mean"]
    print(
        f"median of means {means.median():.3f}, highest mean {means.max():.4f}, "
        f"worst split {frame['worst'].max():.3f}",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--adbench", action="store_true")
    options = parser.parse_args()
    print(machine())
    if options.adbench:
        tables = adbench_tables()
        report("ADBench, standardised", compare(tables, True), "reconstruction_adbench")
    else:
        tables = bundled_tables()
        report("Standardised", compare(tables, True), "reconstruction")
        report("Raw columns", compare(tables, False), "reconstruction_raw")
        few = {name: tables[name] for name in ("wine", "breast_cancer")}
        for a, b in [(1.0, 0.0), (1e-3, 0.0), (1e4, 0.0), (1.0, 1e6)]:
            report(f"{a:g} * X + {b:g}", compare(few, True, a=a, b=b))
