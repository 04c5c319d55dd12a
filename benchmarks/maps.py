"""Maps of MNIST in two dimensions, on which unseen digits have their place.

python benchmarks/maps.py            # figures
python benchmarks/maps.py --picture  # the map of unseen digits, docs/_static/map.png
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
from common import ROOT, machine, mnist_part, save
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skae import Autoencoder, NeighborAutoencoder

try:
    from umap import UMAP
except ImportError:
    UMAP = None

torch.set_num_threads(1)

_DECODED_BY_UMAP = 100  # rows, of which each takes a tenth of a second and more


def makers():
    """Return what makes a map from a seed, by name."""
    made = {
        "PCA": lambda seed: PCA(2, random_state=seed),
        "Autoencoder": lambda seed: Autoencoder(2, random_state=seed),
        "NeighborAutoencoder": lambda seed: NeighborAutoencoder(random_state=seed),
    }
    if UMAP is not None:
        made["umap-learn"] = lambda seed: UMAP(random_state=seed, n_jobs=1)
    return made


def seconds(function):
    """Return the CPU seconds that a call takes, and what it returns."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def maps(n_seeds, names):
    """Return accuracy of neighbours, error and times of each kind of map."""
    train, y_train = mnist_part("train")
    test, y_test = mnist_part("test")
    lines = []
    for name, make in makers().items():
        if names and name not in names:
            continue
        for seed in range(n_seeds if name == "NeighborAutoencoder" else 1):
            model = make(seed)
            of_fit, _ = seconds(lambda model=model: model.fit(train))
            known = model.transform(train) if name != "umap-learn" else model.embedding_
            there, codes = seconds(lambda model=model: model.transform(test))
            some = slice(0, _DECODED_BY_UMAP if name == "umap-learn" else None)
            back, rows = seconds(
                lambda model=model, codes=codes[some]: model.inverse_transform(codes)
            )
            neighbors = KNeighborsClassifier(10).fit(known, y_train)
            lines.append(
                {
                    "map": name,
                    "10-NN accuracy": neighbors.score(codes, y_test),
                    "squared error per pixel": np.square(rows - test[some]).mean(),
                    "fit, CPU minutes": of_fit / 60,
                    "transform, s": there,
                    "inverse_transform, s": back * len(test) / len(rows),
                }
            )
            print(lines[-1], flush=True)
    return pd.DataFrame(lines).groupby("map", sort=False).mean()


def picture():
    """Draw where unseen digits are, and what the places between them decode to."""
    import matplotlib.pyplot as plt

    train, _ = mnist_part("train")
    test, y_test = mnist_part("test")
    model = NeighborAutoencoder(random_state=0).fit(train)
    codes = model.transform(test)
    lowest, highest = np.quantile(codes, [0.002, 0.998], axis=0)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
    points = left.scatter(*codes.T, c=y_test, cmap="tab10", s=2, linewidth=0)
    left.set(xlim=(lowest[0], highest[0]), ylim=(lowest[1], highest[1]))
    left.legend(
        *points.legend_elements(),
        loc="center left",
        fontsize=7,
        bbox_to_anchor=(1, 0.5),
    )
    n_tiles = 16
    x, y = (np.linspace(*ends, n_tiles) for ends in zip(lowest, highest, strict=True))
    grid = np.stack(np.meshgrid(x, y[::-1]), axis=-1).reshape(-1, 2)
    tiles = model.inverse_transform(grid).reshape(n_tiles, n_tiles, 28, 28)
    right.imshow(np.block([list(row) for row in tiles]), cmap="gray_r", vmin=0, vmax=1)
    for axis in (left, right):
        axis.set(xticks=[], yticks=[])
    left.set_title("unseen digits")
    right.set_title("what places decode to")
    figure.savefig(ROOT / "docs" / "_static" / "map.png", dpi=90)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of maps; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--picture", action="store_true")
    given = parser.parse_args()
    print(machine())
    if given.picture:
        picture()
    else:
        save(maps(given.seeds, given.names), "maps", 4)
