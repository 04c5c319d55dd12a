"""The recipe of a fit with labels: pretrain, train on both, fine-tune on clean rows."""

import copy
import math
import warnings
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Self

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils.validation import has_fit_parameter

from skae._sklearn import (
    BaseEstimator,
    Interval,
    StrOptions,
    clone_parametrized,
    fit_context,
    is_fitted,
    num_samples,
)
from skae.autoencoders.attempt import unchanged_on_error
from skae.autoencoders.base import BaseAutoencoder
from skae.autoencoders.denoising import DenoisingAutoencoder
from skae.autoencoders.plain import Autoencoder
from skae.data.frames import in_memory
from skae.data.rows import Rows
from skae.supervised.batches import LabelledBatches
from skae.supervised.heads import standardisation
from skae.supervised.network import SupervisedCriterion, SupervisedModule
from skae.supervised.roles import EncoderRoles
from skae.supervised.targets import valid_weight
from skae.training.budget import FEWEST_TO_SPLIT, plan, split_rows
from skae.training.early_stopping import EarlyStopping
from skae.training.net import Net
from skae.training.optimizers import OPTIMIZERS, resolve_optimizer
from skae.training.progress import Progress
from skae.training.seeds import draw_seed
from skae.training.trainer import Trainer

_FEW_LABELS = (
    0.1  # of the rows: too few to spare some, and others keep from overfitting
)
_CLEAN_SHARE = 0.2  # of the epochs, on clean rows and labels alone
_CLEAN_RATE = 0.3  # of the learning rate


