"""Synthetic rows of Adult, judged by what is learned from them.

python benchmarks/synthetic.py            # rows of the file: 26,048 and 6,513 held out
python benchmarks/synthetic.py --within   # of the training rows: 20,000 and 6,048

As many synthetic rows as training rows. A gap of the file, "?", is a level. Settings
were chosen `--within` the training rows; the held-out rows saw them once.
"""

import argparse
import os
import time
import warnings
from itertools import combinations

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
from common import RESULTS, data_folder, machine, save
from scipy.stats import ks_2samp, norm
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import NearestNeighbors

from skae import (
    Columns,
    ConditionalVariationalAutoencoder,
    Gaussian,
    VariationalAutoencoder,
)

torch.set_num_threads(1)
warnings.simplefilter("ignore", ConvergenceWarning)

TARGET, POSITIVE = "income", ">50K"
N_TRAIN = 26_048
N_BINS = 10
PUBLISHED = {  # Kotelnikov et al. 2023, tuned CatBoost
    "published: real": 0.9276,
    "published: TabDDPM": 0.9136,
    "published: SMOTE": 0.9104,
    "published: TVAE": 0.9017,
}
# What docs/synthetic.rst tells to choose where codes are to be drawn.
SETTINGS = dict(
    columns=Columns(transform="quantile"),
    loss=Gaussian(variance="per_feature"),
    beta=0.1,
)


def halves(within):
    """Return training and held-out rows."""
    frame = pd.read_csv(data_folder() / "adult.csv", skipinitialspace=True)
    rows = np.random.default_rng(0).permutation(len(frame))
    train, test = frame.iloc[rows[:N_TRAIN]], frame.iloc[rows[N_TRAIN:]]
    if within:
        train, test = train[:20_000], train[20_000:]
    return train.reset_index(drop=True), test.reset_index(drop=True)


def numbers_of(frame):
    """Return the names of the columns of numbers."""
    return list(frame.select_dtypes("number"))


# -- makers of rows: functions of the training rows, a seed, to as many rows


class Smote:
    """Points between a row and one of its five nearest of the same class.

    Levels are those of either row.
    """

    def fit(self, train, seed):
        self.train = train

    def sample(self, seed):
        rng = np.random.default_rng(seed)
        made = []
        for _, rows in self.train.groupby(TARGET):
            near = encoded(rows, self.train)
            near = NearestNeighbors(n_neighbors=6).fit(near).kneighbors(near)[1]
            one = rng.integers(len(rows), size=len(rows))
            other = near[one, rng.integers(1, 6, size=len(rows))]
            share = rng.random(len(rows))
            made.append(
                pd.DataFrame(
                    {
                        name: self._between(
                            column.to_numpy()[one], column.to_numpy()[other], share
                        )
                        for name, column in rows.items()
                    }
                )
            )
        return pd.concat(made, ignore_index=True)

    def _between(self, a, b, share):
        if a.dtype == object or not np.issubdtype(a.dtype, np.number):
            return np.where(share < 0.5, a, b)
        return np.rint(a + share * (b - a))


class Copula:
    """Gaussian copula: the columns' own distributions, correlations of their ranks."""

    def fit(self, train, seed):
        rng = np.random.default_rng(seed)
        self.train, scores = train, []
        for name, column in train.items():
            ranked = column
            if name not in numbers_of(train):
                ranked = column.map(column.value_counts().rank(method="first"))
            order = np.lexsort((rng.random(len(train)), ranked))
            places = np.empty(len(train))
            places[order] = (np.arange(len(train)) + 0.5) / len(train)
            scores.append(norm.ppf(places))
        self.sorted = {}
        for (name, column), score in zip(train.items(), scores, strict=True):
            self.sorted[name] = column.to_numpy()[np.argsort(score)]
        self.correlation = np.corrcoef(scores)

    def sample(self, seed):
        rng = np.random.default_rng(seed)
        n = len(self.train)
        normal = rng.multivariate_normal(
            np.zeros(len(self.sorted)), self.correlation, n
        )
        places = np.minimum((norm.cdf(normal) * n).astype(int), n - 1)
        return pd.DataFrame(
            {name: v[places[:, j]] for j, (name, v) in enumerate(self.sorted.items())}
        )


