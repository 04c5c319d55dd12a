"""Every public class, with bad rows and bad parameters, by every method.

Each case ends in a result or in a ValueError or TypeError in words of skae's users, and
leaves the estimator and what it was given as they were.
"""

import pickle
import re
import warnings
from functools import partial
from inspect import signature

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone

from skae import Autoencoder, SparseAutoencoder, VariationalAutoencoder
from tests.discovery import (
    ALL_LOSSES,
    ARCHITECTURES,
    CORRUPTIONS,
    ESTIMATORS,
    SPARSITIES,
    fitted,
    name_of,
)

pytestmark = pytest.mark.filterwarnings("ignore")

X = np.random.default_rng(0).uniform(0.1, 0.9, size=(24, 4))
Y = np.arange(24) % 2
FRAME = pd.DataFrame(X, columns=list("abcd"))
# What a user of a table does not know.
FOREIGN = re.compile(
    r"torch(?!\.nn\.Module|\.optim|\.device)|skorch(?! callbacks)|aten::|mat1|mat2"
    r"|tensor a|scalar type|inhomogeneous|ufunc|_call_|NoneType. object"
    r"|has no attribute|object is not|positional argument|index out of"
    r"|'>=' not supported|'<' not supported|broadcast|NeuralNet"
)


def _with(value):
    rows = X.copy()
    rows[3, 2] = value
    return rows


BAD_ROWS = {
    "nothing": lambda: None,
    "a word": lambda: "abc",
    "a number": lambda: 3,
    "an empty list": list,
    "a list of nothing": lambda: [[]],
    "no rows": lambda: X[:0],
    "no columns": lambda: X[:, :0],
    "one axis": lambda: X[0],
    "no axis": lambda: np.array(1.0),
    "four axes": lambda: np.ones((2, 2, 2, 2)),
    "gaps alone": lambda: np.full_like(X, np.nan),
    "infinity": lambda: _with(np.inf),
    "minus infinity": lambda: _with(-np.inf),
    "too large": lambda: X * 1e300,
    "words": lambda: np.full((24, 4), "a"),
    "bytes": lambda: np.full((24, 4), b"a"),
    "objects": lambda: np.full((24, 4), object()),
    "complex": lambda: X + 1j,
    "unequal rows": lambda: [[1.0, 2.0], [1.0, 2.0, 3.0]],
    "dates": lambda: X.astype("datetime64[D]"),
    "durations": lambda: (100 * X).astype("timedelta64[D]"),
    "a dict": lambda: {"a": [1.0]},
    "a set": lambda: {1.0, 2.0},
    "a function": lambda: _with,
    "a column of words": lambda: FRAME.assign(b="x"),
    "a column of dates": lambda: FRAME.assign(b=pd.Timestamp("2020-01-01")),
    "a column of gaps": lambda: FRAME.assign(b=np.nan),
    "a column twice": lambda: FRAME.rename(columns={"a": "b"}),
    "sparse infinity": lambda: scipy.sparse.csr_matrix(_with(np.inf)),
    "too few columns": lambda: X[:, :2],
}
METHODS = (
    "fit",
    "partial_fit",
    "transform",
    "reconstruct",
    "reconstruction_error",
    "score_samples",
    "predict",
    "inverse_transform",
    "score",
)
MANY = 10**12
BAD_VALUES = (
    None, "no such", b"x", -1, 0, 1.5, MANY, np.nan, np.inf, True, (), [], [None],
    {"a": 1}, {1}, object(), int, lambda: 3, np.array([1, 2]), 1j,
)  # fmt: skip


def _same(before, after):
    if isinstance(before, np.ndarray) and before.dtype != object:
        return before.dtype == after.dtype and before.tobytes() == after.tobytes()
    return before is after


def _ends_well(call, name=None):
    """Run a case; tell whether it ended in a result."""
    try:
        call()
    except (ValueError, TypeError) as error:
        said = str(error)
        assert said
        assert not FOREIGN.search(said), said
        if name is not None:
            assert name in said, said
        return False
    return True


