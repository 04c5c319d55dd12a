"""The estimators that fill cells where none is given."""

from skae.architectures import Dense
from skae.autoencoders.denoising import DenoisingAutoencoder
from skae.autoencoders.variational import VariationalAutoencoder
from skae.corruption import HiddenCells
from skae.imputation.cells import RATE

_STEPS, _BATCH_SIZE = 800, 256
_STEPS_OF_DRAWS, _BATCH_SIZE_OF_DRAWS = 2000, 128
_STEPS_PER_ROW = 5  # at most
_N_PATTERNS = 16  # of the cells of each row, at least
_ROWS_HIDDEN = 2**16  # of those of all rows, if they are few


def default(n_rows, n_columns):
    """Return the estimator that fills with means."""
    n_patterns = max(_N_PATTERNS, _ROWS_HIDDEN // max(n_rows, 1))
    return DenoisingAutoencoder(
        n_columns,
        architecture=Dense((256,)),
        corruption=HiddenCells(RATE, counted="hidden", n_patterns=n_patterns),
        optimizer="adamw",
        learning_rate=5e-3,
        net_params={"optimizer__betas": (0.9, 0.97)},
        weight_decay=0.01,
        batch_size=_BATCH_SIZE,
        max_epochs=_epochs(n_rows, _STEPS, _BATCH_SIZE),
        early_stopping=False,
        contamination=None,
    )


def drawing_default(n_rows, n_columns):
    """Return the estimator that fills with draws."""
    return VariationalAutoencoder(
        corruption=HiddenCells(RATE),
        batch_size=_BATCH_SIZE_OF_DRAWS,
        max_epochs=_epochs(n_rows, _STEPS_OF_DRAWS, _BATCH_SIZE_OF_DRAWS),
        contamination=None,
    )


def _epochs(n_rows, n_steps, batch_size):
    per_epoch = -(-n_rows // min(n_rows, batch_size))
    return max(1, min(n_steps, _STEPS_PER_ROW * n_rows) // per_epoch)
