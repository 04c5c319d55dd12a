"""The rules behind ``"auto"``, and the schedule over the budget."""

import math

_STEPS = 3000
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 200
_STEPS_WITHOUT_VALIDATION = 50


def auto_components(n_features):
    """Return what ``n_components="auto"`` is: half of the features, at most 32."""
    return min(max(1, n_features // 2), 32)


def auto_batch_size(n_rows):
    """Return 32 for up to 2,000 rows, then a 64th of them, at most 256."""
    return min(max(32, 2 ** int(math.log2(max(1, n_rows / 64)))), 256)


def auto_epochs(n_rows, batch_size, validated):
    """Return about 3,000 steps' worth of epochs, within 5 and 200.

    Where no row can be spared for validation, 50 steps: too few to overfit.
    """
    steps_per_epoch = math.ceil(n_rows / batch_size)
    if not validated:
        return math.ceil(_STEPS_WITHOUT_VALIDATION / steps_per_epoch)
    epochs = math.ceil(_STEPS / steps_per_epoch)
    return min(max(epochs, _FEWEST_EPOCHS), _MOST_EPOCHS)


def learning_rate_factor(done):
    """Return the factor of the learning rate: half a cosine, from 1 to 0.

    Parameters
    ----------
    done : float
        Share of the steps taken, in [0, 1).
    """
    return 0.5 * (1 + math.cos(math.pi * done))