@pytest.fixture(scope="module")
def models():
    """A fitted model of each class, made when it is asked for."""
    made = {}

    def of(kind):
        if kind not in made:
            made[kind] = fitted(kind(2, max_epochs=1, random_state=0), X)
        return made[kind]

    return of


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ESTIMATORS, ids=name_of)
def test_bad_rows(kind, method, models):
    fitted_model = models(kind)
    if not hasattr(fitted_model, method):
        return
    for what, make in BAD_ROWS.items():
        if what == "too few columns" and method == "fit":
            continue
        model = clone(fitted_model) if method == "fit" else fitted_model
        rows = make()
        given = pickle.loads(pickle.dumps(rows)) if what != "objects" else rows
        before = {k: v for k, v in vars(model).items()}
        weights = None
        if method != "fit":
            weights = [p.clone() for p in model.net_.module_.parameters()]
        arguments = ()
        if (
            method in ("fit", "partial_fit")
            and "y" in signature(getattr(model, method)).parameters
        ):
            arguments = (_labels(rows),)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = _ends_well(partial(getattr(model, method), rows, *arguments))
        if isinstance(rows, np.ndarray) and rows.dtype != object:
            assert rows.tobytes() == given.tobytes(), what
        if not done:
            assert vars(model).keys() == before.keys(), what
            assert all(_same(before[k], v) for k, v in vars(model).items()), what
            if weights is not None:
                now = model.net_.module_.parameters()
                assert all((a == b).all() for a, b in zip(weights, now, strict=True))


def _labels(rows):
    """Return as many labels as there are rows, where that can be told."""
    try:
        return Y[: len(rows)]
    except TypeError:
        return Y


def _parameters_of(kind):
    return [name for name in signature(kind).parameters if name != "kwargs"]


@pytest.mark.parametrize("kind", ESTIMATORS, ids=name_of)
def test_bad_parameters(kind):
    for name in _parameters_of(kind):
        for value in BAD_VALUES:
            if name in ("max_epochs", "patience") and value is MANY:
                continue
            model = kind(n_components=2)
            if "max_epochs" in model.get_params():
                model.set_params(max_epochs=1)
            model.set_params(**{name: value})
            before = dict(vars(model))
            if _ends_well(lambda model=model: fitted(model, X), name):
                assert np.isfinite(model.transform(X, **_known(model))).all()
            else:
                assert vars(model).keys() == before.keys()


def _known(model):
    return {"condition": Y} if hasattr(model, "conditions_") else {}


def _holder(part):
    """Return an estimator that takes a part."""
    kind = type(part)
    if kind in ARCHITECTURES:
        return Autoencoder(2, architecture=part, max_epochs=1)
    if kind in CORRUPTIONS:
        return Autoencoder(2, corruption=part, max_epochs=1)
    if kind in SPARSITIES:
        return SparseAutoencoder(8, sparsity=part, max_epochs=1)
    if part.is_likelihood:
        return VariationalAutoencoder(2, loss=part, max_epochs=1)
    return Autoencoder(2, loss=part, max_epochs=1)


@pytest.mark.parametrize(
    "kind", ARCHITECTURES + CORRUPTIONS + ALL_LOSSES + SPARSITIES, ids=name_of
)
def test_bad_parameters_of_parts(kind):
    for name in _parameters_of(kind):
        for value in BAD_VALUES:
            if value is MANY and name != "k":  # within what memory holds, or not
                continue
            part = kind().set_params(**{name: value})
            before, model = dict(vars(part)), _holder(part)
            if _ends_well(lambda model=model: model.fit(X)):
                assert np.isfinite(model.transform(X)).all()
            assert vars(part).keys() == before.keys()
            assert all(vars(part)[key] is given for key, given in before.items())


def test_there_are_enough_cases():
    rows = len(ESTIMATORS) * len(METHODS) * len(BAD_ROWS)
    parameters = sum(len(_parameters_of(kind)) for kind in ESTIMATORS)
    assert rows + parameters * len(BAD_VALUES) > 5000
