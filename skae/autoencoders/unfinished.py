"""What is said of training that ended before it was done."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae.training.budget import still_falling


def warn_of_unfinished_training(estimator, trainer, samples):
    """Warn if training was interrupted, or its loss still fell at the end.

    Parameters
    ----------
    estimator : BaseNetwork
        Whose `fit` ends.
    trainer : Trainer
    samples : Samples
        The training rows.
    """
    if trainer.interrupted and hasattr(estimator, "_title"):
        return  # of a layer, which is nothing without the stack
    if trainer.interrupted:
        warnings.warn(
            f"Training was interrupted after {estimator.n_iter_} epochs; the estimator "
            "is fitted with what it had learned.",
            stacklevel=5,
        )
        return
    network_loss = estimator._network_loss
    is_density = estimator.loss_.is_density
    falling = still_falling(
        estimator.history_,
        estimator.max_epochs_,
        network_loss.factor,
        np.mean(network_loss.n_summed(samples)) if is_density else 0,
    )
    if falling:
        warnings.warn(
            f"The {falling} still fell by more than 5 % over the last tenth of "
            f"{estimator.n_iter_} epochs. Increase max_epochs or learning_rate.",
            ConvergenceWarning,
            stacklevel=5,
        )
