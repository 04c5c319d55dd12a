"""A mixed frame beside numbers of the same flat width: an epoch, transform, memory.

python benchmarks/frames.py --rows 1000000
"""

import argparse
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
from common import machine, save

import skae

LEVELS = (2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 10, 12, 12, 14, 15, 16, 18, 20, 25, 41)


def mixed_frame(n_rows, rng):
    """Return 20 numbers and 20 categories that three hidden numbers tell of."""
    hidden, columns = rng.normal(size=(n_rows, 3)), {}
    for number, n_levels in enumerate(LEVELS):
        noise = rng.normal(size=n_rows)
        columns[f"number {number}"] = hidden @ rng.normal(size=3) + noise
        scores = hidden @ rng.normal(size=(3, n_levels))
        codes = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
        names = [f"level {level}" for level in range(n_levels)]
        columns[f"category {number}"] = pd.Categorical.from_codes(codes, names)
    return pd.DataFrame(columns)


def resident():
    """Return the memory of this process, in bytes."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


class Peak(threading.Thread):
    """Watches the memory of the process, from the time that it is made."""

    def __init__(self):
        super().__init__(daemon=True)
        self.start_bytes = self.most = resident()
        self.is_over = False
        self.start()

    def run(self):
        while not self.is_over:
            self.most = max(self.most, resident())
            time.sleep(0.02)


def measured(X):
    """Return seconds of CPU of an epoch and of transform, and the memory of both."""
    peak = Peak()
    times = [time.process_time()]
    for epochs in (1, 2):
        model = skae.Autoencoder(
            8, max_epochs=epochs, batch_size=256, early_stopping=False, random_state=0
        ).fit(X)
        times.append(time.process_time())
    model.transform(X)
    times.append(time.process_time())
    peak.is_over = True
    first, second, transform = np.diff(times)
    return second - first, transform, peak.most - peak.start_bytes


def main(n_rows, rounds):
    rng = np.random.default_rng(0)
    frame = mixed_frame(n_rows, rng)
    numbers = rng.normal(size=(n_rows, 20 + sum(LEVELS)))
    skae.Autoencoder(8, max_epochs=1).fit(frame[:1000])  # imports are made
    lines = []
    for _ in range(rounds):
        for name, X in (("mixed frame", frame), ("numbers, flat", numbers)):
            epoch, transform, memory = measured(X)
            lines.append((name, epoch, transform, memory / 2**20))
            print(lines[-1], flush=True)
    columns = ["rows of", "epoch, s", "transform, s", "memory, MB"]
    table = pd.DataFrame(lines, columns=columns).groupby("rows of").median()
    table["X, MB"] = [
        frame.memory_usage(deep=True).sum() / 2**20,
        numbers.nbytes / 2**20,
    ]
    save(table.round(1), "frames", 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    main(options.rows, options.rounds)
