"""Rows with a neighbour each: the graph of nearest neighbours, and batches of it."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from skae.data.rows import Rows
from skae.data.samples import rows_per_block

_MOST_COLUMNS = 50  # beyond, distances are those of as many principal components
_MOST_FITTED = 10_000  # rows that these are of


class PairedRows(Rows):
    """Rows in turn with a neighbour of each, drawn afresh in each epoch.

    Number 2 i is row i, number 2 i + 1 one of its neighbours.

    Parameters
    ----------
    rows : Rows
    neighbors : ndarray of int of shape (n_rows, n_neighbors)
        Numbers of the neighbours of each row, nearest first.
    """

    def __init__(self, rows, neighbors):
        super().__init__(
            rows.samples, rows.scaling, rows.positions, rows.device, rows.dtype
        )
        self._copy = rows._copy
        self.rows = rows
        self.neighbors = neighbors
        self.chosen = neighbors[:, 0]

    def __len__(self):
        return 2 * len(self.rows)

    def lengths(self, numbers):
        """Return how many steps the first of each pair has, so that pairs sort as one.

        The second is as near in length as neighbours are.
        """
        return self.rows.lengths(numbers // 2)

    def weights(self):
        """Return the weights of the rows, or None."""
        weight = self.rows.weights()
        return None if weight is None else weight[self._places(np.arange(len(self)))]

    def shuffled(self, generator):
        """Draw an order of the pairs, and the neighbours that are in them."""
        n_rows, n_neighbors = self.neighbors.shape
        drawn = torch.randint(n_neighbors, (n_rows,), generator=generator).numpy()
        self.chosen = self.neighbors[np.arange(n_rows), drawn]
        order = 2 * self.rows.shuffled(generator)
        return np.stack((order, order + 1), axis=1).ravel()

    def take(self, numbers, out=None):
        """Return the :class:`Batch` of the given numbers, with their pairs."""
        if isinstance(numbers, slice):
            numbers = np.arange(len(self))[numbers]
        pair = torch.from_numpy(numbers // 2).to(self.device)
        return self.rows.take(self._places(numbers), out)._replace(pair=pair)

    def _places(self, numbers):
        firsts = numbers // 2
        return np.where(numbers % 2, self.chosen[firsts], firsts)


def nearest_neighbors(rows, n_neighbors, seed):
    """Return the numbers of the nearest neighbours of each row, by Euclidean distance.

    Of the rows as a network sees them: centred and scaled, what stands for missing
    cells filled in, series ending in zeros. Of more than 50 columns the distances are
    those of their first 50 principal components, which follow at most 10,000 rows.

    Parameters
    ----------
    rows : Rows
    n_neighbors : int
        At most; of fewer rows all others are neighbours, a single row is its own.
    seed : int

    Returns
    -------
    ndarray of int of shape (n_rows, n_neighbors)
    """
    if len(rows) == 1:
        return np.zeros((1, 1), dtype=np.int64)
    reduced = _reduced(rows, seed)
    n_neighbors = min(n_neighbors, len(rows) - 1)
    graph = NearestNeighbors(n_neighbors=n_neighbors).fit(reduced)
    return graph.kneighbors(return_distance=False)


def _reduced(rows, seed):
    """Return the rows, or their leading components, as one array."""
    n_rows, rng = len(rows), np.random.default_rng(seed)
    if min(rows.width, n_rows) <= _MOST_COLUMNS:
        return _dense(rows, slice(0, n_rows))
    some = slice(0, n_rows)
    if n_rows > _MOST_FITTED:
        some = np.sort(rng.choice(n_rows, _MOST_FITTED, replace=False))
    pca = PCA(_MOST_COLUMNS, random_state=seed % 2**32).fit(_dense(rows, some))
    step = rows_per_block(rows.width)
    blocks = (slice(start, start + step) for start in range(0, n_rows, step))
    return np.concatenate([pca.transform(_dense(rows, block)) for block in blocks])


def _dense(rows, numbers):
    """Return rows as an array of their full width."""
    x = rows.take(numbers).x.cpu().numpy()
    return np.pad(x, ((0, 0), (0, rows.width - x.shape[1])))
