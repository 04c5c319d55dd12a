"""What the architectures for series find: odd heartbeats, speakers, odd days.

    python benchmarks/sequences.py ecg      # odd heartbeats, by architecture
    python benchmarks/sequences.py vowels   # speakers from utterances of any length
    python benchmarks/sequences.py taxi     # odd days of one long series
    python benchmarks/sequences.py speed    # epochs beside a loop over the same module

Tables go to docs/benchmarks, a picture to docs/_static. Every network has its defaults:
no figure in a table was chosen by the rows or labels that it is about.
"""

import argparse
import copy
import json
import os
import time
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
from common import ROOT, data_folder, loop, machine, marginal_epochs, mnist, save
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import Autoencoder, Convolutional, Recurrent, SlidingWindows, Transformer
from skae.data.batch import Batch

torch.set_num_threads(1)
PICTURES = ROOT / "docs" / "_static"


def part_of_data(name):
    """Return the path of a file of the data, or say that it is missing."""
    path = data_folder() / name
    if not path.exists():
        raise SystemExit(f"{path} is missing.")
    return path


def squared_errors(pca, X):
    """Return the mean squared error of each row."""
    return np.square(pca.inverse_transform(pca.transform(X)) - X).mean(axis=1)


# -- equal lengths: heartbeats


ECG_NETWORKS = {
    "PCA": None,
    "Dense": {},
    "Convolutional": {"architecture": Convolutional()},
    "Recurrent, LSTM": {"architecture": Recurrent()},
    "Recurrent, GRU": {"architecture": Recurrent(cell="gru")},
    "Convolutional, no path": {"architecture": Convolutional(shortcut=None)},
    "Recurrent, LSTM, no path": {"architecture": Recurrent(shortcut=None)},
    "Recurrent, GRU, no path": {"architecture": Recurrent(cell="gru", shortcut=None)},
    "Transformer": {"architecture": Transformer()},
}


