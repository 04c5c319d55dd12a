"""The scikit-learn face of every autoencoder: the recipe of a fit."""

from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Self

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from skae._sklearn import fit_context
from skae.autoencoders.attempt import unchanged_on_error
from skae.autoencoders.declared import (
    check_arguments,
    check_declared,
    check_summarised,
    own_parts,
)
from skae.autoencoders.objective import Objective, Start, resolved
from skae.autoencoders.parameters import OneArchitecture
from skae.autoencoders.trial import check_parts
from skae.autoencoders.unfinished import warn_of_unfinished_training
from skae.codecs import checked_rows
from skae.data.checks import RowCheck, warn_of_targets
from skae.data.frames import in_memory
from skae.data.samples import Samples
from skae.data.statistics import describe, principal_axes
from skae.losses import NetworkLoss
from skae.predictor import Predictor
from skae.roles.latent import LatentSpace
from skae.roles.model import DataModel
from skae.roles.modules import TorchModules
from skae.roles.patterns import UnitPatterns
from skae.roles.transformer import CodeTransformer
from skae.training.budget import FEWEST_TO_SPLIT
from skae.training.devices import resolve_device
from skae.training.extras import check_extras
from skae.training.net import Net
from skae.training.optimizers import resolve_optimizer
from skae.training.progress import Progress
from skae.training.seeds import draw_seed
from skae.training.trainer import Trainer


