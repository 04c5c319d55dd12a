"""What objectives share that train on rows in pairs with a neighbour of each."""

from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real

from skae._sklearn import Interval
from skae.architectures import Dense
from skae.autoencoders.base import BaseAutoencoder
from skae.autoencoders.neighbors.module import NeighborModule
from skae.autoencoders.objective import Defaults
from skae.data.pairs import PairedRows, nearest_neighbors


@dataclass(eq=False, repr=False, kw_only=True)
class NeighborModel(BaseAutoencoder):
    """Base of autoencoders whose codes of neighbours are near each other."""

    learning_rate: float = 1e-2
    neighbor_weight: float = 1.0
    n_neighbors: int = 15

    module_class = NeighborModule
    defaults = Defaults(architecture=partial(Dense, norm="layer"))

    _parameter_constraints = {
        **BaseAutoencoder._parameter_constraints,
        "neighbor_weight": [Interval(Real, 0, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    }

    def _module_parameters(self):
        return {"neighbor_weight": self.neighbor_weight}

    def _training_rows(self, samples, positions=None):
        """Return the rows in pairs, each with one of its neighbours among them."""
        rows = super()._training_rows(samples, positions)
        if not self.neighbor_weight:
            return rows
        graph = nearest_neighbors(rows, self.n_neighbors, self.net_.seed)
        return PairedRows(rows, graph)

    def _plan(self, n_rows, validated):
        """Return the rows of a batch, whole pairs, and the number of epochs."""
        if not self.neighbor_weight:
            return super()._plan(n_rows, validated)
        if self.batch_size == "auto":  # of so many pairs as else of rows
            n_pairs, epochs = super()._plan(-(-n_rows // 2), validated)
            return 2 * n_pairs, epochs
        batch_size, epochs = super()._plan(n_rows, validated)
        return batch_size + batch_size % 2, epochs
