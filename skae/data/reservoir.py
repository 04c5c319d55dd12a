"""A uniform sample of all rows seen, kept while more of them come."""

import numpy as np

SIZE = 4096  # rows that are kept, if nothing else is said


def sampled(known, new, n_seen, rng, n_new=None, size=None):
    """Return a uniform sample of all rows seen, at most `size`.

    Parameters
    ----------
    known : ndarray of shape (n_known, ...)
        The sample of the rows before.
    new : ndarray of shape (n, ...)
        The new rows, or a uniform sample of them of at least `size`.
    n_seen : int
        How many `known` stands for.
    rng : numpy.random.Generator
    n_new : int or None
        How many `new` stands for; None is its length.
    size : int or None
        Of the sample; None is `SIZE`.
    """
    size = SIZE if size is None else size
    n_new = len(new) if n_new is None else n_new
    n_kept = min(size, n_seen + n_new)
    if n_kept == len(known) + len(new):
        return np.concatenate((known, new))
    # How many of the kept come from the new rows, had all been drawn at once.
    n_drawn = rng.hypergeometric(n_new, n_seen, n_kept) if n_seen else n_kept
    n_drawn = max(n_drawn, n_kept - len(known))
    return np.concatenate(
        (
            rng.choice(known, n_kept - n_drawn, replace=False),
            rng.choice(new, n_drawn, replace=False),
        )
    )
