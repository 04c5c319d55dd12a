"""Hidden cells of tables filled, beside other imputers.

python benchmarks/imputation.py tables  # 15 tables, cells hidden in two ways
python benchmarks/imputation.py speed   # one letter table, more and more rows
python benchmarks/imputation.py miwae   # breast cancer, Mattei & Frellsen (2019)
python benchmarks/imputation.py adult   # categories of Adult, a loop by hand beside

Out of sample: imputers are fitted on 80 % of the rows, with cells hidden there as well,
and fill hidden cells of the other 20 %. Numbers are scored by the root of the mean
squared error, each column in units of its standard deviation over observed cells of the
training rows; categories by the share of cells filled rightly; a table's own gaps are
left and not scored. Imputers of arrays see standardised numbers and categories as
one-hot blocks, filled by the block's largest value. Chained regressions classify the
levels, those of trees (extremely randomised, for missForest's forests) from integers.
Seconds are of one core, of the process; imports are not counted.

missForest grows 100 trees for each column in each of up to 10 rounds. In that setting
it is timed once, at 5,000 rows; the grid of tables has 20 trees, 5 rounds and at most
1,000 training rows of each table.

Results are updated, not replaced, so ``--tables`` and ``--methods`` may be run apart.
"""

import argparse
import os
import time
import warnings
from itertools import product
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
from common import RESULTS, data_folder, machine, save
from sklearn import datasets
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import BayesianRidge, LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import nn
from torch.nn import functional as F

import skae

torch.set_num_threads(1)

SHARES = (0.1, 0.3, 0.5)
LARGE = ("adult", "california", "digits", "letter", "wine_white")  # are split once
# Columns of numbers that name levels; the letter itself is the first of its table.
LEVELS = {
    "letter": ["v0"],
    "obesity": "Gender family_history_with_overweight FAVC CAEC SMOKE SCC CALC MTRANS "
    "NObeyesdad".split(),
    "raisin": ["Class"],
    "yeast": ["site"],
}


# -- tables


def bundled(name):
    """Return a table of scikit-learn without columns that hardly vary."""
    X = pd.DataFrame(getattr(datasets, f"load_{name}")().data).add_prefix("x")
    return X[[c for c in X if X[c].value_counts(normalize=True).iloc[0] < 0.99]]


def from_csv(path):
    """Return a table whose levels and texts are categories, numbers floats."""
    frame = pd.read_csv(data_folder() / path, skipinitialspace=True, na_values="?")
    levels = LEVELS.get(Path(path).stem, [])
    numbers = frame.select_dtypes("number").columns.difference(levels)
    return frame.astype({c: float if c in numbers else "category" for c in frame})


def tables():
    """Return the maker of each table, by name."""
    makers = {
        name: lambda name=name: bundled(name)
        for name in ("iris", "wine", "breast_cancer", "diabetes", "digits")
    }
    files = ["penguins.csv", "adult.csv", "california.csv"]
    files += [f"imputation/{p.name}" for p in (data_folder() / "imputation").glob("*")]
    for path in sorted(files):
        makers[Path(path).stem] = lambda path=path: from_csv(path)
    return makers


def subsample(frame, n_rows, seed):
    """Return at most so many rows, in random order."""
    rows = np.random.default_rng(seed).permutation(len(frame))[:n_rows]
    return frame.iloc[rows].reset_index(drop=True)


# -- cells hidden


def hide_random(frame, share, rng):
    """Hide cells completely at random."""
    return rng.random(frame.shape) < share


def hide_large(frame, share, rng, slope=2.0):
    """Hide cells not at random: the larger, the likelier to be missing.

    A cell is missing with probability ``sigmoid(slope * z + b)``, z the column
    standardised, of categories the number of the level; b such that the probabilities
    of each column average to the share.
    """
    hidden = np.zeros(frame.shape, dtype=bool)
    for j, column in enumerate(frame):
        x = frame[column]
        x = x.astype(float) if is_number(x) else x.cat.codes.where(x.notna())
        z = ((x - x.mean()) / (x.std() or 1)).fillna(0).to_numpy()
        low, high = -50.0, 50.0
        for _ in range(60):
            b = (low + high) / 2
            p = 1 / (1 + np.exp(-np.clip(slope * z + b, -50, 50)))
            low, high = (b, high) if p.mean() < share else (low, b)
        hidden[:, j] = rng.random(len(x)) < p
    return hidden


MECHANISMS = {"random": hide_random, "not at random": hide_large}


# -- imputers

FEW_TREES = "20 extra trees, 5 rounds"
MISS_FOREST = "100 extra trees, 10 rounds"  # missForest's setting; rounds at most


def is_number(column):
    """Return whether a column holds numbers."""
    return pd.api.types.is_numeric_dtype(column)


