"""How good predictions are: R², or the share of tokens that are right."""

import numpy as np
from sklearn.metrics import r2_score

from skae._sklearn import check_sample_weight
from skae.data.ragged import Ragged
from skae.data.samples import dense_rows


def r2_of(wanted, told, is_table, sample_weight=None):
    """Return R² of flat rows.

    Parameters
    ----------
    wanted, told : matrices of shape (n_samples, n_values)
        As a codec makes them; both a Ragged if one is.
    is_table : bool
        Whether R² is the mean of those of the columns; else it is of all values
        together, about the mean of each column, or channel.
    sample_weight : array-like of shape (n_samples,), or None

    Returns
    -------
    float
    """
    if sample_weight is not None:
        rows = np.empty((len(told), 0))
        sample_weight = check_sample_weight(sample_weight, rows)
    if isinstance(wanted, Ragged):
        if sample_weight is not None:
            sample_weight = np.repeat(sample_weight, wanted.lengths)
        wanted, told = wanted.steps, told.steps
    wanted = dense_rows(wanted, slice(None))
    average = "uniform_average" if is_table else "variance_weighted"
    return float(
        r2_score(wanted, told, sample_weight=sample_weight, multioutput=average)
    )


def share_of_right_tokens(wanted, told, sample_weight=None):
    """Return the share of tokens that are right where they stand.

    Parameters
    ----------
    wanted, told : Ragged
        Of tokens. Where lengths differ, the tokens of the longer one are counted.
    sample_weight : array-like of shape (n_samples,), or None

    Returns
    -------
    float
    """
    weight = np.ones(len(wanted))
    if sample_weight is not None:
        weight = check_sample_weight(sample_weight, np.empty((len(wanted), 0)))
    pairs = list(zip(wanted.split(), told.split(), strict=True))
    n_right = [np.sum(a[: len(b)] == b[: len(a)]) for a, b in pairs]
    n_tokens = [max(len(a), len(b)) for a, b in pairs]
    return float(weight @ n_right / (weight @ n_tokens))
