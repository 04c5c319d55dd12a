"""Corruptions: what training does to rows before they are encoded."""

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real

import torch

from skae._sklearn import BaseEstimator, Interval, StrOptions
from skae.data.batch import Batch
from skae.data.checks import check_pair

_SHARE = Interval(Real, 0, 1, closed="both")
_EVERY_TABLE = ("number", "count", "category", "code")


class Corruption(BaseEstimator):
    """Base of the corruptions: a subclass defines :meth:`corrupt`.

    Training corrupts each batch afresh, from the estimator's seed; validation rows are
    corrupted the same way in every epoch. Fitted estimators never corrupt.
    """

    # Of fields that it is for. "token": tokens of tokens; "category": cells as a whole.
    kinds = ("number", "count", "code")
    spares_encoder = False  # whether it is for decoders that are fed with the row
    hides_cells = False  # whether cells become missing by it

    _parameter_constraints = {}

    def corrupt(self, x, columns, generator) -> torch.Tensor:
        """Return a corrupted copy of a batch.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_features)
            As the network sees it: centred and scaled, and neutral in cells that are
            not observed, where it stays so whatever is returned. Not to be changed.
        columns : ColumnStatistics
            Its `mean`, `std`, `minimum` and `maximum` of each column of the training
            rows, `zero`, where 0 is, and `neutral`, what stands for a missing cell, in
            the same units; ``in_units(x)`` and ``of_units(x)`` lead to those of X and
            back, `shape` is that of a row. Of series of unequal length they are those
            of the channels, repeated for each step. Of a frame of numbers and
            categories, `cell` is the number of the cell of each value; else None.
        generator : torch.Generator
            On the device of x; what everything random is to be drawn from.

        Returns
        -------
        Tensor of shape (n_samples, n_features)
        """
        raise NotImplementedError(f"{type(self).__name__} must define corrupt.")

    def corrupt_batch(self, batch, columns, generator) -> Batch:
        """Return a :class:`Batch` with corrupted rows.

        To override where more than x is needed or changed.
        """
        x = self.corrupt(batch.x, columns, generator)
        what = f"{type(self).__name__}.corrupt"
        if not isinstance(x, torch.Tensor):
            raise TypeError(f"{what} returned {type(x).__name__}, not a tensor.")
        if x.shape != batch.x.shape:
            raise ValueError(
                f"{what} made {tuple(x.shape)} of {tuple(batch.x.shape)}: it must keep "
                "the shape."
            )
        x = x.to(batch.x)
        if batch.observed is not None:
            x = x.where(batch.observed, batch.x)
        return batch._replace(x=x)


@dataclass(eq=False, repr=False)
class GaussianNoise(Corruption):
    """Adds normal noise to every value.

    Parameters
    ----------
    scale : float, default=0.3
        Standard deviation of the noise.
    units : {"std", "x"}, default="std"
        Of `scale`: standard deviations of the column, or units of X.
    clip : pair of float or None, default=None
        The lowest and the highest value that is left, in units of X; None leaves all.

    References
    ----------
    Vincent, P., Larochelle, H., Lajoie, I., Bengio, Y. and Manzagol, P.-A. (2010).
    Stacked denoising autoencoders: learning useful representations in a deep network
    with a local denoising criterion. Journal of Machine Learning Research 11.

    Examples
    --------
    >>> from skae import GaussianNoise
    >>> GaussianNoise(0.5)
    GaussianNoise(scale=0.5)
    """

    scale: float = 0.3
    _: KW_ONLY
    units: str = "std"
    clip: tuple | list | None = None

    kinds = _EVERY_TABLE

    _parameter_constraints = {
        "scale": [Interval(Real, 0, None, closed="left")],
        "units": [StrOptions({"std", "x"})],
        "clip": [tuple, list, None],
    }

    def _validate_params(self):
        super()._validate_params()
        if self.clip is not None:
            check_pair("clip of GaussianNoise", self.clip)

    def corrupt(self, x, columns, generator) -> torch.Tensor:
        """Return x with noise added; see :class:`Corruption`."""
        noise = torch.empty_like(x).normal_(generator=generator)
        unit = columns.std if self.units == "std" else columns.unit
        noisy = torch.addcmul(x, noise, self.scale * unit)
        if self.clip is None:
            return noisy
        low, high = (columns.zero + value * columns.unit for value in self.clip)
        return noisy.clamp(low, high)