def ecg(n_splits=5, n_components=8):
    """Train on half of the normal beats; tell the others from abnormal ones."""
    with np.load(part_of_data("ecg5000_train.npz")) as file:
        X, y = file["X"], file["y"]
    aucs, costs = {}, {}
    for name, parameters in ECG_NETWORKS.items():
        for split in range(n_splits):
            order = np.random.default_rng(split).permutation(np.flatnonzero(y == 1))
            train = order[: len(order) // 2]
            rest = np.setdiff1d(np.arange(len(y)), train)
            start = time.process_time()
            if parameters is None:
                model = PCA(n_components).fit(X[train])
                errors = squared_errors(model, X[rest])
            else:
                model = Autoencoder(n_components, random_state=split, **parameters)
                errors = -model.fit(X[train]).score_samples(X[rest])
            costs[name, split] = time.process_time() - start
            aucs[name, split] = roc_auc_score(y[rest] != 1, errors)
            print(name, split, aucs[name, split], costs[name, split], flush=True)
    splits = pd.Series(aucs).unstack(sort=False)
    frame = pd.DataFrame({"AUC": splits.mean(axis=1), "std": splits.std(axis=1)})
    frame = frame.join(splits.add_prefix("split "))
    frame["CPU seconds"] = pd.Series(costs).unstack(sort=False).mean(axis=1)
    frame["components"] = n_components
    save(frame.rename_axis("architecture"), "sequences_ecg")


# -- unequal lengths: utterances


def utterances(part):
    """Return a list of arrays of shape (n_steps, 12), and their speakers."""
    with np.load(part_of_data("japanese_vowels.npz")) as file:
        values, lengths = file[f"values_{part}"], file[f"lengths_{part}"]
        return np.split(values, np.cumsum(lengths)[:-1]), file[f"y_{part}"]


def vowels(n_components=16):
    """Tell speakers by logistic regression on the codes of utterances."""
    train, y_train = utterances("train")
    test, y_test = utterances("test")
    lengths = np.array([len(x) for x in test])
    gru = Recurrent(cell="gru")
    runs = [
        ("Recurrent, GRU", gru, 0),
        ("Recurrent, GRU", gru, 1),
        ("Recurrent, GRU", gru, 2),
        ("Recurrent, LSTM", Recurrent(), 0),
        ("Transformer", Transformer(), 0),
    ]
    longest = max(map(len, train + test))
    flat = [
        np.stack([np.pad(x, ((0, longest - len(x)), (0, 0))).ravel() for x in rows])
        for rows in (train, test)
    ]
    pca = PCA(n_components, random_state=0).fit(flat[0])
    codes = [pca.transform(rows) for rows in flat]
    typical = np.median([len(x) for x in train])
    lines = [
        {
            "architecture": "PCA, padded by zeros",
            "accuracy": speaker_accuracy(codes, y_train, y_test),
        },
        {
            "architecture": "the median length",
            "error of length": np.abs(lengths - typical).mean(),
        },
    ]
    for name, architecture, seed in runs:
        start = time.process_time()
        model = Autoencoder(n_components, architecture=architecture, random_state=seed)
        model.fit(train)
        seconds = time.process_time() - start
        codes = [model.transform(rows) for rows in (train, test)]
        told = np.array([len(x) for x in model.inverse_transform(codes[1])])
        lines.append(
            {
                "architecture": name,
                "seed": seed,
                "accuracy": speaker_accuracy(codes, y_train, y_test),
                "error of length": np.abs(told - lengths).mean(),
                "epochs": model.n_iter_,
                "CPU seconds": seconds,
            }
        )
        print(lines[-1], flush=True)
    frame = pd.DataFrame(lines).astype({"seed": "Int64", "epochs": "Int64"})
    order = ["seed", "accuracy", "error of length", "epochs", "CPU seconds"]
    save(frame.set_index("architecture")[order], "sequences_vowels")


def speaker_accuracy(codes, y_train, y_test):
    """Return the share of test utterances whose speaker is told."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return classifier.fit(codes[0], y_train).score(codes[1], y_test)


# -- one long series: taxis


def taxi():
    """Rank days by how badly their half hours are reconstructed.

    Trained on all windows, the odd ones among them, without labels. The table has all
    that was tried; the picture is of the network whose worst rank in it is best.
    """
    series = pd.read_csv(
        part_of_data("nyc_taxi.csv"), index_col="timestamp", parse_dates=True
    )["value"]
    periods = json.loads(part_of_data("nyc_taxi_windows.json").read_text())
    periods = [tuple(map(pd.Timestamp, period)) for period in periods]
    values = StandardScaler().fit_transform(series.to_frame()).astype(np.float32)
    cut = SlidingWindows(48, stride=4).fit(values)  # a day, every two hours
    windows = cut.transform(values)[:, :, 0]
    networks = {
        "PCA": None,
        "Dense": {},
        "Convolutional": {"architecture": Convolutional()},
        "Recurrent, GRU": {"architecture": Recurrent(cell="gru")},
    }
    n_days, n_inside = len(by_day(series, "mean")), []
    for start, stop in periods:
        n_inside.append((stop.normalize() - start.normalize()).days + 1)
    expected = [(n_days + 1) / (n + 1) for n in n_inside]
    lines = [table_line("expected of chance", None, "", expected, periods)]
    errors = squares_beside_the_week(series)
    lines += ranked("medians of the week", None, errors, periods)
    for n_components in (4, 8):
        for name, parameters in networks.items():
            start = time.process_time()
            cells = errors_of_cells(windows, n_components, parameters)
            print(name, n_components, time.process_time() - start, flush=True)
            errors = pd.Series(cut.average(cells), series.index)
            lines += ranked(name, n_components, errors, periods)
            if (name, n_components) == ("Dense", 4):
                draw_days(series, by_day(errors, "mean"), periods)
    frame = pd.DataFrame(lines).astype({"components": "Int64"})
    save(frame.set_index(["model", "components", "day"]), "sequences_taxi", 0)


def squares_beside_the_week(series):
    """Return squared distances to the median of that half hour of the week."""
    times = series.index
    usual = series.groupby([times.day_of_week, times.hour, times.minute])
    return (series - usual.transform("median")) ** 2


def errors_of_cells(windows, n_components, parameters):
    """Return the squared error of each half hour in each window, all trained on."""
    if parameters is None:
        pca = PCA(n_components, random_state=0).fit(windows)
        return np.square(pca.inverse_transform(pca.transform(windows)) - windows)
    model = Autoencoder(n_components, random_state=0, **parameters).fit(windows)
    return model.reconstruction_error(windows, per_feature=True)


def by_day(errors, how):
    """Return one value for each day: the "mean" or "max" of its half hours."""
    return errors.resample("D").agg(how)


def ranked(model, n_components, errors, periods):
    """Return lines of the table: the best rank of a day that a period touches."""
    lines = []
    for how in ("mean", "max"):
        ranks = by_day(errors, how).rank(ascending=False)
        best = [ranks[a.normalize() : b.normalize()].min() for a, b in periods]
        lines.append(table_line(model, n_components, how, best, periods))
    return lines


def table_line(model, n_components, how, ranks, periods):
    """Return a line of the table: a rank for each period, and the worst of them."""
    line = {"model": model, "components": n_components, "day": how}
    for (start, _), rank in zip(periods, ranks, strict=True):
        line[f"from {start:%d %b}"] = rank
    return {**line, "worst": max(ranks)}


def draw_days(series, days, periods):
    """Save the series, its marked periods and the scores of the days."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, (above, below) = plt.subplots(
        2, figsize=(10, 4.8), sharex=True, layout="constrained"
    )
    above.plot(series.index, series / 1000, linewidth=0.4, color="0.25")
    above.set_ylabel("passengers per half hour,\nthousands")
    inside = np.zeros(len(days), dtype=bool)
    for start, stop in periods:
        for axes in (above, below):
            axes.axvspan(start, stop, color="tab:orange", alpha=0.3, linewidth=0)
        inside |= (days.index >= start.normalize()) & (days.index <= stop)
    noons = days.index + pd.Timedelta(hours=12)
    below.bar(noons, days, width=0.9, color=np.where(inside, "tab:red", "0.55"))
    for day, score in days.nlargest(15).items():
        if score == days[day - pd.Timedelta(days=4) : day + pd.Timedelta(days=4)].max():
            below.annotate(
                f"{day.day} {day:%b}", (day + pd.Timedelta(hours=12), score),
                ha="left" if inside[days.index.get_loc(day)] else "right",
                va="bottom", fontsize=9,
            )  # fmt: skip
    below.set_ylabel("mean squared error\nof the day, 4 components")
    room = pd.Timedelta(days=7)  # for the label of the first day
    below.set_xlim(days.index[0] - room, days.index[-1] + room)
    below.set_ylim(0, 1.12 * days.max())
    figure.savefig(PICTURES / "taxi.png", dpi=110)


