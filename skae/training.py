"""How a fit runs: rows split, epochs and batches set, training watched and told of."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_consistent_length
from skorch.callbacks import EpochTimer, LRScheduler

from skae.engine.batches import Rows
from skae.engine.budget import (
    auto_batch_size,
    auto_epochs,
    learning_rate_factor,
    split_rows,
    still_falling,
)
from skae.engine.seeds import draw_seed
from skae.engine.watchers import BestWeights, Progress
from skae.validation import as_rows

_ROWS_COMPARED = 1000  # on which a start is compared with a random one

# What of a history is a loss, in the units of the net.
_LOSSES = {"train_loss", "valid_loss", "train_reconstruction", "valid_reconstruction"}


class TrainingMixin:
    """Training over the `net_` that a subclass builds; see :class:`BaseAutoencoder`."""

    def _train(self, X, X_val, beside=None, beside_val=None):
        """Do what :meth:`fit` does.

        `beside` and `beside_val` are what stands beside the rows for the network,
        arrays of shape (n_samples, n), or None.
        """
        previous = getattr(self, "net_", None) if self.warm_start else None
        self._resolve()
        X = as_rows(self, X, reset=previous is None)
        check_consistent_length(X, beside)
        seed = draw_seed(self.random_state)
        rng = np.random.default_rng(seed)
        if X_val is not None:
            X_val = as_rows(self, X_val, name="X_val")
            check_consistent_length(X_val, beside_val)
            self._row_check(self.loss_.target_range, "X_val").all(X_val)
        self._build(X, seed, rng, beside, previous, X_val)
        if X_val is None:
            train, valid = self._split(X, beside, rng)
        else:
            train, valid = self._rows(X, beside), self._rows(X_val, beside_val)
        self.batch_size_ = self._batch_size_for(len(train))
        self.max_epochs_ = self._epochs_for(len(train), valid is not None)
        watchers = self._watchers()
        best = None
        if valid is not None and self.early_stopping is not False:
            best = BestWeights(
                valid, self._patience, cautious=not self._losses_are_logarithms
            )
            watchers.append(best)
        own_schedule = not any(
            isinstance(callback, LRScheduler) for _, callback in self.net_.callbacks_
        )
        self.net_.batch_size = self.batch_size_
        self.net_.train_on(
            train,
            valid,
            epochs=self.max_epochs_,
            schedule=learning_rate_factor if own_schedule else None,
            watchers=watchers,
        )
        self.history_ = self._plain_history(X)
        self.n_iter_ = len(self.history_)
        self.best_epoch_ = self.n_iter_ if best is None else best.kept_epoch
        self._warn_of_unfinished_training(X)
        self.n_samples_seen_ = X.shape[0]
        self._after_training(X, rng, n_seen=0, beside=beside)

    def _train_on_batch(self, X, beside=None):
        """Do what :meth:`partial_fit` does; `beside` as in :meth:`_train`."""
        first = not hasattr(self, "net_")
        if first:
            self._resolve()
        X = as_rows(self, X, reset=first)
        check_consistent_length(X, beside)
        n_seen = 0 if first else self.n_samples_seen_
        if first:
            seed = draw_seed(self.random_state)
            self._build(X, seed, np.random.default_rng(seed), beside)
        else:
            self._row_check().all(X)
        self.batch_size_ = self._batch_size_for(X.shape[0])
        self.net_.batch_size = self.batch_size_
        rows = self._rows(X, beside)
        before = self.net_.snapshot()
        try:
            self.net_.train_on(rows, epochs=1, watchers=self._watchers())
        except BaseException:
            self.net_.restore(before)
            raise
        self.history_ = self._plain_history(X)
        self.n_iter_ = self.best_epoch_ = len(self.history_)
        self.n_samples_seen_ = n_seen + X.shape[0]
        # A stream of its own for each call: a pickle in between changes nothing.
        rng = np.random.default_rng([self.net_.seed, n_seen])
        self._after_training(X, rng, n_seen=n_seen, beside=beside)

    def _split(self, X, beside, rng):
        """Return the rows to train and to validate on; None where none validate."""
        train, valid = split_rows(
            X.shape[0], self.validation_fraction, self.early_stopping, rng
        )
        if valid is not None:
            valid = self._rows(X, beside, valid)
        return self._rows(X, beside, train), valid

    def _rows(self, X, beside=None, positions=None):
        return Rows(X, self._scaling, positions, self.net_.device, beside).settle()

    def _first_rows(self, X, beside=None):
        """Return the rows that starts are compared on."""
        return self._rows(X, beside, np.arange(min(_ROWS_COMPARED, X.shape[0])))

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

    @property
    def _patience(self):
        return self.patience

    def _n_in_sum(self, X):
        """Return how many cells' losses the loss of a row sums up; a mean is one.

        A number, or one for each row.
        """
        return 1

    def _row_shift(self, X):
        """Return what is added to the loss of rows that is a multiple of their unit."""
        return self._n_in_sum(X) * self.loss_.shift(self.scale_)

    def _plain_history(self, X):
        """Return the finished epochs as dicts, their losses in units of X."""
        unit, shift = self.loss_.unit(self.scale_), np.mean(self._row_shift(X))
        return [
            {
                key: value * unit + shift if key in _LOSSES else value
                for key, value in row.items()
                if key != "batches"
            }
            for row in self.net_.history
            if "dur" in row
        ]

    def _warn_of_unfinished_training(self, X):
        if self.net_.interrupted:
            warnings.warn(
                f"Training was interrupted after {self.n_iter_} epochs; the estimator "
                "is fitted with what it had learned.",
                stacklevel=4,
            )
            return
        falling = still_falling(
            self.history_,
            self.max_epochs_,
            self.loss_.unit(self.scale_),
            np.mean(self._n_in_sum(X)) if self.loss_.is_density else 0,
        )
        if falling:
            warnings.warn(
                f"The {falling} still fell by more than 5 % over the last tenth of "
                f"{self.n_iter_} epochs. Increase max_epochs or learning_rate.",
                ConvergenceWarning,
                stacklevel=4,
            )

    @property
    def _losses_are_logarithms(self):
        """Whether thresholds are set on losses as they are, not on their logarithms."""
        return self.loss_.is_density

    def _after_training(self, X, rng, n_seen, beside=None):
        """Do what a role needs to know of the training rows; see ThresholdMixin."""