class Ours:
    """A variational autoencoder of the rows; one fit for all densities of codes."""

    fits = {}

    def __init__(self, latent="auto", **parameters):
        self.latent, self.parameters = latent, parameters

    def fit(self, train, seed):
        self.n_rows, key = len(train), (str(self.parameters), seed)
        if key not in self.fits:
            model = VariationalAutoencoder(random_state=seed, **self.parameters)
            start = time.process_time()
            self.fits[key] = model.fit(train), time.process_time() - start
        self.model, self.seconds = self.fits[key]

    def sample(self, seed):
        return self.model.sample(self.n_rows, seed, latent=self.latent)


class OursOfLabels:
    """A conditional one of the rows given the target, whose shares are kept."""

    def __init__(self, latent, **parameters):
        self.latent, self.parameters = latent, parameters

    def fit(self, train, seed):
        self.train = train
        self.model = ConditionalVariationalAutoencoder(
            random_state=seed, **self.parameters
        ).fit(train.drop(columns=TARGET), train[TARGET])

    def sample(self, seed):
        labels = self.train[TARGET].to_numpy()
        rows = self.model.sample(
            len(labels), seed, condition=labels, latent=self.latent
        )
        return rows.assign(**{TARGET: labels})


MAKERS = {
    "SMOTE": Smote,
    "Gaussian copula": Copula,
    "skae, prior": lambda: Ours("prior"),
    "skae, mixture": lambda: Ours("mixture"),
    "skae, defaults": Ours,
    "skae, settings, mixture": lambda: Ours("mixture", **SETTINGS),
    "skae, settings, flow": lambda: Ours("flow", **SETTINGS),
    "skae, settings, flow, given the label": lambda: OursOfLabels("flow", **SETTINGS),
}


# -- what they are judged by


def coded(frame, like):
    """Return a frame for trees: levels as categories, those of another frame."""
    numbers = numbers_of(like)
    return pd.DataFrame(
        {
            name: frame[name].astype(float)
            if name in numbers
            else pd.Categorical(
                frame[name].where(frame[name].isin(like[name])), np.unique(like[name])
            )
            for name in like
        }
    )


def encoded(frame, like):
    """Return standardised numbers and one-hot levels, two of them at distance 1."""
    numbers = numbers_of(like)
    blocks = []
    for name in like:
        if name == TARGET:
            continue
        values = frame[name].to_numpy()[:, None]
        if name in numbers:
            blocks.append((values - like[name].mean()) / like[name].std())
        else:
            blocks.append((values == np.unique(like[name])) / np.sqrt(2))
    return np.hstack(blocks).astype(float)


def utility(rows, test):
    """Return the area under the curve of test rows, of trees trained on `rows`."""
    X, X_test = (coded(x, test).drop(columns=TARGET) for x in (rows, test))
    trees = HistGradientBoostingClassifier(
        max_iter=200,
        learning_rate=0.08,
        categorical_features="from_dtype",
        early_stopping=True,
        random_state=0,
    )
    trees.fit(X, rows[TARGET] == POSITIVE)
    return roc_auc_score(test[TARGET] == POSITIVE, trees.predict_proba(X_test)[:, 1])


def overlap(a, b):
    """Return 1 minus the total variation distance of two columns of levels."""
    a, b = a.value_counts(normalize=True), b.value_counts(normalize=True)
    return 1 - 0.5 * a.sub(b, fill_value=0).abs().sum()


def column_shapes(real, rows):
    """Return the mean of SDMetrics' KSComplement and TVComplement over columns."""
    numbers = numbers_of(real)
    return np.mean(
        [
            1 - ks_2samp(real[name], rows[name]).statistic
            if name in numbers
            else overlap(real[name], rows[name])
            for name in real
        ]
    )