@dataclass(eq=False, repr=False)
class SupervisedAutoencoder(EncoderRoles, BaseEstimator):
    """Base of the classifier and the regressor: an autoencoder with a head on its code.

    A subclass says how y is read, what an output costs and where the head starts.
    """

    encoder: object = None
    _: KW_ONLY
    fine_tune: bool = True
    reconstruction_weight: float = 1.0
    max_epochs: int | str = "auto"
    batch_size: int | str = "auto"
    optimizer: str | type = "adam"
    learning_rate: float = 1e-3
    encoder_learning_rate: float | None = None
    weight_decay: float = 0.0
    early_stopping: bool | str = "auto"
    validation_fraction: float = 0.1
    patience: int = 20
    random_state: int | np.random.RandomState | None = None
    verbose: int = 0

    _parameter_constraints = {
        "encoder": [BaseAutoencoder, FrozenEstimator, None],
        "fine_tune": ["boolean"],
        "reconstruction_weight": [Interval(Real, 0, None, closed="left")],
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
        "encoder_learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, sample_weight=None) -> Self:
        """Train on rows, of which some or all have a label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Or what else the autoencoder takes: frames, images, series.
        y : array-like of shape (n_samples,)
            What is to be predicted; see the class for how rows without it are marked.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each row counts, its label and its reconstruction; in pretraining
            where the autoencoder's `fit` takes weights.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If y is missing, of another length than X or tells nothing, if X does not
            fit the autoencoder, or if training diverges. The estimator is then as it
            was before the call.
        """
        with unchanged_on_error(self):
            self._fit(X, y, sample_weight)
        return self

    def _fit(self, X, y, sample_weight):
        """Do what :meth:`fit` does."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        X = in_memory(X)
        check_consistent_length(X, y)
        weight = valid_weight(sample_weight, num_samples(X))
        known = {"weight": weight, **self._read(y, weight)._asdict()}
        seed = draw_seed(self.random_state)
        rng = np.random.default_rng(seed)
        self.encoder_ = self._pretrained(X, weight, seed)
        self.n_features_in_ = self.encoder_.n_features_in_
        vars(self).pop("feature_names_in_", None)
        if hasattr(self.encoder_, "feature_names_in_"):
            self.feature_names_in_ = self.encoder_.feature_names_in_
        samples = self.encoder_._validated(X, known)
        self.encoder_._check().all(samples.X)
        valid = self._validation_rows(samples, rng) if self.fine_tune else None
        known = samples if valid is None else samples.unlabelled(valid)
        spread = self._spread(known, rng)
        head = self._head_start(spread)
        self.history_, self.best_epoch_ = [], 0
        if self.fine_tune:
            head = self._train(samples, valid, known, spread, head, seed, rng)
        self._keep(*head)
        self.n_iter_ = len(self.history_)

    # -- the autoencoder

    def _pretrained(self, X, weight, seed):
        """Return the fitted autoencoder to start from, one of our own."""
        given = self.encoder
        if isinstance(given, FrozenEstimator):
            given = given.estimator
            if not isinstance(given, BaseAutoencoder) or not is_fitted(given):
                raise ValueError(
                    "encoder as FrozenEstimator must hold a fitted autoencoder of "
                    f"skae. Got {given!r}."
                )
        if given is not None and get_tags(given).target_tags.required:
            raise ValueError(
                f"encoder={given!r} needs a condition of each row, which is not there "
                "in predict. Use an autoencoder without."
            )
        if given is not None and is_fitted(given):
            return copy.copy(given)
        encoder = _default(num_samples(X)) if given is None else clone(given)
        if encoder.random_state is None:
            encoder.set_params(random_state=seed)
        if weight is not None and has_fit_parameter(encoder, "sample_weight"):
            return encoder.fit(X, sample_weight=weight)
        return encoder.fit(X)

    def _head_start(self, samples):
        """Return the linear model of labels given codes: centre, spread, weight, bias.

        The codes are divided by their spread, so that rates mean the same for each.
        """
        codes = self.encoder_._encode(samples).astype(np.float64)
        centre, spread = standardisation(codes, samples.weight)
        known = samples.label_weight > 0
        weight = samples.label_weight[known]
        if samples.weight is not None:
            weight = weight * samples.weight[known]
        codes = (codes[known] - centre) / spread
        return centre, spread, *self._linear_model(codes, samples.label[known], weight)

    # -- training

    def _train(self, samples, valid, known, spread, head, seed, rng):
        """Train encoder, decoder and head; return what :meth:`_head_start` does.

        Parameters
        ----------
        samples : Samples
            All rows.
        valid : ndarray of int or None
            Those to validate on.
        known, spread : Samples
            The same rows with the labels to train on, and with those that come of them.
        head : tuple
            Of the head's start.
        seed : int
        rng : numpy.random.Generator
        """
        n_rows = max(len(samples), samples.n_observations)
        is_exact = self.encoder_.takes_weights and n_rows < FEWEST_TO_SPLIT
        net = self._make_net(head, seed, is_exact, samples)
        train = np.arange(len(samples))
        few = self._has_few_labels(samples)
        if valid is not None:
            train = np.delete(train, valid)
            valid = self._rows(samples, valid, net)
        size, epochs = plan(
            len(train),
            self.batch_size,
            self.max_epochs,
            valid is not None or few,
            is_exact,
        )
        trainer = Trainer(net, batch_size=size, callbacks=self._callbacks())
        rows, stopping = self._rows(spread, train, net), self._stopping(valid)
        trainer.train(rows, valid, epochs=epochs, stopping=stopping, schedule="cosine")
        self.best_epoch_ = trainer.best_epoch
        self._take_over(net)
        spread = self._spread(known, rng)  # on codes that labels have shaped
        clean = self._train_clean(net, spread, valid, size, epochs)
        self.history_ = clean.history()
        if trainer.interrupted or clean.interrupted:
            warnings.warn(
                f"Training was interrupted after {len(self.history_)} epochs; the "
                "estimator is fitted with what it had learned.",
                stacklevel=6,
            )
        self._take_over(net)
        self.encoder_.n_samples_seen_ = len(samples)
        self.encoder_._summarise(samples.unlabelled(), rng, 0)
        weight, bias = net.module_.head.linear.parameters()
        return (*head[:2], *(p.detach().double().cpu().numpy() for p in (weight, bias)))

    def _train_clean(self, net, spread, valid, batch_size, epochs):
        """Train on labels alone, of rows that are not corrupted; return the trainer."""
        net.module_.reconstructs = False
        net.set_params(lr=_CLEAN_RATE * self.learning_rate)
        labelled = np.flatnonzero(spread.label_weight)
        size, _ = plan(len(labelled), batch_size, 1, validated=False)
        trainer = Trainer(net, batch_size=size, callbacks=self._callbacks())
        trainer.train(
            self._rows(spread, labelled, net),
            valid,
            epochs=math.ceil(_CLEAN_SHARE * epochs),
            stopping=self._stopping(valid),
            schedule="cosine",
        )
        return trainer

    def _take_over(self, net):
        """Give the autoencoder the weights of the net."""
        own = self.encoder_.net_
        own.load_weights(
            (
                net.module_.autoencoder.state_dict(),
                net.criterion_.reconstruction.state_dict(),
            )
        )
        own.ready()

    def _make_net(self, head, seed, is_exact, samples):
        """Return the net of the autoencoder and the head, with first weights."""
        own = self.encoder_.net_
        parts = {"module": {}, "criterion": {}}
        for key, value in own.recipe.items():
            part, _, name = key.partition("__")
            if part in parts and name:
                parts[part][name] = value
        rates = {}
        if self.encoder_learning_rate is not None:
            factor = self.encoder_learning_rate / self.learning_rate
            rates["optimizer__param_groups"] = [
                ("head.*", {"rate_factor": 1.0}),
                ("autoencoder.*", {"rate_factor": factor}),
            ]
        net = Net(
            SupervisedModule,
            SupervisedCriterion,
            seed=seed,
            loss=own.recipe["loss"],
            optimizer=resolve_optimizer(self.optimizer),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            device=own.device,
            dtype="float64" if is_exact and own.device != "mps" else "float32",
            iterator_train=LabelledBatches,
            module__autoencoder=own.recipe["module"],
            module__parameters=parts["module"],
            module__head=head,
            criterion__criterion=own.recipe["criterion"],
            criterion__parameters=parts["criterion"],
            criterion__of_labels=self._of_labels,
            criterion__unit=self._unit(samples),
            criterion__reconstruction_weight=self.reconstruction_weight,
            **rates,
        ).initialize()
        net.module_.autoencoder.load_state_dict(own.module_.state_dict())
        net.criterion_.reconstruction.load_state_dict(own.criterion_.state_dict())
        net.ready()
        return net

    def _rows(self, samples, positions, net):
        """Return rows of samples as the net is trained and validated on them."""
        scaling = self.encoder_._fields.scaling
        return Rows(samples, scaling, positions, net.device, net.dtype).kept()

    def _has_few_labels(self, samples):
        return np.count_nonzero(samples.label_weight) < _FEW_LABELS * len(samples)

    def _validation_rows(self, samples, rng):
        """Return the positions of labelled rows to validate on, or None."""
        wanted = self.early_stopping
        if wanted == "auto" and self._has_few_labels(samples):
            return None
        known = np.flatnonzero(samples.label_weight)
        _, valid = split_rows(len(known), self.validation_fraction, wanted, rng)
        if valid is None:
            return None
        valid = self._spared(samples.label[known], valid)
        return known[valid] if len(valid) else None

    def _spared(self, label, valid):
        """Return those rows to validate on that training can do without."""
        return valid

    def _spread(self, samples, rng):
        """Return samples of which more rows have a label, perhaps."""
        return samples

    def _stopping(self, valid):
        return None if valid is None else EarlyStopping(valid, self.patience)

    def _callbacks(self):
        if not self.verbose:
            return []
        return [Progress(type(self).__name__, lambda epochs: epochs)]

    # -- scikit-learn's protocols

    def __sklearn_clone__(self):
        """Return a copy without what was learned; a fitted `encoder` stays fitted."""
        other = clone_parametrized(self)
        if isinstance(self.encoder, BaseAutoencoder) and is_fitted(self.encoder):
            other.encoder = copy.copy(self.encoder)
        return other

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        encoder = self.encoder
        if isinstance(encoder, FrozenEstimator):
            encoder = encoder.estimator
        of_encoder = get_tags(Autoencoder() if encoder is None else encoder)
        tags.input_tags = of_encoder.input_tags
        tags.target_tags.required = True
        return tags


def _default(n_rows):
    """Return the autoencoder that None stands for."""
    return Autoencoder() if n_rows < FEWEST_TO_SPLIT else DenoisingAutoencoder()
