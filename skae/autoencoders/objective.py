"""What an objective says of itself: its parts, its defaults, its start, its roles."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from skae.architectures import Dense
from skae.autoencoders.criterion import Criterion
from skae.autoencoders.module import AutoencoderModule
from skae.autoencoders.parameters import Parameters
from skae.autoencoders.start import (
    start_at_axes,
    start_at_mean_row,
    start_at_mixed_axes,
)
from skae.codecs import made_codec
from skae.data.fields import AxisScales
from skae.data.rows import Rows
from skae.data.samples import Samples
from skae.data.statistics import Columns
from skae.losses import CrossEntropy, SquaredError, make_loss
from skae.training.budget import (
    FEWEST_TO_SPLIT,
    auto_components,
    plan,
    split_rows,
)
from skae.training.early_stopping import EarlyStopping, UnlessWorse

_ROWS_COMPARED = 1000  # on which a start is compared with a random one


class Defaults(NamedTuple):
    """What parameters that are left open stand for: callables that make it, or None."""

    architecture: Callable = Dense
    loss: Callable = SquaredError
    loss_of_tokens: Callable = CrossEntropy
    corruption: Callable | None = None
    corruption_of_tokens: Callable | None = None
    code_activation: str | None = None  # itself
    n_components: Callable = auto_components  # of the number of features


class Start(NamedTuple):
    """What the first weights of a net are made of."""

    samples: Samples  # the training rows
    validation: Samples | None
    columns: Columns  # what is known of their columns
    axes: np.ndarray  # (n_axes, n_values): leading principal axes, orthonormal
    variances: np.ndarray  # (n_axes,), along them
    scales: AxisScales | None = None  # of a frame: the units of axes and variances


@dataclass(eq=False, repr=False, kw_only=True)
class Objective(Parameters):
    """What a subclass of :class:`BaseNetwork` may change of a fit.

    Each method is called once, in this order, and :meth:`_start` again on parts of the
    rows where the threshold of outliers is set; see "Extending skae".
    """

    module_class = AutoencoderModule
    criterion_class = Criterion
    defaults = Defaults()
    # Whether a weight is a number of equal rows: nothing is drawn for each row. Few
    # rows are then trained on as a whole and in float64, so that it is so to the digit.
    takes_weights = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if not isinstance(cls.defaults, Defaults):
            raise TypeError(
                f"defaults of {cls.__name__} must be a Defaults, not {cls.defaults!r}."
            )

    def _make_architecture(self):
        """Return the validated architecture that the network is made by."""
        raise NotImplementedError(f"{type(self).__name__} names no architecture.")

    def _make_codec(self, X):
        """Return what turns X into flat rows; a layer of a stack is given it."""
        if hasattr(self, "_given_codec"):
            return self._given_codec
        return made_codec(self.architecture_, X, resolved(self.columns, None))

    def _module_parameters(self):
        """Return what `module_class` takes beyond what every module does, by name."""
        return {}

    def _criterion_parameters(self):
        """Return what `criterion_class` takes beyond what every criterion does."""
        return {}

    def _resolve(self):
        """Set what is used where a parameter leaves it open, and refuse what clashes.

        The architecture, `architecture_`, and what it makes of X, `_codec`, are known.
        """
        if isinstance(self.n_components, tuple) and self.n_components:
            names_channels = "code_channels" in self.architecture_.get_params()
            if names_channels and self.architecture_.code_channels is None:
                self.architecture_.set_params(code_channels=self.n_components[0])
                self.architecture_._validate_params()
        kinds = self._codec.fields.kinds
        self._resolve_loss(kinds, self.architecture_)
        self._resolve_corruption(kinds)

    def _resolve_loss(self, kinds, architecture):
        """Set the loss, which is for outputs of these kinds of fields."""
        of_tokens = "token" in kinds
        default = self.defaults.loss_of_tokens if of_tokens else self.defaults.loss
        self.loss_ = make_loss(self.loss, default)
        # Counts and categories have likelihoods of their own.
        if not kinds - {"count", "category"} <= set(self.loss_.kinds):
            raise ValueError(
                f"loss={self.loss_!r} does not fit {architecture!r}: "
                "CrossEntropy and a vocabulary_size go together."
            )

    def _resolve_corruption(self, kinds):
        """Set the corruption, which is for inputs of these kinds of fields."""
        of_tokens = "token" in kinds
        default = self.defaults.corruption
        if of_tokens:
            default = self.defaults.corruption_of_tokens
        self.corruption_ = resolved(self.corruption, default)
        if self.corruption_ is not None and not kinds <= set(self.corruption_.kinds):
            fault = (
                "is for tokens. Use MaskingNoise, or an architecture that takes them"
            )
            if "category" in kinds:
                fault = "is not for categories. Use SwapNoise, or MaskingNoise"
            if of_tokens:
                fault = "makes other numbers of tokens. Use WordDropout or SwapNoise"
            raise ValueError(f"corruption={self.corruption_!r} {fault}.")
        leaves_out = getattr(self.corruption_, "counted", "all") != "all"
        if leaves_out and self.criterion_class.as_sum:
            raise ValueError(
                f"corruption={self.corruption_!r} leaves cells out of the loss, which "
                f"{type(self).__name__} takes as a bound on the density of whole rows."
            )

    def _n_units(self, n_features):
        """Return the width of the code; a share of variance as it is."""
        maps = self.architecture_.code_shape(self._codec.shape)
        given = self.n_components
        if maps is None:
            if isinstance(given, tuple):
                raise ValueError(
                    f"n_components={given} is the shape of maps, which are the code of "
                    f"Convolutional alone, not of {self.architecture_!r}."
                )
            return self._auto_components(n_features) if given == "auto" else given
        n_units = math.prod(maps)
        if given not in ("auto", maps, n_units):
            raise ValueError(
                f"n_components={given} does not fit {self.architecture_!r}, whose "
                f'codes have the shape {maps}: pass that, {n_units} or "auto".'
            )
        return n_units

    def _auto_components(self, n_features):
        """Return the width of the code that ``n_components="auto"`` stands for."""
        return self.defaults.n_components(n_features)

    def _outputs(self, columns):
        """Return the fields and the :class:`Columns` that outputs are compared with.

        Those of X, whose columns these are, but where rows have other targets.
        """
        return self._fields, columns

    @property
    def _input_range(self):
        """The values of X that training allows, lowest and highest."""
        return self.loss_.target_range

    def _n_gaps(self, columns):
        """Return how many columns may have missing cells in training, or None."""
        if self.warm_start and hasattr(self, "net_"):
            missing = self.net_.module_.missing
            return None if missing is None else len(missing)
        hides = getattr(self.corruption_, "hides_cells", False)
        return len(columns.mean) if hides or columns.missing is not None else None

    def _learned_fields(self, samples, columns, seed):
        """Return the fields of the codec, with what training rows tell of them."""
        fields = self._codec.fields.learned(columns, self._input_range)
        hides = getattr(self.corruption_, "hides_cells", False)
        return fields.conditional_on(
            samples, columns, hides, np.random.default_rng(seed)
        )

    def _starts_at_axes(self):
        """Tell whether :meth:`_start` makes use of principal axes."""
        return self.architecture_.has_linear_start(self._codec.shape)

    def _start(self, start):
        """Set the weights that a first fit starts from; they are random before.

        Parameters
        ----------
        start : Start
        """
        self._start_at_axes(start)

    def _start_at_axes(self, start, code_variances=None):
        """Start at PCA where the network can, see :func:`start_at_axes`, or a mean."""
        if not self._starts_at_axes():
            self._start_at_mean_row(start)
            return
        if start.scales is not None:
            start_at_mixed_axes(
                self.net_,
                self.architecture_,
                start.axes,
                self._first_rows(start.samples),
                start.scales,
                code_variances,
            )
            return
        got_there = start_at_axes(
            self.net_,
            self.architecture_,
            start.axes,
            self._first_rows(start.samples),
            start.columns.mean if self.mean_ is None else None,
            code_variances,
        )
        if not got_there:
            self._start_at_mean_row(start)

    def _start_at_mean_row(self, start):
        """Start at the mean row where rows are not centred, as their loss asks."""
        kinds = self._codec.fields.kinds
        if self.mean_ is not None or not kinds <= {"number", "code"}:
            return
        rows = self._first_rows(start.samples)
        start_at_mean_row(
            self.net_, self.architecture_, start.columns, self.loss_, rows
        )

    def _callbacks(self):
        """Return skorch callbacks that training needs, beside the user's."""
        return []

    def _stopping(self, train, valid):
        """Return what chooses among the epochs' weights, or None for the last ones.

        Parameters
        ----------
        train, valid : Rows
            `valid` is None where none validate.
        """
        if not self.early_stopping:
            return None
        if valid is None:
            return UnlessWorse(train) if self.net_.dtype == "float64" else None
        cautious = not self._network_loss.is_logarithm
        return EarlyStopping(valid, self.patience, cautious=cautious)

    def _split(self, samples, validation, rng):
        """Return the rows to train and to validate on; None where none validate."""
        if validation is not None:
            return self._training_rows(samples), self._training_rows(validation)
        train, valid = split_rows(
            len(samples), self.validation_fraction, self.early_stopping, rng
        )
        if valid is not None:
            valid = self._training_rows(samples, valid)
        return self._training_rows(samples, train), valid

    def _plan(self, n_rows, validated):
        """Return the rows of a batch and the number of epochs."""
        is_exact = self.net_.dtype == "float64" and n_rows < FEWEST_TO_SPLIT
        return plan(n_rows, self.batch_size, self.max_epochs, validated, is_exact)

    def _summarise(self, samples, rng, n_seen):
        """Learn from the trained net what is asked of the estimator later.

        Parameters
        ----------
        samples : Samples
            New training rows.
        rng : numpy.random.Generator
        n_seen : int
            Rows that went before; 0 in `fit`.
        """

    def _rows(self, samples, positions=None):
        net, scaling = self.net_, self._fields.scaling
        return Rows(samples, scaling, positions, net.device, net.dtype).kept()

    def _training_rows(self, samples, positions=None):
        """Return what the net trains on, or is validated on."""
        return self._rows(samples, positions)

    def _first_rows(self, samples):
        """Return the rows that starts are compared on."""
        return self._rows(samples, np.arange(min(_ROWS_COMPARED, len(samples))))


def resolved(given, default):
    """Return a validated clone of a nested object; of None, what `default` makes."""
    if given is None:
        return None if default is None else default()
    copy = clone(given)
    copy._validate_params()
    return copy
