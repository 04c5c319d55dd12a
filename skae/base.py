"""The scikit-learn face of every autoencoder: parameters, fitting, three roles."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions

from skae.activations import ACTIVATION_CHOICES
from skae.architectures import Architecture, Dense
from skae.corruption import Corruption
from skae.engine.budget import auto_components
from skae.engine.columns import (
    describe_columns,
    describe_lengths,
    principal_axes,
)
from skae.engine.devices import resolve_device
from skae.engine.net import Net
from skae.engine.seats import OPTIMIZERS, check_extras, resolve_optimizer
from skae.engine.start import start_linear
from skae.inference import InferenceMixin
from skae.losses import LOSSES, CrossEntropy, Loss, SquaredError, make_loss
from skae.ragged import Ragged
from skae.training import TrainingMixin
from skae.validation import own


@dataclass(eq=False, repr=False, kw_only=True)
class BaseAutoencoder(TrainingMixin, InferenceMixin, BaseEstimator):
    """Base of all autoencoders: parameters, fitting, codes, reconstructions.

    A subclass names the module that it trains, `_module_class`.
    """

    n_components: int | float | str = field(default="auto", kw_only=False)
    architecture: Architecture | None = None
    corruption: Corruption | None = None
    loss: Loss | str | None = None
    code_activation: str | type | None = None
    max_epochs: int | str = "auto"
    batch_size: int | str = "auto"
    optimizer: str | type = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    l1_penalty: float = 0.0
    early_stopping: bool | str = "auto"
    validation_fraction: float = 0.1
    patience: int = 20
    device: str = "auto"
    callbacks: list | None = None
    random_state: int | None = None
    verbose: int = 0
    warm_start: bool = False
    net_params: dict | None = None

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"auto"}),
        ],
        "architecture": [Architecture, None],
        "corruption": [Corruption, None],
        "loss": [Loss, StrOptions(set(LOSSES)), None],
        "code_activation": [*ACTIVATION_CHOICES, None],
        "max_epochs": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "l1_penalty": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "device": [str, torch.device],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "net_params": [dict, None],
    }

    # -- fitting

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_val=None):
        """Train on the rows of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or what else the `architecture` takes: images, series, lists of tokens.
        y : Ignored
            Present for pipelines; never read.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Rows to validate on, instead of a random part of X. As they reach this
            estimator: in a pipeline, scaled as X is (``transform_input=["X_val"]``).

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X is not numeric, finite and within the range of the loss, or if
            training diverges. The estimator is then as it was before the call.
        """
        with self._unchanged_on_error():
            self._train(X, X_val)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Train by one pass over the rows of X, from where the last call ended.

        The first call fixes features, device, network, centre and scale, and the PCA
        start if there is one: set parameters before it and give it a representative
        batch. No validation, no schedule: the learning rate stays constant. `offset_`
        follows a random sample of the scores of all rows seen, each scored once.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Any number of rows, one included.
        y : Ignored
            Present for pipelines; never read.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As :meth:`fit`; the estimator is then as it was before the call.
        """
        with self._unchanged_on_error():
            self._train_on_batch(X)
        return self

    def _build(self, X, seed, rng, beside=None, previous=None, X_val=None):
        """Resolve the parameters and make the net: random, PCA's, or the previous."""
        share = self.n_components if isinstance(self.n_components, float) else None
        wants_axes = self._starts_linear or share is not None
        ragged = isinstance(X, Ragged)
        if ragged and share is not None:
            raise ValueError(
                f"n_components={share} is a share of the variance of columns, which "
                "rows of unequal length do not have. Give a number of components."
            )
        check = self._row_check(self.loss_.target_range)
        if ragged:
            check.all(X)
        columns = describe_columns(
            X.steps if ragged else X,
            with_covariance=wants_axes and previous is None,
            check=check,
        )
        axes, variances = np.empty((0, X.shape[1])), np.empty(0)
        if previous is None:
            self.n_components_ = self._auto_components(X.shape[1])
            if isinstance(self.n_components, Integral):
                self.n_components_ = int(self.n_components)
            if wants_axes:
                limit = self.n_components_ if share is None else None
                axes, variances = principal_axes(X, columns, limit=limit, rng=rng)
                if share is not None:
                    kept = np.cumsum(variances) < share * columns.variance.sum()
                    self.n_components_ = int(min(kept.sum() + 1, max(len(axes), 1)))
            bounded = self.loss_.is_bounded
            self.mean_ = None if bounded else columns.mean
            self.scale_ = 1.0 if bounded else columns.scale
        lengths = describe_lengths(X.lengths) if ragged else None
        self.net_ = self._make_net(seed, columns, lengths).initialize()
        if previous is not None:
            self._continue_from(previous)
        else:
            axes = axes[: self.n_components_]
            self._start(X, X_val, columns, axes, variances[: len(axes)], beside)
        self.net_.settle()

    def _resolve(self):
        """Set the nested objects that are used: clones of those given, or defaults."""
        self.architecture_ = own(self.architecture, self._default_architecture)
        self.corruption_ = own(self.corruption, self._default_corruption)
        self.loss_ = self._resolve_loss()

        of_tokens = self.architecture_.vocabulary_size is not None
        if self.loss_.scores_classes != of_tokens:
            raise ValueError(
                f"loss={self.loss_!r} does not fit {self.architecture_!r}: "
                "CrossEntropy and a vocabulary_size go together."
            )
        if of_tokens and self.corruption_ and not self.corruption_.takes_tokens:
            raise ValueError(
                f"corruption={self.corruption_!r} makes other numbers of tokens. Use "
                "WordDropout or SwapNoise."
            )

    def _resolve_loss(self):
        return make_loss(self.loss, default=self._default_loss)

    @property
    def _default_loss(self):
        """The class of what ``loss=None`` is."""
        of_tokens = self.architecture_.vocabulary_size is not None
        return CrossEntropy if of_tokens else SquaredError

    @property
    def _default_architecture(self):
        return Dense()

    @property
    def _default_corruption(self):
        """What ``corruption=None`` is; None for none."""

    @property
    def _code_activation(self):
        """What ``code_activation=None`` is here, or what was given."""
        return self.code_activation

    def _auto_components(self, n_features):
        return auto_components(n_features)

    @property
    def _starts_linear(self):
        return self.architecture_.starts_linear(self._codec.shape)

    def _make_net(self, seed, columns, lengths):
        check_extras(self.net_params or {}, self.callbacks or ())
        return Net(
            self._module_class,
            **self._module_params(columns, lengths),
            **self._criterion_params(columns),
            seed=seed,
            loss=self.loss_.for_unit(self.scale_),
            optimizer=resolve_optimizer(self.optimizer),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            device=resolve_device(self.device),
            callbacks=None if self.callbacks is None else list(self.callbacks),
            **(self.net_params or {}),
        )

    def _module_params(self, columns, lengths):
        """Return what the module is made of, as skorch's ``module__`` parameters."""
        params = {
            "module__architecture": self.architecture_,
            "module__shape": self._codec.shape,
            "module__lengths": lengths,
            "module__n_components": self.n_components_,
            "module__code_activation": self._code_activation,
            "module__l1_penalty": self.l1_penalty,
        }
        if self.corruption_ is not None:
            params["module__corrupt"] = (
                self.corruption_,
                columns.statistics(self.mean_, self.scale_),
                lengths is not None,
            )
        return params

    def _criterion_params(self, columns):
        """Return the criterion's parameters, and itself if it is not the plain one."""
        return {
            "criterion__n_features": len(columns.mean),
            "criterion__ragged": None in self._codec.shape,
        }

    def _continue_from(self, previous):
        """Take over the weights of the net of an earlier fit."""
        if self.loss_.is_bounded != (self.mean_ is None):
            raise ValueError(
                f"warm_start=True keeps centre and scale, and loss={self.loss_} needs "
                "others than the loss of the last fit. Set warm_start=False."
            )
        try:
            self.net_.load_weights(previous.weights())
        except RuntimeError as error:
            raise ValueError(
                "warm_start=True continues from the network of the last fit, which "
                "architecture, n_components or another parameter no longer "
                "describes. Set it back, or warm_start=False."
            ) from error

    def _start(self, X, X_val, columns, axes, variances, beside):
        """Set the weights that a first fit starts from; they are random before."""
        if self._starts_linear:
            rows = self._first_rows(X)
            centre = columns.mean if self.mean_ is None else None
            start_linear(self.net_, self.architecture_, axes, rows, centre)

    @contextmanager
    def _unchanged_on_error(self):
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