# -- speed


def ragged_loop(model, X, epochs, batch_size, alike=False):
    """Train on series of unequal length as an expert would by hand.

    Each batch is padded with zeros to its longest; the criterion is the model's.
    Batches of rows that are `alike` in length, as ours are, have less to pad.
    """
    module = copy.deepcopy(model.net_.module_)
    criterion = copy.deepcopy(model.net_.criterion_)
    rows = [torch.from_numpy(x) for x in X]
    lengths = torch.tensor([len(x) for x in X])
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    module.train()
    for _ in range(epochs):
        batches = torch.randperm(len(rows)).split(batch_size)
        if alike:
            order = torch.cat(batches)
            batches = order[lengths[order].argsort()].split(batch_size)
            batches = [batches[i] for i in torch.randperm(len(batches))]
        for batch in batches:
            x = torch.nn.utils.rnn.pad_sequence(
                [rows[i] for i in batch.tolist()], batch_first=True
            )
            steps = torch.arange(x.shape[1]) < lengths[batch].unsqueeze(1)
            observed = steps.repeat_interleave(x.shape[2], 1)
            batch = Batch(x.flatten(1), observed, lengths[batch])
            loss = criterion(module(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def dense_loop(model, X, epochs, batch_size):
    """Train on rows of one shape as an expert would by hand."""
    loop(copy.deepcopy(model.net_.module_), X.reshape(len(X), -1), epochs, batch_size)


def with_skae(architecture, X, epochs, batch_size):
    """Fit ours; return it."""
    return Autoencoder(
        8,
        architecture=architecture,
        max_epochs=epochs,
        batch_size=batch_size,
        early_stopping=False,
        contamination=None,
        random_state=0,
    ).fit(X)


def speed(repeats):
    """Time marginal epochs beside a loop over the same module.

    Many short rounds: a shared machine is faster in one minute and slower in the next.
    """
    rng = np.random.default_rng(0)
    beats = rng.normal(size=(500, 140)).astype(np.float32)
    lists = [
        rng.normal(size=(n, 12)).astype(np.float32) for n in rng.integers(5, 31, 200)
    ]
    images = mnist(2000).reshape(-1, 1, 28, 28)
    cases = {
        "Recurrent, 500 x 140 steps, batch 32": (Recurrent(), beats, 32, 1),
        "Recurrent, 200 of 5-30 steps x 12, batch 32": (Recurrent(), lists, 32, 4),
        "Convolutional, 2000 of 1 x 28 x 28, batch 128": (
            Convolutional(), images, 128, 1,
        ),
        "Transformer, 500 x 140 steps, batch 32": (Transformer(), beats, 32, 2),
        "Transformer, 200 of 5-30 steps x 12, batch 32": (Transformer(), lists, 32, 4),
    }  # fmt: skip
    lines = []
    for name, (architecture, X, batch_size, epochs) in cases.items():
        model = with_skae(architecture, X, 1, batch_size)

        def made(make, X=X, batch_size=batch_size):
            return lambda n: make(X, n, batch_size)

        makers = {"skae": made(partial(with_skae, architecture))}
        if isinstance(X, list):
            makers["the loop"] = made(partial(ragged_loop, model))
            makers["a loop of like lengths"] = made(
                partial(ragged_loop, model, alike=True)
            )
        else:
            makers["the loop"] = made(partial(dense_loop, model))
        marginal = marginal_epochs(makers, epochs, repeats)
        line = {"case": name, "seconds per epoch": marginal["skae"]}
        for who in list(makers)[1:]:
            line[f"over {who}"] = marginal["skae"] / marginal[who]
        lines.append(line)
        print(line, flush=True)
    save(pd.DataFrame(lines).set_index("case"), "architectures_speed")


PARTS = ("ecg", "vowels", "taxi", "speed")


def main():
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", default=PARTS, choices=[*PARTS, PARTS])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    print(machine())
    if "ecg" in options.part:
        ecg(options.splits)
    if "vowels" in options.part:
        vowels()
    if "taxi" in options.part:
        taxi()
    if "speed" in options.part:
        speed(options.repeats)


if __name__ == "__main__":
    main()