class Flat:
    """An imputer of arrays, for frames.

    Numbers are standardised; categories are one-hot blocks, or integers if `codes`.
    """

    def __init__(self, imputer, codes=False):
        self.imputer = imputer
        self.codes = codes

    def fit(self, frame):
        self.scales = {
            c: (frame[c].mean(), frame[c].std(ddof=0) or 1.0)
            for c in frame
            if is_number(frame[c])
        }
        self.imputer.fit(self._rows(frame))
        return self

    def transform(self, frame):
        rows, result, start = self.imputer.transform(self._rows(frame)), {}, 0
        for name, column in frame.items():
            block = rows[:, start : start + self._width(column)]
            start += block.shape[1]
            if name in self.scales:
                mean, std = self.scales[name]
                result[name] = block[:, 0] * std + mean
            else:
                codes = np.rint(block[:, 0]) if self.codes else block.argmax(axis=1)
                result[name] = pd.Categorical.from_codes(
                    codes.astype(int), dtype=column.dtype
                )
        return pd.DataFrame(result, index=frame.index)

    def _width(self, column):
        return 1 if is_number(column) or self.codes else len(column.cat.categories)

    def _rows(self, frame):
        blocks = []
        for name, column in frame.items():
            if name in self.scales:
                mean, std = self.scales[name]
                block = (column.to_numpy()[:, None] - mean) / std
            else:
                codes = column.cat.codes.to_numpy()
                block = codes[:, None].astype(float)
                if not self.codes:
                    block = np.eye(len(column.cat.categories))[codes]
                block[codes < 0] = np.nan
            blocks.append(block)
        return np.hstack(blocks)


class OneHotLevels(TransformerMixin, BaseEstimator):
    """Columns of whole numbers, which are levels, as one-hot blocks."""

    def fit(self, X, y=None):
        self.levels_ = [np.unique(x) if np.all(x == np.rint(x)) else None for x in X.T]
        return self

    def transform(self, X):
        return np.column_stack(
            [
                x if levels is None else x[:, None] == levels
                for x, levels in zip(X.T, self.levels_, strict=True)
            ]
        )


class Either(RegressorMixin, BaseEstimator):
    """A regressor for standardised numbers, a classifier for levels.

    Chained regressions of one-hot columns would not move from the shares they start
    at, as each is one minus the others of its block.
    """

    def __init__(self, regressor, classifier):
        self.regressor = regressor
        self.classifier = classifier

    def fit(self, X, y):
        levels = np.all(y == np.rint(y)) and np.ptp(y) > 0
        self.chosen_ = clone(self.classifier if levels else self.regressor).fit(X, y)
        return self

    def predict(self, X):
        return self.chosen_.predict(X)


def chained(regressor, classifier, seed, max_iter=10):
    """Return scikit-learn's imputer by regressions of each column on the others."""
    imputer = IterativeImputer(
        Either(regressor, classifier),
        max_iter=max_iter,
        initial_strategy="median",
        random_state=seed,
        keep_empty_features=True,
    )
    return Flat(imputer, codes=True)


def ridge(seed):
    """Return chained regressions, Bayesian ridge and logistic."""
    return chained(
        make_pipeline(OneHotLevels(), BayesianRidge()),
        make_pipeline(OneHotLevels(), LogisticRegression()),
        seed,
    )


def trees(seed, n_trees=20, max_iter=5):
    """Return chained forests of extremely randomised trees, missForest's way."""
    return chained(
        ExtraTreesRegressor(n_trees, random_state=seed),
        ExtraTreesClassifier(n_trees, random_state=seed),
        seed,
        max_iter=max_iter,
    )


def imputers():
    """Return what makes each imputer from a seed, by name."""
    makers = {
        "mean / mode": lambda seed: Flat(SimpleImputer(keep_empty_features=True)),
        "nearest 5": lambda seed: Flat(KNNImputer(keep_empty_features=True)),
        "Bayesian ridge": ridge,
        FEW_TREES: trees,
        MISS_FOREST: lambda seed: trees(seed, n_trees=100, max_iter=10),
    }
    makers["skae"] = lambda seed: skae.AutoencoderImputer(
        random_state=seed, keep_empty_features=True
    )
    return makers


def fill(imputer, train, test):
    """Return test rows filled, and CPU seconds of fit and transform."""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        filled = imputer.fit(train).transform(test)
    return filled, time.process_time() - start


def warm_up():
    """Fit ours once, so that no figure is one of imports."""
    trial(
        subsample(tables()["penguins"](), 60, 0), "random", 0.3, 0, imputers()["skae"]
    )