@dataclass(eq=False, repr=False)
class MaskingNoise(Corruption):
    """Replaces a share of the values by one that says nothing.

    Parameters
    ----------
    rate : float, default=0.3
        Probability of each value to be replaced, in [0, 1].
    fill : {"zero", "mean"}, default="zero"
        What replaces it: 0, or the mean of the column. On centred columns that is the
        same.

    References
    ----------
    Vincent, P., Larochelle, H., Bengio, Y. and Manzagol, P.-A. (2008). Extracting and
    composing robust features with denoising autoencoders. International Conference on
    Machine Learning.

    Examples
    --------
    >>> from skae import MaskingNoise
    >>> MaskingNoise(0.5, fill="mean")
    MaskingNoise(fill='mean', rate=0.5)
    """

    rate: float = 0.3
    _: KW_ONLY
    fill: str = "zero"

    kinds = _EVERY_TABLE

    _parameter_constraints = {
        "rate": [_SHARE],
        "fill": [StrOptions({"zero", "mean"})],
    }

    def corrupt(self, x, columns, generator) -> torch.Tensor:
        """Return x with values replaced; see :class:`Corruption`."""
        fill = columns.zero if self.fill == "zero" else columns.mean
        return torch.where(_chosen(x, self.rate, generator, columns), fill, x)


@dataclass(eq=False, repr=False)
class SaltAndPepperNoise(Corruption):
    """Replaces a share of the values by the column's minimum or maximum.

    Either is as likely.

    Parameters
    ----------
    rate : float, default=0.3
        Probability of each value to be replaced, in [0, 1]. The extremes are those of
        the training rows.

    References
    ----------
    Vincent, P., Larochelle, H., Lajoie, I., Bengio, Y. and Manzagol, P.-A. (2010).
    Stacked denoising autoencoders: learning useful representations in a deep network
    with a local denoising criterion. Journal of Machine Learning Research 11.

    Examples
    --------
    >>> from skae import SaltAndPepperNoise
    >>> SaltAndPepperNoise(0.1)
    SaltAndPepperNoise(rate=0.1)
    """

    rate: float = 0.3

    _parameter_constraints = {"rate": [_SHARE]}

    def corrupt(self, x, columns, generator) -> torch.Tensor:
        """Return x with values replaced; see :class:`Corruption`."""
        draws = _uniform(x, generator)
        extreme = torch.where(draws < self.rate / 2, columns.minimum, columns.maximum)
        return torch.where(draws < self.rate, extreme, x)


@dataclass(eq=False, repr=False)
class SwapNoise(Corruption):
    """Replaces a share of the values by that of another row in the same column.

    The other row is drawn from the batch, for each value anew, so that every column
    keeps its distribution. A batch of one row stays as it is.

    Parameters
    ----------
    rate : float, default=0.15
        Probability of each value to be replaced, in [0, 1].

    References
    ----------
    Jahrer, M. (2017). First place solution of Porto Seguro's safe driver prediction.
    Kaggle.

    Examples
    --------
    >>> from skae import SwapNoise
    >>> SwapNoise(0.2)
    SwapNoise(rate=0.2)
    """

    rate: float = 0.15

    kinds = (*_EVERY_TABLE, "token")

    _parameter_constraints = {"rate": [_SHARE]}

    def corrupt_batch(self, batch, columns, generator) -> Batch:
        """Return a batch with values swapped in; see :class:`Corruption`."""
        x, n_rows = batch.x, len(batch.x)
        if n_rows == 1:
            return batch
        like = _of_cells(x, columns)
        away = torch.randint(
            1, n_rows, like.shape, generator=generator, device=x.device
        )  # never 0: another row
        rows = torch.arange(n_rows, device=x.device).unsqueeze(1)
        sources = _of_values((rows + away) % n_rows, columns)
        chosen = _chosen(x, self.rate, generator, columns)
        if batch.observed is not None:
            chosen &= batch.observed & batch.observed.gather(0, sources)
        return batch._replace(x=torch.where(chosen, x.gather(0, sources), x))


