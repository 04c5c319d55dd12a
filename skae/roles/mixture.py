"""A Gaussian mixture of codes, of as many components as codes held out choose."""

import numpy as np
from sklearn import config_context

_COMPONENTS = (1, 3, 10, 30)
_MOST_ROWS = 8192
_FEWEST_ROWS = 20  # for more components than one
_HELD_OUT = 0.2


def fitted_mixture(codes, seed):
    """Return scikit-learn's mixture, fitted to an array (n_samples, n_components).

    More components are tried until codes held out become less probable.
    """
    from sklearn.mixture import GaussianMixture  # which takes long to import

    codes = np.asarray(codes[:_MOST_ROWS], dtype=np.float64)
    if len(codes) == 1:
        codes = np.repeat(codes, 2, axis=0)
    order = np.random.default_rng(seed).permutation(len(codes))
    held, train = np.split(codes[order], [int(_HELD_OUT * len(codes))])

    n_distinct = len(np.unique(train, axis=0))

    def fitted(n, rows):
        return GaussianMixture(n, max_iter=300, random_state=seed).fit(rows)

    best, chosen = -np.inf, 1
    with config_context(array_api_dispatch=False):  # which knows no k-means
        for n in _COMPONENTS:
            if len(codes) < _FEWEST_ROWS or 2 * n > n_distinct:
                break
            score = fitted(n, train).score(held)
            if score <= best:
                break
            best, chosen = score, n
        return fitted(chosen, codes)
