"""What the benchmarks share: data, interleaved timing, tables."""

import os
import platform
import statistics
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from skae.data.batch import Batch

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "benchmarks"


def data_folder():
    """Return the folder of the real data, or say what is missing."""
    folder = Path(os.environ.get("SKAE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        raise SystemExit(
            f"No folder {folder}: set SKAE_DATA to one with mnist.npz and adbench/."
        )
    return folder


def mnist_part(part):
    """Return images, float32 in [0, 1] of shape (n, 784), and their digits."""
    path = data_folder() / "mnist.npz"
    if not path.exists():
        raise SystemExit(
            f"{path} is missing: LeCun's MNIST with x_train of (60000, 28, 28)."
        )
    with np.load(path) as file:
        X, y = file[f"x_{part}"], file[f"y_{part}"]
    return (X.reshape(len(X), -1) / 255).astype(np.float32), y


def mnist(n_rows=None):
    """Return MNIST's first training images, shape (n_rows, 784)."""
    return mnist_part("train")[0][:n_rows]


def loop(module, X, epochs, batch_size, activation=lambda output: output):
    """Train as an expert would by hand."""
    rows = torch.from_numpy(X)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    module.train()
    for _ in range(epochs):
        order = torch.randperm(len(rows))
        for start in range(0, len(rows), batch_size):
            x = rows[order[start : start + batch_size]]
            result = module(Batch(x))
            loss = (activation(result.output) - x).square().mean()
            if result.penalty is not None:
                loss = loss + result.penalty
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def tight_loop(X, sizes, activations, epochs, batch_size):
    """Train an autoencoder of plain layers by as little code as does it."""
    layers = []
    for n_in, n_out, activation in zip(sizes, sizes[1:], activations, strict=False):
        layers += [nn.Linear(n_in, n_out), *([activation()] if activation else [])]
    module = nn.Sequential(*layers).train()
    rows = torch.from_numpy(X)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    for _ in range(epochs):
        order = torch.randperm(len(rows))
        for start in range(0, len(rows), batch_size):
            x = rows.index_select(0, order[start : start + batch_size])
            optimizer.zero_grad()
            loss = F.mse_loss(module(x), x)
            loss.backward()
            optimizer.step()


def cpu_seconds(function):
    """Return the CPU seconds of this process that a call takes."""
    start = time.process_time()
    function()
    return time.process_time() - start


def interleave(functions, repeats):
    """Time functions in turn, `repeats` rounds; return the list of times of each.

    Parameters
    ----------
    functions : dict of str to callable
    repeats : int

    Returns
    -------
    dict of str to list of float
    """
    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            times[name].append(cpu_seconds(function))
    return times


def median(values):
    """Return the median."""
    return statistics.median(values)


def marginal_epochs(makers, epochs, repeats):
    """Return the CPU seconds of an epoch more, of each maker.

    Fits of twice as many epochs, less fits of as many, divided by the number: what a
    fit costs once does not count. All in turn, medians of the rounds.

    Parameters
    ----------
    makers : dict of str to callable
        ``make(n_epochs)`` trains anew.
    epochs : int
    repeats : int

    Returns
    -------
    dict of str to float
    """
    times = interleave(
        {
            (who, factor): partial(make, factor * epochs)
            for who, make in makers.items()
            for factor in (1, 2)
        },
        repeats,
    )
    return {
        who: median([b - a for a, b in zip(times[who, 1], times[who, 2], strict=True)])
        / epochs
        for who in makers
    }


def save(frame, name, decimals=3):
    """Write a result as CSV for docs, and print it."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    frame.to_csv(RESULTS / f"{name}.csv", float_format=f"%.{decimals}f")
    with pd.option_context("display.width", 120, "display.max_columns", 20):
        print(frame.round(decimals).to_string(), flush=True)


def machine():
    """Name what the figures were measured with."""
    threads = torch.get_num_threads()
    return f"{platform.machine()}, torch {torch.__version__}, {threads} thread(s)"
