"""The scikit-learn face of every autoencoder: parameters, fitting, three roles."""

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from skorch.callbacks import EpochTimer, LRScheduler

from skae.activations import ACTIVATION_CHOICES
from skae.architectures import Architecture, Dense
from skae.corruption import Corruption
from skae.engine.batches import Rows
from skae.engine.budget import (
    auto_batch_size,
    auto_components,
    auto_epochs,
    learning_rate_factor,
    split_rows,
    still_falling,
)
from skae.engine.columns import describe_columns, principal_axes
from skae.engine.devices import resolve_device
from skae.engine.net import Net
from skae.engine.seats import OPTIMIZERS, check_extras, resolve_optimizer
from skae.engine.seeds import draw_seed
from skae.engine.start import start_linear
from skae.engine.watchers import BestWeights, Progress
from skae.inference import InferenceMixin
from skae.losses import LOSSES, Loss, make_loss
from skae.validation import as_rows, own


@dataclass(eq=False, repr=False, kw_only=True)
class BaseAutoencoder(InferenceMixin, BaseEstimator):
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
            previous = getattr(self, "net_", None) if self.warm_start else None
            X = as_rows(self, X, reset=previous is None)
            seed = draw_seed(self.random_state)
            rng = np.random.default_rng(seed)
            self._resolve()
            if X_val is not None:
                X_val = as_rows(self, X_val, name="X_val")
                self._row_check(self.loss_.target_range, "X_val").all(X_val)
            self._build(X, seed, rng, previous, X_val)
            train, valid = self._split(X, X_val, rng)
            n_train = len(train)
            self.batch_size_ = self._batch_size_for(n_train)
            self.max_epochs_ = self._epochs_for(n_train, valid is not None)
            watchers = self._watchers()
            best = None
            if valid is not None and self.early_stopping is not False:
                best = BestWeights(valid, self.patience)
                watchers.append(best)
            own_schedule = not any(
                isinstance(callback, LRScheduler)
                for _, callback in self.net_.callbacks_
            )
            self.net_.batch_size = self.batch_size_
            self.net_.train_on(
                train,
                valid,
                epochs=self.max_epochs_,
                schedule=learning_rate_factor if own_schedule else None,
                watchers=watchers,
            )
            self.history_ = self._plain_history()
            self.n_iter_ = len(self.history_)
            self.best_epoch_ = self.n_iter_ if best is None else best.kept_epoch
            self._warn_of_unfinished_training()
            self.n_samples_seen_ = X.shape[0]
            self._after_training(X, rng, n_seen=0)
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
            first = not hasattr(self, "net_")
            X = as_rows(self, X, reset=first)
            n_seen = 0 if first else self.n_samples_seen_
            if first:
                seed = draw_seed(self.random_state)
                self._resolve()
                self._build(X, seed, np.random.default_rng(seed))
            else:
                self._row_check().all(X)
            self.batch_size_ = self._batch_size_for(X.shape[0])
            self.net_.batch_size = self.batch_size_
            rows = self._rows(X).settle()
            before = self.net_.snapshot()
            try:
                self.net_.train_on(rows, epochs=1, watchers=self._watchers())
            except BaseException:
                self.net_.restore(before)
                raise
            self.history_ = self._plain_history()
            self.n_iter_ = self.best_epoch_ = len(self.history_)
            self.n_samples_seen_ = n_seen + X.shape[0]
            # A stream of its own for each call: a pickle in between changes nothing.
            rng = np.random.default_rng([self.net_.seed, n_seen])
            self._after_training(X, rng, n_seen=n_seen)
        return self

    def _build(self, X, seed, rng, previous=None, X_val=None):
        """Resolve the parameters and make the net: random, PCA's, or the previous."""
        share = self.n_components if isinstance(self.n_components, float) else None
        wants_axes = self._starts_linear or share is not None
        columns = describe_columns(
            X,
            with_covariance=wants_axes and previous is None,
            check=self._row_check(self.loss_.target_range),
        )
        axes = np.empty((0, X.shape[1]))
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
        self.net_ = self._make_net(X.shape[1], seed, columns).initialize()
        if previous is not None:
            self._continue_from(previous)
        else:
            self._start(X, X_val, columns, axes[: self.n_components_])
        self.net_.settle()

    def _resolve(self):
        """Set the nested objects that are used: clones of those given, or defaults."""
        self.architecture_ = own(self.architecture, self._default_architecture)
        self.corruption_ = own(self.corruption, self._default_corruption)
        self.loss_ = make_loss(self.loss)

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
        return self.architecture_.starts_linear

    def _make_net(self, n_features, seed, columns):
        check_extras(self.net_params or {}, self.callbacks or ())
        return Net(
            self._module_class,
            **self._module_params(n_features, columns),
            seed=seed,
            loss=self.loss_.for_unit(self.scale_),
            optimizer=resolve_optimizer(self.optimizer),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            device=resolve_device(self.device),
            callbacks=None if self.callbacks is None else list(self.callbacks),
            **(self.net_params or {}),
        )

    def _module_params(self, n_features, columns):
        """Return what the module is made of, as skorch's ``module__`` parameters."""
        params = {
            "module__architecture": self.architecture_,
            "module__n_features": n_features,
            "module__n_components": self.n_components_,
            "module__code_activation": self._code_activation,
            "module__l1_penalty": self.l1_penalty,
        }
        if self.corruption_ is not None:
            params["module__corrupt"] = (
                self.corruption_,
                columns.statistics(self.mean_, self.scale_),
            )
        return params

    def _continue_from(self, previous):
        """Take over the weights of the net of an earlier fit."""
        if self.loss_.is_bounded != (self.mean_ is None):
            raise ValueError(
                f"warm_start=True keeps centre and scale, and loss={self.loss_} needs "
                "others than the loss of the last fit. Set warm_start=False."
            )
        try:
            self.net_.module_.load_state_dict(previous.module_.state_dict())
        except RuntimeError as error:
            raise ValueError(
                "warm_start=True continues from the network of the last fit, which "
                "architecture, n_components or another parameter no longer "
                "describes. Set it back, or warm_start=False."
            ) from error

    def _start(self, X, X_val, columns, axes):
        """Set the weights that a first fit starts from; they are random before."""
        if self._starts_linear:
            rows = self._rows(X)
            centre = columns.mean if self.mean_ is None else None
            start_linear(self.net_, self.architecture_, axes, rows, centre)

    def _split(self, X, X_val, rng):
        """Return the rows to train and to validate on; None where none validate."""
        if X_val is not None:
            return self._rows(X).settle(), self._rows(X_val).settle()
        train, valid = split_rows(
            X.shape[0], self.validation_fraction, self.early_stopping, rng
        )
        if valid is not None:
            valid = self._rows(X, valid).settle()
        return self._rows(X, train).settle(), valid

    def _rows(self, X, positions=None):
        return Rows(X, self._scaling, positions, device=self.net_.device)

    def _batch_size_for(self, n_rows):
        size = auto_batch_size(n_rows) if self.batch_size == "auto" else self.batch_size
        return int(min(size, n_rows))

    def _epochs_for(self, n_rows, validated):
        if self.max_epochs == "auto":
            return auto_epochs(n_rows, self.batch_size_, validated)
        return self.max_epochs

    def _watchers(self):
        bar = [Progress(type(self).__name__)] if self.verbose else []
        return [EpochTimer(), *bar]

    def _plain_history(self):
        """Return the finished epochs as dicts, their losses in units of X."""
        unit = self.loss_.unit(self.scale_)
        return [
            {
                key: value * unit if key in ("train_loss", "valid_loss") else value
                for key, value in row.items()
                if key != "batches"
            }
            for row in self.net_.history
            if "dur" in row
        ]

    def _warn_of_unfinished_training(self):
        if self.net_.interrupted:
            warnings.warn(
                f"Training was interrupted after {self.n_iter_} epochs; the estimator "
                "is fitted with what it had learned.",
                stacklevel=4,
            )
            return
        unit = self.loss_.unit(self.scale_)
        falling = still_falling(self.history_, self.max_epochs_, unit)
        if falling:
            warnings.warn(
                f"The {falling} still fell by more than 5 % over the last tenth of "
                f"{self.n_iter_} epochs. Increase max_epochs or learning_rate.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _after_training(self, X, rng, n_seen):
        """Do what a role needs to know of the training rows; see ThresholdMixin."""

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
