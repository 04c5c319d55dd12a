"""Tables with all labels: pretrained and joint, from scratch, histogram boosting.

python benchmarks/supervised.py
python benchmarks/supervised.py --tables adult --draws 1
"""

import argparse

import pandas as pd
from common import data_folder, machine, save
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skae import (
    AutoencoderClassifier,
    AutoencoderRegressor,
    Columns,
    DenoisingAutoencoder,
    Dense,
    SwapNoise,
)


def adult():
    """Return Adult as a mixed frame with gaps, and who earns more."""
    frame = pd.read_csv(
        data_folder() / "adult.csv", skipinitialspace=True, na_values="?"
    )
    return frame.drop(columns="income"), (frame["income"] == ">50K").astype(int)


def california():
    """Return the districts of California, and their median house values."""
    frame = pd.read_csv(data_folder() / "california.csv")
    return frame.drop(columns="median_house_value"), frame["median_house_value"]


def of_csv(name, target):
    """Return a reader of a table of numbers, its target a column by its place."""

    def read():
        frame = pd.read_csv(data_folder() / "imputation" / f"{name}.csv")
        column = frame.columns[target]
        return frame.drop(columns=column), frame[column].astype(float)

    return read


def bundled(load):
    """Return a reader of a table of scikit-learn."""

    def read():
        X, y = load(return_X_y=True, as_frame=True)
        return X, y

    return read


TABLES = {
    "adult": (adult, "classes"),
    "california": (california, "numbers"),
    "wine_white": (of_csv("wine_white", -1), "numbers"),
    "airfoil": (of_csv("airfoil", -1), "numbers"),
    "concrete": (of_csv("concrete", -1), "numbers"),
    "breast_cancer": (bundled(load_breast_cancer), "classes"),
    "wine": (bundled(load_wine), "classes"),
    "diabetes": (bundled(load_diabetes), "numbers"),
}


def encoder(seed, pretrained):
    """Return the autoencoder: one that learns rows, or the same network, random."""
    return DenoisingAutoencoder(
        32,
        architecture=Dense(shortcut="pca" if pretrained else "random"),
        corruption=SwapNoise(0.2),
        columns=Columns(transform="quantile"),
        random_state=seed,
        **({} if pretrained else {"max_epochs": 1, "learning_rate": 1e-12}),
    )


def methods(kind, seed):
    """Return estimators of classes or numbers by name."""
    ours, boosting = (
        (AutoencoderClassifier, HistGradientBoostingClassifier)
        if kind == "classes"
        else (AutoencoderRegressor, HistGradientBoostingRegressor)
    )
    return {
        "pretrained and joint": ours(encoder(seed, True), random_state=seed),
        "from scratch": ours(
            encoder(seed, False), reconstruction_weight=0.0, random_state=seed
        ),
        "histogram boosting": boosting(
            categorical_features="from_dtype", random_state=seed
        ),
    }


def score(model, X, y, kind):
    """Return the area under the curve of classes, R² of numbers."""
    if kind == "numbers":
        return model.score(X, y)
    probabilities = model.predict_proba(X)
    if probabilities.shape[1] == 2:
        return roc_auc_score(y, probabilities[:, 1])
    return roc_auc_score(y, probabilities, multi_class="ovr")


def main():
    """Run the tables, and save what documentation shows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    parser.add_argument("--draws", type=int, default=3)
    args = parser.parse_args()
    print(machine())
    found = []
    for table in args.tables:
        read, kind = TABLES[table]
        X, y = read()
        words = X.select_dtypes(include=["object", "string"]).columns
        X = X.astype(dict.fromkeys(words, "category"))
        for seed in range(args.draws):
            parts = train_test_split(X, y, test_size=0.2, random_state=seed)
            X_train, X_test, y_train, y_test = parts
            for name, model in methods(kind, seed).items():
                model.fit(X_train, y_train)
                value = score(model, X_test, y_test, kind)
                found.append((table, name, seed, value))
                print(*found[-1], flush=True)
    found = pd.DataFrame(found, columns=["table", "method", "draw", "score"])
    table = found.pivot_table(index="table", columns="method", values="score")
    save(table, "supervised")


if __name__ == "__main__":
    main()
