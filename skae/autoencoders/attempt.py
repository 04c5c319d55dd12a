"""A fit that fails leaves an estimator as it was."""

from contextlib import contextmanager

from skae.training.modes import own_modes


@contextmanager
def unchanged_on_error(estimator):
    """Leave the estimator as it was on errors, and run under modes of our own."""
    before = dict(vars(estimator))
    try:
        with own_modes(gradients=True):
            yield
    except BaseException as error:
        vars(estimator).clear()
        vars(estimator).update(before)
        if isinstance(error, RuntimeError) and "memory" in str(error):
            raise ValueError(
                "Training needs more memory than there is. Lower batch_size, "
                "n_components, the sizes of the architecture, or what else "
                "multiplies rows, such as n_importance_samples."
            ) from error
        raise