@dataclass(eq=False, repr=False, kw_only=True)
class BaseNetwork(CodeTransformer, Objective):
    """Base of what trains a network: an objective names its parts, a fit is one recipe.

    A subclass overrides what it changes of :class:`Objective`.
    """

    def _fit(self, X, X_val=None, known=None, known_val=None):
        """Do what :meth:`fit` does: validate, resolve, build, train, summarise.

        `known` is what accompanies the rows, by the names of :class:`Samples`.
        """
        previous = getattr(self, "net_", None) if self.warm_start else None
        self.architecture_ = self._make_architecture()
        samples = self._validated(X, known, reset=previous is None)
        self._resolve()
        validation = None
        if X_val is not None:
            validation = self._validated(X_val, known_val, name="X_val")
            self._check("X_val").samples(validation)
        seed = draw_seed(self.random_state)
        rng = np.random.default_rng(seed)
        n_rows = max(len(samples), samples.n_observations)
        is_exact = self.takes_weights and n_rows < FEWEST_TO_SPLIT
        self._build(samples, validation, seed, rng, previous, is_exact)
        train, valid = self._split(samples, validation, rng)
        self.batch_size_, self.max_epochs_ = self._plan(len(train), valid is not None)
        trainer = self._trainer(samples)
        stopping = self._stopping(train, valid)
        epochs, schedule = self.max_epochs_, self.schedule
        trainer.train(train, valid, epochs=epochs, stopping=stopping, schedule=schedule)
        self._record(trainer, samples, n_seen=0)
        warn_of_unfinished_training(self, trainer, samples)
        self._summarise(samples, rng, n_seen=0)
        check_summarised(self)

    def _partial_fit(self, X, known=None):
        """Do what :meth:`partial_fit` does; `known` as in :meth:`_fit`."""
        first = not hasattr(self, "net_")
        if first:
            self.architecture_ = self._make_architecture()
        samples = self._validated(X, known, reset=first)
        n_seen = 0 if first else self.n_samples_seen_
        if first:
            self._resolve()
            seed = draw_seed(self.random_state)
            self._build(samples, None, seed, np.random.default_rng(seed))
        else:
            self._check().all(samples.X)
        self.batch_size_, _ = self._plan(len(samples), validated=False)
        before = self.net_.snapshot()
        trainer = self._trainer(samples)
        # A stream of its own for each call: a pickle in between changes nothing.
        rng = np.random.default_rng([self.net_.seed, n_seen])
        try:
            trainer.train(self._training_rows(samples), epochs=1)
            self._record(trainer, samples, n_seen)
            self._summarise(samples, rng, n_seen)
            check_summarised(self)
        except BaseException:
            self.net_.restore(before)
            raise

    def _validated(self, X, known, *, reset=False, name="X"):
        """Return training rows and what is known of them as samples."""
        X = in_memory(X, name)
        if reset:
            self._codec = self._make_codec(X)
        rows = checked_rows(
            self._codec, self._codec.rows(self, X, reset=reset, name=name), X
        )
        if reset and not hasattr(self, "n_features_in_"):
            self.n_features_in_ = rows.shape[1]
        samples = Samples(rows, **(known or {}))
        check_consistent_length(samples.X, samples.condition)
        return samples if samples.weight is None else samples.weighted()

    def _build(self, samples, validation, seed, rng, previous=None, is_exact=False):
        """Make the net, and its first weights: random, PCA's, or the previous net's."""
        check_declared(self)
        share = None
        if isinstance(self.n_components, Real) and 0 < self.n_components < 1:
            share = float(self.n_components)
        if None in self._codec.shape and share is not None:
            raise ValueError(
                f"n_components={share} is a share of the variance of columns, which "
                "rows of unequal length do not have. Give a number of components."
            )
        wants_axes = previous is None and (self._starts_at_axes() or share is not None)
        self.n_samples_seen_ = len(samples)
        check = self._check()
        columns = describe(samples, with_covariance=wants_axes, check=check)
        check.has_values(columns)
        axes, variances = np.empty((0, samples.shape[1])), np.empty(0)
        fields = self._learned_fields(samples, columns, seed)
        scales = fields.axis_scales(columns)
        if previous is None:
            self._fields = fields
            self.mean_, self.scale_ = fields.scaling.centre, fields.scaling.scale
            n_features = samples.shape[1] if scales is None else scales.n_directions
            self.n_components_ = self._n_units(n_features)
            if wants_axes:
                limit = self.n_components_ if share is None else None
                axes, variances = principal_axes(
                    samples, columns, limit=limit, rng=rng, scales=scales
                )
                if share is not None:
                    total = columns.variance.sum() if scales is None else scales.total
                    kept = np.cumsum(variances) < share * total
                    self.n_components_ = min(kept.sum() + 1, max(len(axes), 1))
            self.n_components_ = int(self.n_components_)
        elif (fields.scaling.centre is None) != (self.mean_ is None):
            raise ValueError(
                f"warm_start=True keeps centre and scale, and loss={self.loss_} needs "
                "others than the loss of the last fit. Set warm_start=False."
            )
        fields, of_outputs = self._outputs(columns)
        self._network_loss = NetworkLoss.over(
            fields, of_outputs, self.loss_, self.criterion_class.as_sum
        )
        check_arguments(self)
        self.net_ = self._make_net(seed, columns, is_exact).initialize()
        if own_parts(self):
            self.net_.draws = check_parts(self, self._first_rows(samples))
        if previous is not None:
            self._continue_from(previous)
        else:
            axes = axes[: self.n_components_]
            variances = variances[: len(axes)]
            self._start(Start(samples, validation, columns, axes, variances, scales))
            self._built_with = {
                name: getattr(self, name)
                for name in ("n_components", "code_activation")
            }
        self.net_.ready()

    def _make_net(self, seed, columns, is_exact):
        check_extras(self.net_params or {}, self.callbacks or ())
        _, of_outputs = self._outputs(columns)
        parameters = {
            "module__architecture": self.architecture_,
            "module__shape": self._codec.shape,
            "module__n_components": self.n_components_,
            "module__code_activation": self.code_activation
            or self.defaults.code_activation,
            "module__l1_penalty": self.l1_penalty,
            "module__lengths": of_outputs.lengths,
            "module__n_gaps": self._n_gaps(columns),
            "criterion__n_columns": len(of_outputs.mean),
        }
        if self.corruption_ is not None:
            parameters["module__corruption"] = self.corruption_
            statistics = self._fields.statistics(columns)
            parameters["module__columns"] = statistics._replace(shape=self._codec.shape)
        for name, value in self._module_parameters().items():
            parameters[f"module__{name}"] = value
        for name, value in self._criterion_parameters().items():
            parameters[f"criterion__{name}"] = value
        device = resolve_device(self.device)
        return Net(
            self.module_class,
            self.criterion_class,
            seed=seed,
            loss=self._network_loss.loss,
            optimizer=resolve_optimizer(self.optimizer),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            device=device,
            dtype="float64" if is_exact and device != "mps" else "float32",
            callbacks=None if self.callbacks is None else list(self.callbacks),
            **parameters,
            **(self.net_params or {}),
        )

    def _continue_from(self, previous):
        """Take over the weights of the net of an earlier fit."""
        for name, before in self._built_with.items():
            value = getattr(self, name)
            if value not in (before, getattr(self, f"{name}_", before)):
                raise ValueError(
                    "warm_start=True continues from the network of the last fit, of "
                    f"{name}={before!r}, not {value!r}. Set it back, or "
                    "warm_start=False."
                )
        try:
            self.net_.load_weights(previous.weights())
        except RuntimeError as error:
            raise ValueError(
                "warm_start=True continues from the network of the last fit, which "
                "architecture, n_components or another parameter no longer "
                "describes. Set it back, or warm_start=False."
            ) from error

    def _trainer(self, samples):
        callbacks = self._callbacks()
        if self.verbose:
            title = getattr(self, "_title", type(self).__name__)
            in_units = partial(self._in_units, samples=samples)
            callbacks = [Progress(title, in_units), *callbacks]
        return Trainer(self.net_, batch_size=self.batch_size_, callbacks=callbacks)

    @property
    def _predictor(self):
        return Predictor(
            self.net_, self._fields, self._codec, self.architecture_, self._check()
        )

    def _check(self, name="X"):
        """Return what checks rows for training."""
        return RowCheck(
            self._codec.fields,
            self._input_range,
            type(self).__name__,
            type(self.loss_).__name__,
            name,
            self._codec.place,
        )

    def _record(self, trainer, samples, n_seen):
        """Set what is told of the training."""
        self.history_ = self._in_units(trainer.history(), samples)
        self.n_iter_ = self.n_iter_ + 1 if n_seen else len(self.history_)
        self.best_epoch_ = trainer.best_epoch
        self._interrupted = trainer.interrupted
        self.n_samples_seen_ = n_seen + len(samples)

    def _in_units(self, epochs, samples):
        """Return epochs of a net's history with their losses in units of X."""
        names = self.criterion_class.losses
        return self._network_loss.of_history(epochs, samples, names)

    def _fitting(self):
        """Leave the estimator as it was on errors, and run under modes of our own."""
        return unchanged_on_error(self)

    @property
    def device_(self) -> str:
        """The device that the network is on, "cpu", "cuda" or "mps"."""
        check_is_fitted(self)
        return self.net_.device

    @property
    def input_shape_(self) -> tuple:
        """The shape of one row of X; None stands for a length that varies."""
        check_is_fitted(self)
        return self._codec.shape


@dataclass(eq=False, repr=False, kw_only=True)
class BaseAutoencoder(
    LatentSpace, UnitPatterns, TorchModules, DataModel, BaseNetwork, OneArchitecture
):
    """Base of all autoencoders, whose outputs are their inputs."""

    _parameter_constraints = {
        **BaseNetwork._parameter_constraints,
        **OneArchitecture._parameter_constraints,
    }

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_val=None) -> Self:
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
        with self._fitting():
            warn_of_targets(self, y)
            self._fit(X, X_val)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None) -> Self:
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
        with self._fitting():
            self._partial_fit(X)
        return self

    def _make_architecture(self):
        return resolved(self.architecture, self.defaults.architecture)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        of_tokens = getattr(self.architecture, "vocabulary_size", None)
        tags.input_tags.allow_nan = not of_tokens
        return tags
