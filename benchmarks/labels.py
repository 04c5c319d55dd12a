"""Few labels of MNIST: accuracy on its test images, and what transfer is worth.

python benchmarks/labels.py                      # all, hours
python benchmarks/labels.py --labels 100 --draws 1 --encoders denoising
python benchmarks/labels.py transfer
"""

import argparse

import numpy as np
import pandas as pd
from common import machine, mnist_part, save
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from skae import (
    Autoencoder,
    AutoencoderClassifier,
    Convolutional,
    DenoisingAutoencoder,
    Dense,
    StackedAutoencoder,
    VariationalAutoencoder,
)

N_COMPONENTS = 32
ENCODERS = {
    "plain": lambda: Autoencoder(N_COMPONENTS, random_state=0),
    "denoising": lambda: DenoisingAutoencoder(N_COMPONENTS, random_state=0),
    "variational": lambda: VariationalAutoencoder(N_COMPONENTS, random_state=0),
    "stacked": lambda: StackedAutoencoder(
        N_COMPONENTS, architecture=Dense((512, 256)), random_state=0
    ),
    "convolutional": lambda: DenoisingAutoencoder(
        N_COMPONENTS,
        architecture=Convolutional(input_shape=(1, 28, 28)),
        random_state=0,
    ),
}


def draw(y, n_labels, seed):
    """Return labels of which as many of each class stay; the others are -1."""
    rng = np.random.default_rng(seed)
    few = np.full(len(y), -1)
    for digit in range(10):
        rows = rng.permutation(np.flatnonzero(y == digit))[: n_labels // 10]
        few[rows] = digit
    return few


def baselines(pixels, components, codes):
    """Yield names, estimators, and the rows that each is fitted to.

    `codes` are those of the denoising autoencoder, or None.
    """
    logistic = LogisticRegression(max_iter=1000)
    yield "logistic regression, pixels", logistic, pixels, False
    yield "logistic regression, PCA", logistic, components, False
    yield "MLPClassifier", MLPClassifier(random_state=0), pixels, False
    yield (
        "SelfTrainingClassifier, PCA",
        SelfTrainingClassifier(LogisticRegression(max_iter=1000)),
        components,
        True,
    )
    spreading = LabelSpreading(kernel="knn")
    yield "LabelSpreading, pixels", spreading, pixels, True
    yield "LabelSpreading, PCA", spreading, components, True
    if codes is not None:
        yield "LabelSpreading, codes", spreading, codes, True


def accuracies(args):
    """Return a row for each method, number of labels and draw."""
    (X, y), (X_test, y_test) = mnist_part("train"), mnist_part("test")
    X, y = X[: args.rows], y[: args.rows].astype(int)
    pca = PCA(N_COMPONENTS, random_state=0).fit(X)
    encoders = {name: ENCODERS[name]().fit(X) for name in args.encoders}
    pixels = X, X_test
    components = pca.transform(X), pca.transform(X_test)
    codes = None
    if "denoising" in encoders:
        codes = tuple(encoders["denoising"].transform(rows) for rows in pixels)
    found = []

    def record(name, n_labels, seed, accuracy):
        found.append((name, n_labels, seed, accuracy))
        print(*found[-1], flush=True)

    for n_labels in args.labels:
        for seed in range(args.draws):
            few = draw(y, n_labels, seed)
            known = few >= 0
            for name, model, (rows, new), takes_all in baselines(
                pixels, components, codes
            ):
                used = slice(None) if takes_all else known
                score = model.fit(rows[used], few[used]).score(new, y_test)
                record(name, n_labels, seed, score)
            for name, encoder in encoders.items():
                model = AutoencoderClassifier(
                    FrozenEstimator(encoder),
                    max_epochs=args.epochs,
                    random_state=seed,
                ).fit(X, few)
                record(f"ours, {name}", n_labels, seed, model.score(X_test, y_test))
    return pd.DataFrame(found, columns=["method", "labels", "draw", "accuracy"])


def transfer(args):
    """Return accuracies of a head on few labels: fine-tuned, frozen, from scratch."""
    (X, y), (X_test, y_test) = mnist_part("train"), mnist_part("test")
    X, y = X[: args.rows], y[: args.rows].astype(int)
    encoder = FrozenEstimator(ENCODERS["denoising"]().fit(X))
    found = []
    for seed in range(args.draws):
        few = draw(y, 100, seed)
        known = few >= 0
        scratch = DenoisingAutoencoder(N_COMPONENTS, max_epochs=1, random_state=seed)
        ways = {
            "fine-tuned": AutoencoderClassifier(
                encoder, max_epochs=args.epochs, random_state=seed
            ),
            "frozen": AutoencoderClassifier(encoder, fine_tune=False),
            "from scratch": AutoencoderClassifier(scratch, random_state=seed),
        }
        for name, model in ways.items():
            rows = known if name == "from scratch" else slice(None)
            model.fit(X[rows], few[rows])
            found.append((name, seed, model.score(X_test, y_test)))
            print(*found[-1], flush=True)
    return pd.DataFrame(found, columns=["encoder", "draw", "accuracy"])


def main():
    """Run what is asked for, and save tables for the documentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=["accuracy", "transfer"])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--encoders", nargs="+", default=list(ENCODERS))
    args = parser.parse_args()
    print(machine())
    if args.part != "transfer":
        table = accuracies(args).pivot_table(
            index="method", columns="labels", values="accuracy", aggfunc=["mean", "std"]
        )
        table.columns = [f"{n}_{what}" for what, n in table.columns]
        save(table, "labels")
    if args.part != "accuracy":
        table = transfer(args).groupby("encoder")["accuracy"].agg(["mean", "std"])
        save(table, "labels_transfer")


if __name__ == "__main__":
    main()