def pair_trends(real, rows):
    """Return the mean of CorrelationSimilarity and ContingencySimilarity over pairs.

    As SDMetrics defines them; numbers are cut into 10 bins beside levels.
    """
    numbers, similarities = numbers_of(real), []
    edges = {x: np.histogram_bin_edges(real[x], N_BINS)[1:-1] for x in numbers}

    def levels(frame, name):
        if name in numbers:
            return pd.Series(np.digitize(frame[name], edges[name])).astype(str)
        return frame[name].astype(str).reset_index(drop=True)

    for a, b in combinations(real, 2):
        if a in numbers and b in numbers:
            difference = real[a].corr(real[b]) - rows[a].corr(rows[b])
            similarities.append(1 - abs(difference) / 2)
            continue
        both = (levels(x, a) + "|" + levels(x, b) for x in (real, rows))
        similarities.append(overlap(*both))
    return np.mean(similarities)


def told_apart(test, rows):
    """Return the area under the curve of trees that tell rows from real ones."""
    rows = rows.sample(len(test), random_state=0)
    X = pd.concat([coded(test, test), coded(rows, test)])
    y = np.repeat([0, 1], len(test))
    trees = HistGradientBoostingClassifier(
        categorical_features="from_dtype", random_state=0
    )
    p = cross_val_predict(trees, X, y, cv=3, method="predict_proba")
    return roc_auc_score(y, p[:, 1])


def nearer(train, test, rows):
    """Return the share of rows that are nearer to training than to held-out rows.

    As many of the one as of the other; ties count half.
    """
    rows = encoded(rows.sample(len(test), random_state=0), train)
    distances = [
        NearestNeighbors(n_neighbors=1).fit(encoded(x, train)).kneighbors(rows)[0]
        for x in (train[: len(test)], test)
    ]
    to_train, to_test = distances
    return np.mean((to_train < to_test) + 0.5 * (to_train == to_test))


def judged(train, test, rows):
    """Return a line of the table."""
    return {
        "AUC": utility(rows, test),
        "column shapes": column_shapes(train, rows),
        "pair trends": pair_trends(train, rows),
        "told from real": told_apart(test, rows),
        "nearer to training": nearer(train, test, rows),
    }


def main(options):
    """Compare makers of rows."""
    train, test = halves(options.within)
    lines = {"real": judged(train, test, train)}
    for name, make in MAKERS.items():
        if options.makers and name not in options.makers:
            continue
        of_seeds = []
        for seed in range(options.seeds):
            maker, start = make(), time.process_time()
            maker.fit(train, seed)
            fitted = time.process_time()
            rows = maker.sample(seed)[train.columns]
            drawn = time.process_time()
            line = judged(train, test, rows)
            seconds = getattr(maker, "seconds", fitted - start)
            line |= {"fit seconds": seconds, "sample seconds": drawn - fitted}
            of_seeds.append(line)
            print(name, {k: round(float(v), 4) for k, v in line.items()}, flush=True)
        lines[name] = pd.DataFrame(of_seeds).mean()
    frame = pd.DataFrame(lines).T
    print(machine())
    if options.within:
        print(frame.round(4).to_string())
        return
    path = RESULTS / "synthetic.csv"
    if path.exists():  # lines of a run before
        frame = frame.combine_first(pd.read_csv(path, index_col=0))
    for name, value in PUBLISHED.items():
        frame.loc[name, "AUC"] = value
    order = ["real", *MAKERS, *PUBLISHED]
    columns = ["AUC", "column shapes", "pair trends", "told from real"]
    columns += ["nearer to training", "fit seconds", "sample seconds"]
    frame = frame.reindex(index=[x for x in order if x in frame.index], columns=columns)
    save(frame.rename_axis("rows"), "synthetic", 4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--within", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--makers", nargs="*", metavar="name")
    main(parser.parse_args())
