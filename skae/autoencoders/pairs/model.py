"""What an encoder-decoder changes of a fit, and what it says of rows."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skae._sklearn import num_samples
from skae.autoencoders.base import BaseNetwork
from skae.autoencoders.objective import resolved
from skae.autoencoders.pairs.parameters import TwoArchitectures
from skae.autoencoders.pairs.scores import r2_of, share_of_right_tokens
from skae.autoencoders.pairs.sides import Sides
from skae.autoencoders.pairs.start import start_at_ridge
from skae.autoencoders.pairs.targets import Targets, check_lengths
from skae.data.checks import as_codes
from skae.data.fields import UNBOUNDED
from skae.data.frames import in_memory
from skae.data.ragged import Ragged
from skae.data.samples import Samples
from skae.predictor import Predictor

_FEWEST, _MOST = 32, 512  # components of "auto"
_OF_SEQUENCES = 128  # where lengths vary


@dataclass(eq=False, repr=False, kw_only=True)
class PairModel(RegressorMixin, BaseNetwork, TwoArchitectures):
    """Base of estimators of rows of y from rows of X."""

    takes_weights = True

    _parameter_constraints = {
        **BaseNetwork._parameter_constraints,
        **TwoArchitectures._parameter_constraints,
    }

    def predict(self, X) -> Any:
        """Return what rows become.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            In the form that y had in `fit`, a frame with its names if it was one, as
            floats in the dtype of X if that is a float. Of series and texts of unequal
            length, the code tells how long they are; tokens are integers.
        """
        check_is_fitted(self)
        X = in_memory(X)
        return self._targets.restore(self._decode(self._encode(self._samples(X))), X)

    def inverse_transform(self, X) -> Any:
        """Decode codes to rows of y, not of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            ``predict(X)`` is ``inverse_transform(transform(X))``.
        """
        check_is_fitted(self)
        rows = self._decode(as_codes(self, X, self.n_components_))
        return self._targets.restore(rows, X)

    def score(self, X, y, sample_weight=None) -> float:
        """Return R², or of texts the share of tokens that are right.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or of the form that `fit` was given: images, series, tokens.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            In the form that `fit` was given.
        sample_weight : array-like of shape (n_samples,) or None, default=None

        Returns
        -------
        score : float
            Of a table the mean of R² over columns, as of any regressor. Of images and
            series one R² of all values, about the mean of each pixel or channel; series
            of unequal length are decoded to the lengths that they have. Of texts, the
            tokens that are right where they stand, over those of the longer of
            prediction and y.
        """
        check_is_fitted(self)
        samples = self._samples(X)
        targets = self._targets
        wanted = targets.rows(y)
        check_lengths(len(samples), wanted.shape[0])
        replace(targets.check(self.loss_), value_range=UNBOUNDED).all(wanted)
        codes = self._encode(samples)
        if "token" in targets.codec.fields.kinds:
            return share_of_right_tokens(wanted, self._decode(codes), sample_weight)
        lengths = wanted.lengths if isinstance(wanted, Ragged) else None
        told = self._decode(codes, lengths)
        return r2_of(wanted, told, targets.codec.is_table, sample_weight)

    @property
    def target_shape_(self) -> tuple:
        """The shape of one row of y; None stands for a length that varies."""
        check_is_fitted(self)
        return self._targets.codec.shape

    def _paired(self, X, y, *, reset=False, names=("X", "y")):
        """Return what accompanies the rows of X, by the names of :class:`Samples`."""
        if reset:
            decoder = resolved(self.decoder, self.defaults.architecture)
            self._targets = Targets(decoder, type(self).__name__)
        rows = self._targets.rows(y, reset=reset, name=names[1])
        check_lengths(num_samples(X), rows.shape[0], names)
        return {"target": rows}

    # -- what is changed of a fit

    def _make_architecture(self):
        encoder = resolved(self.encoder, self.defaults.architecture)
        targets = self._targets
        for name, side in (("encoder", encoder), ("decoder", targets.decoder)):
            if getattr(side, "tied", False):
                raise ValueError(
                    f"tied=True of {name}={side!r} is for autoencoders: a decoder of y "
                    "cannot share the weights of an encoder of X. Set tied=False."
                )
        return Sides(
            encoder=encoder, decoder=targets.decoder, target_shape=targets.codec.shape
        )

    def _resolve(self):
        targets = self._targets
        self._resolve_loss(targets.codec.fields.kinds, targets.decoder)
        self._resolve_corruption(self._codec.fields.kinds)
        if getattr(self.corruption_, "counted", "all") != "all":
            raise ValueError(
                f"corruption={self.corruption_!r} leaves cells of X out of the loss, "
                'which here is of y. Set counted="all".'
            )

    @property
    def _input_range(self):
        return UNBOUNDED

    def _auto_components(self, n_features):
        shapes = self._codec.shape, self._targets.codec.shape
        if any(None in shape for shape in shapes):
            return _OF_SEQUENCES
        n_values = min(n_features, int(np.prod(shapes[1])))
        return min(max(n_values, _FEWEST), _MOST)

    def _learned_fields(self, samples, columns, seed):
        fields = super()._learned_fields(samples, columns, seed)
        self._targets = self._targets.learned(samples, self.loss_)
        self._longest = None if columns.lengths is None else columns.lengths[2]
        scaling = self._targets.fields.scaling
        self.target_mean_, self.target_scale_ = scaling.centre, scaling.scale
        return replace(fields, scaling=replace(fields.scaling, target=scaling))

    def _outputs(self, columns):
        return self._targets.fields, self._targets.columns

    def _starts_at_axes(self):
        return False  # of X, which y need not follow

    def _starts_at_ridge(self):
        """Tell whether :meth:`_start` finds the linear path that it needs."""
        is_linear = self.architecture_.has_linear_start(self._codec.shape)
        return is_linear and self.target_mean_ is not None

    def _start(self, start):
        if self._starts_at_ridge():
            start_at_ridge(
                self.net_,
                self.architecture_,
                start.samples,
                self._fields.scaling,
                self._first_rows(start.samples),
            )

    def _plan(self, n_rows, validated):
        batch_size, epochs = super()._plan(n_rows, validated)
        # Nothing would tell whether it is left for something better.
        is_open = self.early_stopping == "auto" and self.max_epochs == "auto"
        stays = is_open and not validated and self._starts_at_ridge()
        return batch_size, 0 if stays else epochs

    # -- inference

    @property
    def _predictor(self):
        return replace(super()._predictor, longest=self._longest)

    def _decode(self, codes, lengths=None):
        """Decode codes to flat rows in units of y, of these lengths if they vary."""
        targets = self._targets
        predictor = Predictor(
            self.net_,
            targets.fields,
            targets.codec,
            targets.decoder,
            targets.check(self.loss_),
        )
        return predictor.decode(
            Samples(codes, lengths=lengths), self.net_.criterion_.reconstruction
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = not getattr(self.encoder, "vocabulary_size", None)
        return tags
