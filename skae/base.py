"""The scikit-learn face of every autoencoder: parameters, fitting, three roles."""

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from skorch.callbacks import EpochTimer, LRScheduler

from skae.activations import ACTIVATION_CHOICES
from skae.architectures import Architecture, Dense
from skae.engine.batches import Rows
from skae.engine.budget import (
    auto_batch_size,
    auto_components,
    auto_epochs,
    learning_rate_factor,
)
from skae.engine.columns import describe_columns, principal_axes
from skae.engine.devices import resolve_device
from skae.engine.net import Net
from skae.engine.seats import OPTIMIZERS, check_extras, resolve_optimizer
from skae.engine.seeds import draw_seed
from skae.engine.watchers import BestWeights, Progress
from skae.inference import InferenceMixin
from skae.losses import LOSSES, Loss, make_loss
from skae.validation import as_rows

_FEWEST_TO_SPLIT = 40  # rows; with fewer, all train
_FEWEST_VALIDATION_ROWS = 10
_FEWEST_TO_JUDGE = 5  # epochs; fewer say nothing of convergence
_NOISE = 1e-6  # a loss below, with variance 1, is what float32 leaves
_ROWS_COMPARED = 1000  # on which a linear start is compared with PCA


@dataclass(eq=False, repr=False, kw_only=True)
class BaseAutoencoder(InferenceMixin, BaseEstimator):
    """Base of all autoencoders: parameters, fitting, codes, reconstructions.

    A subclass names the module that it trains, `_module_class`.
    """

    n_components: int | float | str = field(default="auto", kw_only=False)
    architecture: Architecture | None = None
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
            self._build(X, seed, rng, previous)
            train, valid = self._split(X, X_val, rng)
            n_train = len(train)
            self.batch_size_ = self._batch_size_for(n_train)
            self.max_epochs_ = self.max_epochs
            if self.max_epochs == "auto":
                self.max_epochs_ = auto_epochs(
                    n_train, self.batch_size_, valid is not None
                )
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
                self._build(X, seed, np.random.default_rng(seed))
            else:
                self._row_check().all(X)
            self.batch_size_ = self._batch_size_for(X.shape[0])
            self.net_.batch_size = self.batch_size_
            rows = Rows(X, self._scaling, device=self.net_.device).settle()
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

    def _build(self, X, seed, rng, previous=None):
        """Resolve the parameters and make the net: random, PCA's, or the previous."""
        self.architecture_ = (
            Dense() if self.architecture is None else clone(self.architecture)
        )
        self.architecture_._validate_params()
        self.loss_ = make_loss(self.loss)
        share = self.n_components if isinstance(self.n_components, float) else None
        wants_axes = self.architecture_.starts_linear or share is not None
        columns = describe_columns(
            X,
            with_covariance=wants_axes and previous is None,
            check=self._row_check(self.loss_.target_range),
        )
        if previous is None:
            axes = np.empty((0, X.shape[1]))
            self.n_components_ = auto_components(X.shape[1])
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
        self.net_ = self._make_net(X.shape[1], seed).initialize()
        if previous is not None:
            self._continue_from(previous)
        elif self.architecture_.starts_linear:
            self._start_linear(X, columns, axes[: self.n_components_])
        self.net_.settle()

    def _make_net(self, n_features, seed):
        check_extras(self.net_params or {}, self.callbacks or ())
        return Net(
            self._module_class,
            **self._module_params(n_features),
            seed=seed,
            loss=self.loss_.for_unit(self.scale_),
            optimizer=resolve_optimizer(self.optimizer),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            device=resolve_device(self.device),
            callbacks=None if self.callbacks is None else list(self.callbacks),
            **(self.net_params or {}),
        )

    def _module_params(self, n_features):
        """Return what the module is made of, as skorch's ``module__`` parameters."""
        return {
            "module__architecture": self.architecture_,
            "module__n_features": n_features,
            "module__n_components": self.n_components_,
            "module__code_activation": self.code_activation,
            "module__l1_penalty": self.l1_penalty,
        }

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
                "architecture, n_components or code_activation no longer describe. "
                "Set them back, or warm_start=False."
            ) from error

    def _start_linear(self, X, columns, axes):
        """Start at PCA, unless the network cannot: then the start stays random."""
        net, module = self.net_, self.net_.module_
        random_start = net.snapshot()["module"]
        device = next(module.parameters()).device
        axes = torch.tensor(axes, dtype=torch.float32, device=device)
        self.architecture_.start_linear(module, axes)
        net.settle()
        rows = Rows(X, self._scaling, device=device).take(slice(0, _ROWS_COMPARED))
        centred = rows
        if self.mean_ is None:
            centred = rows - torch.tensor(columns.mean, dtype=torch.float32).to(device)
        with torch.inference_mode():
            output = net.criterion_.loss.activation()(module(rows).output)
            error = (output - rows).square().mean()
            of_pca = (centred @ axes.T @ axes - centred).square().mean()
            spread = centred.square().mean()
        if not error <= 1.01 * of_pca + 1e-5 * spread:
            net.load_module(random_start)

    def _split(self, X, X_val, rng):
        """Return the rows to train and to validate on; None where none validate."""
        n_rows = X.shape[0]
        device = self.net_.device
        if X_val is not None:
            X_val = as_rows(self, X_val, name="X_val")
            self._row_check(self.loss_.target_range, "X_val").all(X_val)
            valid = Rows(X_val, self._scaling, device=device).settle()
            return Rows(X, self._scaling, device=device).settle(), valid
        fewest = _FEWEST_TO_SPLIT if self.early_stopping == "auto" else 2
        if self.early_stopping is False or n_rows < fewest:
            return Rows(X, self._scaling, device=device).settle(), None
        n_valid = max(
            int(np.ceil(self.validation_fraction * n_rows)),
            min(_FEWEST_VALIDATION_ROWS, n_rows // 2),
        )
        if n_valid >= n_rows:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} leaves no row of "
                f"{n_rows} to train on."
            )
        order = rng.permutation(n_rows)
        return tuple(
            Rows(X, self._scaling, np.sort(part), device).settle()
            for part in (order[n_valid:], order[:n_valid])
        )

    def _batch_size_for(self, n_rows):
        size = auto_batch_size(n_rows) if self.batch_size == "auto" else self.batch_size
        return int(min(size, n_rows))

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
        elif self.n_iter_ == self.max_epochs_ >= _FEWEST_TO_JUDGE:
            monitored = (
                "valid_loss" if "valid_loss" in self.history_[0] else "train_loss"
            )
            losses = np.array([row[monitored] for row in self.history_])
            last_tenth = -max(1, self.n_iter_ // 10)
            noise = _NOISE * self.loss_.unit(self.scale_)
            before = losses[:last_tenth].min()
            if noise < before and losses[last_tenth:].min() < 0.95 * before:
                warnings.warn(
                    f"The {monitored} still fell by more than 5 % over the last tenth "
                    f"of {self.n_iter_} epochs. Increase max_epochs or learning_rate.",
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