def scores(filled, truth, hidden, train):
    """Return the error of hidden numbers and the accuracy of hidden categories."""
    errors, hits = [], []
    for j, column in enumerate(truth):
        cells = hidden[:, j] & truth[column].notna().to_numpy()
        true, guess = truth[column][cells], filled[column][cells]
        if not is_number(truth[column]):
            hits.append(true.astype(object).to_numpy() == guess.astype(object))
        elif (scale := train[column].std(ddof=0)) > 0:
            errors.append(((guess - true) / scale).to_numpy())
    return {
        "RMSE": np.sqrt(np.mean(np.concatenate(errors) ** 2)) if errors else np.nan,
        "accuracy": np.mean(np.concatenate(hits)) if hits else np.nan,
    }


# -- parts


def trial(frame, mechanism, share, seed, make, most_rows=None):
    """Return what one imputer does for one split of one table."""
    hidden = MECHANISMS[mechanism](frame, share, np.random.default_rng(seed))
    n_train = int(0.8 * len(frame))
    shown = frame.mask(hidden)
    train, test = shown[:n_train][:most_rows], shown[n_train:]
    filled, cpu = fill(make(seed), train, test)
    line = scores(filled, frame[n_train:], hidden[n_train:], shown[:n_train])
    return {**line, "CPU seconds": cpu, "rows": len(train)}


def compare(options):
    """Return scores of all imputers: medians of seeds, a line per table and share."""
    makers, lines = tables(), []
    for name, (mechanism, share), (method, make), seed in product(
        options.tables or makers,
        product(MECHANISMS, SHARES),
        [pair for pair in chosen(options) if pair[0] != MISS_FOREST],
        range(options.seeds),
    ):
        if seed and name in LARGE:
            continue
        frame = subsample(makers[name](), options.rows, seed)
        most = options.slow_rows if method == FEW_TREES else None
        line = {"table": name, "missing": mechanism, "share": share, "method": method}
        line |= trial(frame, mechanism, share, seed, make, most)
        lines.append(line)
        print(line, flush=True)
    keys = ["table", "missing", "share", "method"]
    frame = pd.DataFrame(lines).groupby(keys, sort=False).median()
    update(frame.astype({"rows": int}), "imputation")
    ranks()


def ranks():
    """Write the mean rank of each method over tables and measures, of saved scores."""
    frame = pd.read_csv(RESULTS / "imputation.csv")
    # Where one method was not run, nobody is ranked.
    frame["accuracy"] *= -1
    cells = frame.melt(
        ["table", "missing", "share", "method"], ["RMSE", "accuracy"], "measure"
    ).pivot_table(
        "value", ["table", "missing", "share", "measure"], "method", sort=False
    )
    cells = cells.dropna().rank(axis=1)
    result = cells.groupby(["missing", "share"], sort=False).mean()
    for measure, some in [("both", cells), *cells.groupby("measure")]:
        result.loc[("all", measure), :] = some.mean()
    save(result, "imputation_ranks", 2)


def speed(options):
    """Return seconds and scores over rows, with 30 % hidden at random."""
    lines = []
    for n_rows, (method, make) in product((1250, 6250, 20_000), chosen(options)):
        if "trees" in method and n_rows > 6250:
            continue
        if method == MISS_FOREST and n_rows < 6250:
            continue
        frame = subsample(tables()["letter"](), n_rows, 0)
        line = trial(frame, "random", 0.3, 0, make)
        lines.append({"rows": line.pop("rows"), "method": method, **line})
        print(lines[-1], flush=True)
    update(pd.DataFrame(lines).set_index(["rows", "method"]), "imputation_speed")


