"""Labels that spread from rows that have one to rows near by, along codes."""

import numpy as np
import scipy.sparse
from sklearn.neighbors import NearestNeighbors

_MOST_ROWS = 60_000  # of a graph: neighbours of all pairs of them are looked for
_ALPHA = 0.99  # what a row takes from its neighbours, the rest being its own label
_STEPS = 50
_SHARPNESS = 4.0  # the weight of the last neighbour is exp(-4)


def spread(codes, label, label_weight, *, n_neighbors, rng):
    """Return labels of all rows, and how certain they are, in [0, 1].

    Rows take from their neighbours and from their own label, Y, by the steps
    ``F = 0.99 S F + 0.01 Y`` on the normalised graph S of nearest neighbours. The label
    is the largest of a row's F; its certainty is 1 less the entropy of F, normalised,
    divided by that of equal shares.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
    label : ndarray of shape (n_samples, n_classes)
    label_weight : ndarray of shape (n_samples,)
        0 for rows without a label.
    n_neighbors : int
    rng : numpy.random.Generator
        Draws rows for the graph where they are too many; others stay without.

    Returns
    -------
    label : ndarray of shape (n_samples, n_classes)
        1 for the class of a row; all 0 where no label comes.
    certainty : ndarray of shape (n_samples,)
    """
    known = np.flatnonzero(label_weight)
    rows = np.arange(len(codes))
    if len(rows) > _MOST_ROWS:
        others = np.flatnonzero(label_weight == 0)
        n_others = max(_MOST_ROWS - len(known), 0)
        rows = np.sort(np.append(known, rng.permutation(others)[:n_others]))
    graph = _normalised_graph(codes[rows], min(n_neighbors, len(rows) - 1))
    own = label[rows] * (label_weight[rows] > 0)[:, np.newaxis]
    flow = own
    for _ in range(_STEPS):
        flow = _ALPHA * (graph @ flow) + (1 - _ALPHA) * own
    total = flow.sum(axis=1, keepdims=True)
    shares = flow / np.where(total > 0, total, 1.0)
    entropy = -(shares * np.log(np.maximum(shares, 1e-12))).sum(axis=1)
    is_reached = total[:, 0] > 0
    sure = np.where(is_reached, 1 - entropy / np.log(label.shape[1]), 0.0)
    found, certainty = np.zeros_like(label), np.zeros(len(codes))
    found[rows[is_reached], shares[is_reached].argmax(axis=1)] = 1.0
    certainty[rows] = np.clip(sure, 0.0, 1.0)
    return found, certainty


def _normalised_graph(codes, n_neighbors):
    """Return the symmetric graph of nearest codes, divided by the roots of degrees."""
    index = NearestNeighbors(n_neighbors=n_neighbors).fit(codes)
    distances, neighbors = index.kneighbors()
    nearness = np.square(distances, dtype=np.float64)
    widest = nearness[:, -1:]
    nearness = np.exp(-_SHARPNESS * nearness / np.where(widest > 0, widest, 1.0))
    ends = np.arange(0, neighbors.size + 1, n_neighbors)
    size = (len(codes), len(codes))
    graph = scipy.sparse.csr_matrix(
        (nearness.ravel(), neighbors.ravel(), ends), shape=size
    )
    graph = graph.maximum(graph.T)
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    roots = scipy.sparse.diags(1 / np.sqrt(degrees))
    return (roots @ graph @ roots).tocsr()
