"""The rules behind ``"auto"``, the schedule, and whether the budget was enough."""

import math
from numbers import Real

import numpy as np

from skae.data.checks import check_takes

_STEPS = 3000
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 200
_STEPS_WITHOUT_VALIDATION = 50
FEWEST_TO_SPLIT = 40  # rows; with fewer, all train
_FEWEST_VALIDATION_ROWS = 10
_FEWEST_TO_JUDGE = 5  # epochs; fewer say nothing of convergence
_NOISE = 1e-6  # a loss below, with variance 1, is what float32 leaves


def auto_components(n_features):
    """Return what ``n_components="auto"`` is: half of the features, at most 32."""
    return min(max(1, n_features // 2), 32)


def auto_latent_units(n_features):
    """Return what it is where the code has a prior: three quarters, at most 32."""
    return min(max(1, round(0.75 * n_features)), 32)


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


def plan(n_rows, batch_size, max_epochs, validated, whole=False):
    """Return the rows of a batch and the number of epochs, which may be "auto".

    Parameters
    ----------
    n_rows : int
        To train on.
    batch_size, max_epochs : int or "auto"
    validated : bool
        Whether other rows tell when to stop.
    whole : bool
        Whether "auto" is a batch of all rows.
    """
    if batch_size == "auto":
        batch_size = n_rows if whole else auto_batch_size(n_rows)
    size = int(min(batch_size, n_rows))
    if max_epochs == "auto":
        max_epochs = auto_epochs(n_rows, size, validated)
    return size, max_epochs


def learning_rate_factor(done):
    """Return the factor of the learning rate: half a cosine, from 1 to 0.

    Parameters
    ----------
    done : float
        Share of the steps taken, in [0, 1).
    """
    return 0.5 * (1 + math.cos(math.pi * done))


def constant_factor(done):
    """Return the factor of the learning rate: 1."""
    return 1.0


SCHEDULES = {"cosine": learning_rate_factor, "constant": constant_factor}


class Schedule:
    """The learning rate of each step: a factor for the share of the budget done.

    Parameters
    ----------
    learning_rate : float
        What the factor is of.
    n_steps : int
        How many there will be.
    factor : str or callable
        One of `SCHEDULES`, or a function of the share that is done, in [0, 1).

    Raises
    ------
    ValueError
        If the factor is no number of at least 0: of the first or the last step before
        any is taken, of others in theirs.
    """

    def __init__(self, learning_rate, n_steps, factor="cosine"):
        self.learning_rate = learning_rate
        self.n_steps = n_steps
        self.n_done = 0
        self._factor = SCHEDULES[factor] if isinstance(factor, str) else factor
        check_takes(self._factor, "schedule", "the share of the budget that is done")
        for n_done in {0, n_steps - 1}:
            self._rate(n_done / n_steps)

    def next_rate(self):
        """Return the rate of the next step."""
        done = self.n_done / self.n_steps
        self.n_done += 1
        return self._rate(done)

    def _rate(self, done):
        factor = self._factor(done)
        is_number = isinstance(factor, Real) and not isinstance(factor, bool)
        if not is_number or not 0 <= factor < math.inf:
            raise ValueError(
                "schedule must return a factor of the learning rate, a number of at "
                f"least 0. It returned {factor!r} for a share of {done:.3g} done."
            )
        return self.learning_rate * float(factor)


def split_rows(n_rows, fraction, early_stopping, rng):
    """Return the positions of the rows to train and to validate on; None for all, none.

    Parameters
    ----------
    n_rows : int
    fraction : float
        Share of the rows to validate on.
    early_stopping : bool or "auto"
        "auto" spares rows where there are 40.
    rng : numpy.random.Generator
    """
    fewest = FEWEST_TO_SPLIT if early_stopping == "auto" else 2
    if not early_stopping or n_rows < fewest:
        return None, None
    n_valid = max(
        int(np.ceil(fraction * n_rows)), min(_FEWEST_VALIDATION_ROWS, n_rows // 2)
    )
    if n_valid >= n_rows:
        raise ValueError(
            f"validation_fraction={fraction} leaves no row of {n_rows} to train on."
        )
    order = rng.permutation(n_rows)
    return np.sort(order[n_valid:]), np.sort(order[:n_valid])


def still_falling(history, max_epochs, unit, n_densities=0):
    """Name the loss that the last tenth of the budget still lowered by more than 5 %.

    Parameters
    ----------
    history : list of dict
    max_epochs : int
        The budget; training that ended before it was stopped on purpose.
    unit : float
        Of the losses: a millionth of it is what float32 leaves of zero.
    n_densities : int
        If not 0, the losses are minus the sum of so many logarithms of densities: 5 %
        then are those of the squared error of each.

    Returns
    -------
    str or None
    """
    if not len(history) == max_epochs >= _FEWEST_TO_JUDGE:
        return None
    monitored = "valid_loss" if "valid_loss" in history[0] else "train_loss"
    losses = np.array([row[monitored] for row in history])
    last_tenth = -max(1, len(history) // 10)
    before = losses[:last_tenth].min()
    if n_densities:
        fall = before - losses[last_tenth:].min()
        return monitored if fall > -0.5 * np.log(0.95) * n_densities else None
    falls = _NOISE * unit < before and losses[last_tenth:].min() < 0.95 * before
    return monitored if falls else None
