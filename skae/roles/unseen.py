"""What losses rows would have that a model was not trained on."""

import numpy as np

from skae.roles.thresholds import to_logarithm

_ENOUGH = 75  # held-out rows, whose own quantiles will do
_FOLDS = 5
_MOST_ROWS = 8192  # of which the start is made anew for each fold
_MANY_ROWS = 64  # per value of a row, from which on the start knows none of them


def unseen_losses(estimator, samples, losses, held_out):
    """Return losses that stand for those of new rows, and their weights.

    Three cases. Training was of no use, and the network is its start: all rows were
    trained on alike, but the start was made of them. Fitted anew without a fifth of the
    rows, it gives losses of those, for each fifth. Else, where enough rows were held
    out, their losses. Else the losses of all rows, those of the rows trained on raised
    by what the held-out rows' are larger on average, in logarithms.

    Parameters
    ----------
    estimator : OutlierDetector
        Trained.
    samples : Samples
        All rows given to `fit`.
    losses : ndarray of shape (n_samples,)
        Of those rows.
    held_out : Samples, ndarray of int, or None
        The rows validated on: of their own, by their positions, or none.

    Returns
    -------
    losses : ndarray of shape (n,)
    weight : ndarray of shape (n,), or None
    """
    if held_out is None:
        return losses, samples.weight
    is_logarithm = estimator._network_loss.is_logarithm
    to_log = np.asarray if is_logarithm else to_logarithm
    trained = np.ones(len(samples), dtype=bool)
    if isinstance(held_out, np.ndarray):
        trained[held_out] = False
        if estimator.best_epoch_ == 0 and not estimator.warm_start:
            rises = _start_rises(estimator, samples, to_log)
            return _risen(losses, rises, is_logarithm), samples.weight
        new, new_weight = losses[held_out], _part(samples.weight, held_out)
        known, weight = losses[trained], _part(samples.weight, trained)
    else:
        new, new_weight = estimator._outlier_losses(held_out), held_out.weight
        known, weight = losses, samples.weight
    if len(new) >= _ENOUGH:
        return new, new_weight
    rise = _mean(to_log(new), new_weight) - _mean(to_log(known), weight)
    rises = np.full(len(known), rise if np.isfinite(rise) and rise > 0 else 0.0)
    if isinstance(held_out, np.ndarray):
        of_start = _start_rises(estimator, samples, to_log)
        new = _risen(new, of_start[held_out], is_logarithm)
        rises += of_start[trained]
    if weight is not None:
        new_weight = np.ones(len(new)) if new_weight is None else new_weight
        weight = np.concatenate((weight, new_weight))
    return np.concatenate((_risen(known, rises, is_logarithm), new)), weight


def _start_rises(estimator, samples, to_log):
    """Return by how much each row's loss is larger in a start made without the row.

    Parameters
    ----------
    estimator : OutlierDetector
    samples : Samples
    to_log : callable

    Returns
    -------
    rises : ndarray of shape (n_samples,)
        Of logarithms of losses; 0 where rows are so many that none matters.
    """
    n_rows, n_values = samples.shape
    rises = np.zeros(n_rows)
    is_known = estimator._starts_at_axes() and not estimator.warm_start
    if not is_known or n_rows > min(_MOST_ROWS, _MANY_ROWS * n_values):
        return rises
    with_all = estimator
    if estimator.best_epoch_:
        with_all = _started(estimator, samples)
    rng = np.random.default_rng(estimator.net_.seed)
    folds = rng.permutation(n_rows) % _FOLDS
    for fold in range(_FOLDS):
        inside = np.flatnonzero(folds == fold)
        try:
            without = _started(estimator, samples[np.flatnonzero(folds != fold)])
        except ValueError:  # a column has all its values in the fold
            continue
        rows = samples[inside]
        after, before = (
            to_log(one._outlier_losses(rows)) for one in (without, with_all)
        )
        with np.errstate(invalid="ignore"):
            rises[inside] = np.nan_to_num(after - before)
    return rises


def _started(estimator, samples):
    """Return a twin of an estimator whose network is as before the first step."""
    twin = object.__new__(type(estimator))
    vars(twin).update(vars(estimator))  # a shallow copy, which leaves callbacks alone
    twin.callbacks, twin.net_params = None, None
    seed = estimator.net_.seed
    twin._build(samples, None, seed, np.random.default_rng(seed))
    return twin


def _risen(losses, rises, is_logarithm):
    if is_logarithm:
        return losses + rises
    with np.errstate(over="ignore"):
        return losses * np.exp(rises)


def _part(weight, rows):
    return None if weight is None else weight[rows]


def _mean(values, weight):
    return np.average(values, weights=weight)