@dataclass(eq=False, repr=False)
class WordDropout(Corruption):
    """Replaces a share of the tokens by the unknown one.

    A decoder that is fed with the tokens before the one that it has to tell
    (``Recurrent(feedback=True)``) sees them so, while the encoder sees the whole row:
    such a decoder has to rely on the code (Bowman et al. 2016). Without feedback the
    encoder sees them so.

    Parameters
    ----------
    rate : float, default=0.3
        Probability of each token to be replaced, in [0, 1].
    token : int, default=0
        What replaces it; 0 is the unknown token of `SubwordTokenizer`.

    References
    ----------
    Bowman, S. R., Vilnis, L., Vinyals, O., Dai, A. M., Jozefowicz, R. and Bengio, S.
    (2016). Generating sentences from a continuous space. Conference on Computational
    Natural Language Learning.

    Examples
    --------
    >>> from skae import WordDropout
    >>> WordDropout(0.5)
    WordDropout(rate=0.5)
    """

    rate: float = 0.3
    _: KW_ONLY
    token: int = 0

    kinds = ("token",)
    spares_encoder = True

    _parameter_constraints = {
        "rate": [_SHARE],
        "token": [Interval(Integral, 0, None, closed="left")],
    }

    def corrupt(self, x, columns, generator) -> torch.Tensor:
        """Return x with tokens replaced; see :class:`Corruption`."""
        unknown = torch.full_like(x, self.token)
        return torch.where(_chosen(x, self.rate, generator), unknown, x)


@dataclass(eq=False, repr=False)
class HiddenCells(Corruption):
    """Hides a share of the observed cells from the encoder, as if they were missing.

    Training then reconstructs hidden cells from the others, and learns what to make of
    rows with gaps (He et al. 2022, for images; Du et al. 2024, for tables).

    Parameters
    ----------
    rate : float or pair of float, default=0.3
        Probability of each observed cell, or of each row, to lose by it, in [0, 1]. Of
        a pair, the lowest and the highest, each row has one in between of its own.
    pattern : {"random", "rows"}, default="random"
        Which cells are hidden: any, each for itself, or of a row those that another
        row of the batch misses.
    counted : {"all", "hidden"}, default="all"
        Which observed cells count in the loss of training: all, or those hidden alone,
        where it is these that matter, as for an imputer. Not in a bound on a density.
    n_patterns : int or None, default=None
        In how many epochs cells are drawn to hide; those after take the same in turn,
        as what stands for a missing cell costs more than a step of a small network.
        None: in every epoch. So it is of large data, of which no copy is kept.

    References
    ----------
    He, K., Chen, X., Xie, S., Li, Y., Dollar, P. and Girshick, R. (2022). Masked
    autoencoders are scalable vision learners. Computer Vision and Pattern Recognition.

    Du, T., Melis, L. and Wang, T. (2024). ReMasker: imputing tabular data with masked
    autoencoding. International Conference on Learning Representations.

    Examples
    --------
    >>> from skae import HiddenCells
    >>> HiddenCells(0.5)
    HiddenCells(rate=0.5)
    """

    rate: float | tuple | list = 0.3
    _: KW_ONLY
    pattern: str = "random"
    counted: str = "all"
    n_patterns: int | None = None

    kinds = _EVERY_TABLE
    hides_cells = True

    _parameter_constraints = {
        "rate": [_SHARE, tuple, list],
        "pattern": [StrOptions({"random", "rows"})],
        "counted": [StrOptions({"all", "hidden"})],
        "n_patterns": [Interval(Integral, 1, None, closed="left"), None],
    }

    def _validate_params(self):
        super()._validate_params()
        if not isinstance(self.rate, Real):
            check_pair("rate of HiddenCells", self.rate, 0, 1)

    def corrupt_batch(self, batch, columns, generator) -> Batch:
        """Return a batch with fewer observed cells; see :class:`Corruption`."""
        marked, rate = batch.marked(), self.rate
        if not isinstance(rate, Real):
            low, high = rate
            rate = low + (high - low) * _uniform(batch.x[:, :1], generator)
        if self.pattern == "rows":
            rows = torch.randperm(
                len(batch.x), generator=generator, device=batch.x.device
            )
            spared = ~_chosen(batch.x[:, :1], rate, generator)
            observed = marked.observed & (marked.observed[rows] | spared)
        else:
            chosen = _chosen(batch.x, rate, generator, columns)
            observed = marked.observed & ~chosen
        hidden = marked.observed & ~observed
        x = columns.filled(batch.x, observed, hidden)
        return marked._replace(x=x, observed=observed)


def _uniform(x, generator):
    return torch.empty_like(x).uniform_(generator=generator)


def _chosen(x, rate, generator, columns=None):
    """Draw which values of x are replaced, all of a cell: a mask of its shape."""
    return _of_values(_uniform(_of_cells(x, columns), generator) < rate, columns)


def _of_cells(x, columns):
    """Return a tensor with one column for each cell of x, whatever it holds."""
    if columns is None or columns.cell is None:
        return x
    return x[:, : int(columns.cell.max()) + 1]


def _of_values(of_cells, columns):
    """Return what is known of each cell for each of its values."""
    if columns is None or columns.cell is None:
        return of_cells
    return of_cells[:, columns.cell]
