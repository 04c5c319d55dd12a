"""Clusters of the first 10,000 digits of MNIST, beside their labels.

python benchmarks/clusters.py
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"

import pandas as pd
import torch
from common import machine, mnist_part, save
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import confusion_matrix, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from skae import Autoencoder, DeepEmbeddedClustering

torch.set_num_threads(1)

_ROWS = 10_000


def methods():
    """Return what makes labels of rows from a seed, by name."""

    def k_means(seed):
        return KMeans(10, n_init=10, random_state=seed)

    def mixture(seed):
        return GaussianMixture(10, random_state=seed)

    def deep(seed, **parameters):
        return DeepEmbeddedClustering(n_clusters=10, random_state=seed, **parameters)

    return {
        "k-means": k_means,
        "PCA(50), mixture": lambda s: make_pipeline(PCA(50), mixture(s)),
        "Autoencoder(10), k-means": lambda s: make_pipeline(
            Autoencoder(10, random_state=s), k_means(s)
        ),
        "clusters without neighbours": lambda s: deep(s, neighbor_weight=0.0),
        "neighbours, k-means": lambda s: deep(s, cluster_weight=0.0),
        "DeepEmbeddedClustering": deep,
    }


def accuracy(digits, labels):
    """Return the share of rows that the best names of clusters get right."""
    counts = confusion_matrix(digits, labels)
    return counts[linear_sum_assignment(counts, maximize=True)].sum() / len(digits)


def clusters(n_seeds, names):
    """Return how well clusters agree with digits."""
    X, y = (values[:_ROWS] for values in mnist_part("train"))
    lines = []
    for name, make in methods().items():
        if names and name not in names:
            continue
        is_ours = name in ("neighbours, k-means", "DeepEmbeddedClustering")
        for seed in range(n_seeds if is_ours else 1):
            start = time.process_time()
            labels = make(seed).fit_predict(X)
            lines.append(
                {
                    "method": name,
                    "NMI": normalized_mutual_info_score(y, labels),
                    "accuracy": accuracy(y, labels),
                    "CPU minutes": (time.process_time() - start) / 60,
                }
            )
            print(lines[-1], flush=True)
    by_method = pd.DataFrame(lines).groupby("method", sort=False)
    frame = by_method.mean()
    frame.insert(1, "lowest NMI", by_method["NMI"].min())
    return frame


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="of methods; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    print(machine())
    save(clusters(given.seeds, given.names), "clusters", 3)