def miwae(options):
    """Return squared errors in the protocol of MIWAE.

    Breast cancer, all rows standardised; half of all cells hidden, imputers fitted to
    the rest and scored where they were fitted. They published 0.287.
    """
    lines = []
    X = bundled("breast_cancer")
    X = (X - X.mean()) / X.std(ddof=0)
    makers = [pair for pair in chosen(options) if pair[0] != MISS_FOREST]
    for (method, make), seed in product(makers, range(options.seeds)):
        rng = np.random.default_rng(seed)
        hidden = np.zeros(X.size, dtype=bool)
        hidden[rng.choice(X.size, X.size // 2, replace=False)] = True
        hidden = hidden.reshape(X.shape)
        shown = X.mask(hidden)
        filled, cpu = fill(make(seed), shown, shown)
        error = np.mean((filled - X).to_numpy()[hidden] ** 2)
        lines.append({"method": method, "squared error": error, "CPU seconds": cpu})
        print(lines[-1], flush=True)
    frame = pd.DataFrame(lines).groupby("method", sort=False)
    result = frame.mean()
    result.insert(1, "standard deviation", frame["squared error"].std())
    result.loc["MIWAE, published"] = [0.287, np.nan, np.nan]
    update(result, "imputation_miwae")


class HandMade:
    """A one-hot denoising autoencoder in plain torch, as an expert would write it.

    Inputs are values, zero where missing, and the mask; a fifth to a half of the cells
    of a row is hidden anew in each epoch, and every observed cell is predicted.
    """

    def __init__(self, seed, epochs=60, width=256, batch_size=128):
        self.seed, self.epochs, self.width = seed, epochs, width
        self.batch_size = batch_size

    def fit(self, X):
        torch.manual_seed(self.seed)
        seen = torch.from_numpy(~np.isnan(X))
        rows = torch.from_numpy(np.nan_to_num(X)).float()
        d = X.shape[1]
        self.net = nn.Sequential(
            *(nn.Linear(2 * d, self.width), nn.ReLU(), nn.Dropout(0.1)),
            *(nn.Linear(self.width, self.width), nn.ReLU()),
            nn.Linear(self.width, d),
        )
        optimizer = torch.optim.AdamW(self.net.parameters(), lr=1e-3)
        n_steps = self.epochs * -(-len(rows) // self.batch_size)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
        for _ in range(self.epochs):
            for batch in torch.randperm(len(rows)).split(self.batch_size):
                x, known = rows[batch], seen[batch]
                rate = 0.2 + 0.3 * torch.rand(len(x), 1)
                # All columns of a category are hidden together.
                kept = torch.rand(len(x), len(self.widths)) > rate
                kept = known & kept[:, self.owner]
                loss = self._loss(self.net(torch.cat([x * kept, kept], 1)), x, known)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        self.net.eval()

    def _loss(self, output, x, known):
        loss = 0.0
        for o, y, k in zip(
            *(t.split(self.widths, dim=1) for t in (output, x, known)), strict=True
        ):
            per_row = (
                (o - y).square()[:, 0]
                if y.shape[1] == 1
                else F.cross_entropy(o, y, reduction="none")
            )
            loss = loss + (per_row * k[:, 0]).sum() / k[:, 0].sum().clamp(min=1)
        return loss

    def transform(self, X):
        seen = torch.from_numpy(~np.isnan(X))
        x = torch.from_numpy(np.nan_to_num(X)).float()
        with torch.no_grad():
            output = self.net(torch.cat([x, seen], 1)).numpy()
        return np.where(seen, X, output)


class HandMadeFrames(Flat):
    """The same for frames, as it has to be told which columns are blocks."""

    def fit(self, frame):
        widths = [self._width(column) for _, column in frame.items()]
        self.imputer.widths = widths
        self.imputer.owner = np.repeat(np.arange(len(widths)), widths)
        return super().fit(frame)


FILLED = ["marital-status", "education", "occupation", "race", "workclass"]


def adult(options, n_train=8000, n_test=8000):
    """Return accuracies of five columns, 30 % of all cells hidden at random."""
    lines = []
    makers = [
        *(pair for pair in chosen(options) if "trees" not in pair[0]),
        ("by hand", lambda seed: HandMadeFrames(HandMade(seed))),
    ]
    whole = tables()["adult"]()
    for (method, make), seed in product(makers, range(options.seeds)):
        frame = subsample(whole, n_train + n_test, seed)
        hidden = hide_random(frame, 0.3, np.random.default_rng(seed))
        shown = frame.mask(hidden)
        filled, cpu = fill(make(seed), shown[:n_train], shown[n_train:])
        line = {"method": method}
        for column in FILLED:
            cells = hidden[n_train:, frame.columns.get_loc(column)]
            one = frame[n_train:].loc[cells, [column]]
            line[column] = scores(filled[cells], one, np.ones(one.shape, bool), None)[
                "accuracy"
            ]
        lines.append({**line, "CPU seconds": cpu})
        print(lines[-1], flush=True)
    frame = pd.DataFrame(lines).groupby("method", sort=False).median()
    update(frame, "imputation_adult")


def chosen(options):
    """Return name and maker of the imputers asked for."""
    return [(k, v) for k, v in imputers().items() if k in (options.methods or [k])]


def update(frame, name, decimals=3):
    """Write lines of a result over those of the same index saved before."""
    path = RESULTS / f"{name}.csv"
    if path.exists():
        old = pd.read_csv(path, index_col=list(range(frame.index.nlevels)))
        frame = pd.concat([old[~old.index.isin(frame.index)], frame])
        if frame.index.nlevels > 1:
            frame = frame.sort_index(level=frame.index.names[:-1], sort_remaining=False)
    save(frame, name, decimals)


PARTS = {"tables": compare, "speed": speed, "miwae": miwae, "adult": adult}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="part")
    parser.add_argument("--tables", nargs="*", help="names, default all")
    parser.add_argument("--methods", nargs="*", help="names, default all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=5000, help="most rows of a table")
    parser.add_argument(
        "--slow-rows", type=int, default=1000, help="most training rows of extra trees"
    )
    options = parser.parse_args()
    print(machine())
    warm_up()
    for part in options.parts or PARTS:
        PARTS[part](options)
