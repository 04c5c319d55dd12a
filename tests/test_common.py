"""What holds for every public class."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpydoc.docscrape import ClassDoc
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

import skae
from skae import AbsoluteError, Dense, Huber
from skae.autoencoders.variational import VariationalModel
from tests.discovery import (
    ESTIMATORS,
    LOSSES,
    NESTED,
    PAIRED,
    PUBLIC,
    SUPERVISED,
    fitted,
    name_of,
)

every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
every_object = pytest.mark.parametrize(
    "kind", ESTIMATORS + PAIRED + NESTED + SUPERVISED, ids=name_of
)

# Beside the untouched defaults of each; what training lasts is no variant.
VARIANTS = [
    skae.Autoencoder(architecture=Dense((8,), tied=True), max_epochs=10),
    skae.Autoencoder(n_components=50, max_epochs=10),
    skae.Autoencoder(loss=AbsoluteError(), max_epochs=10),
    skae.Autoencoder(loss=Huber(), max_epochs=10),
    skae.SparseAutoencoder(sparsity=skae.KLSparsity(), max_epochs=10),
    skae.SparseAutoencoder(sparsity=skae.TopK(1), max_epochs=10),
    skae.SparseAutoencoder(sparsity=skae.BatchTopK(1), max_epochs=10),
    skae.ContractiveAutoencoder(architecture=Dense(()), max_epochs=10),
]


def _takes_minutes(estimator):
    """Tell whether the checks of an estimator are for the slow part."""
    # A stack trains a network for each layer in every fit, clustering twice; Jacobians
    # and pairs of rows take their time, and a sparse code is wide. Of the others the
    # plain and the variational ones are checked in the fast part.
    slow = (
        skae.DenoisingAutoencoder,
        skae.ConditionalVariationalAutoencoder,
        skae.BetaTCVAE,
        skae.WassersteinAutoencoder,
        skae.StackedAutoencoder,
        skae.ContractiveAutoencoder,
        skae.SparseAutoencoder,
        skae.EncoderDecoderRegressor,
        skae.NeighborAutoencoder,
        skae.DeepEmbeddedClustering,
    )
    return estimator in VARIANTS or isinstance(estimator, slow)


CHECKS = [
    pytest.param(
        instance,
        check,
        id=f"{_name}-{number}-{estimator!r}",
        marks=[pytest.mark.slow] if _takes_minutes(estimator) else [],
    )
    for estimator in [*(kind() for kind in ESTIMATORS + PAIRED), *VARIANTS]
    for number, (instance, check) in enumerate(estimator_checks_generator(estimator))
    if (_name := getattr(check, "func", check).__name__)
]


@pytest.mark.parametrize(("instance", "check"), CHECKS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_check_estimator(instance, check):
    check(instance)


def test_discovery_finds_something():
    assert {kind.__name__ for kind in ESTIMATORS} >= {"Autoencoder"}
    assert {kind.__name__ for kind in NESTED} >= {"Dense", "SquaredError", "Poisson"}


@every_object
def test_own_fields_are_in_the_signature(kind):
    """A forgotten dataclass decorator would lose them."""
    own = set()
    for base in kind.__mro__:
        if base.__module__.startswith("skae"):
            own |= {
                name for name in vars(base).get("__annotations__", {}) if name != "_"
            }
    assert own == set(inspect.signature(kind).parameters)


@every_object
def test_only_the_first_parameter_is_positional(kind):
    parameters = list(inspect.signature(kind).parameters.values())
    positional = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    if kind in ESTIMATORS + PAIRED:
        assert positional == ["n_components"]
    else:
        assert positional in ([], [parameters[0].name])


@every_object
def test_defaults_are_plain_values(kind):
    for parameter in inspect.signature(kind).parameters.values():
        default = parameter.default
        assert default is None or isinstance(default, bool | int | float | str | tuple)


@every_object
def test_no_class_writes_a_constructor(kind):
    assert dataclasses.is_dataclass(kind)
    for base in kind.__mro__:
        if base.__module__.startswith("skae"):
            source = inspect.getsource(base)
            assert "def __init__" not in source


@every_object
def test_every_parameter_has_a_constraint(kind):
    assert set(kind._parameter_constraints) == set(inspect.signature(kind).parameters)


def _documented_default(type_line):
    _, _, default = type_line.partition("default=")
    return ast.literal_eval(default) if default else inspect.Parameter.empty


@every_object
def test_documented_parameters_are_the_signature(kind):
    documented = ClassDoc(kind)["Parameters"]
    signature = inspect.signature(kind).parameters
    assert [parameter.name for parameter in documented] == list(signature)
    for parameter in documented:
        assert _documented_default(parameter.type) == signature[parameter.name].default
        assert parameter.desc, parameter.name


@every_object
def test_docstring_has_an_example(kind):
    assert ">>>" in inspect.getdoc(kind)


def test_shared_parameters_are_worded_alike():
    wording = {}
    for kind in ESTIMATORS + PAIRED:
        for parameter in ClassDoc(kind)["Parameters"]:
            text = "\n".join(parameter.desc)
            wording.setdefault(parameter.name, set()).add(text)
    # What None stands for differs, and what beta weighs.
    own = {"n_components", "architecture", "corruption", "loss", "code_activation"}
    own |= {"beta"}
    assert [
        name for name, texts in wording.items() if len(texts) > 1 and name not in own
    ] == []


@every_estimator
def test_documented_attributes_exist_after_fit(estimator, small):
    import pandas as pd

    frame = pd.DataFrame(small, columns=list("abcde"))
    model = fitted(estimator(2, max_epochs=1), frame)
    for entry in ClassDoc(estimator)["Attributes"]:
        for name in entry.name.split(", "):
            assert hasattr(model, name), name
    public = {name for name in vars(model) if name.endswith("_") and name[0] != "_"}
    documented = {
        name
        for entry in ClassDoc(estimator)["Attributes"]
        for name in entry.name.split(", ")
    }
    assert public <= documented


@every_object
def test_clone_and_repr_repeat_the_parameters(kind):
    instance = kind()
    assert repr(clone(instance)) == repr(instance)
    assert clone(instance).get_params() == instance.get_params()


@every_estimator
@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
@pytest.mark.parametrize("tied", [False, True])
def test_every_objective_takes_every_loss_and_tying(estimator, loss, tied, rng):
    X = rng.uniform(size=(60, 6)).astype(np.float32)
    model = estimator(
        2,
        loss=loss(),
        architecture=Dense((8,), tied=tied, shortcut="random"),
        max_epochs=30,
        batch_size=16,
        early_stopping=False,
        random_state=0,
    )
    model = fitted(model, X)
    losses = [row["train_loss"] for row in model.history_]
    assert losses[-1] < losses[0] or losses[0] < 1e-6
    for rows in (model.reconstruct(X), model.inverse_transform(model.transform(X))):
        assert rows.shape == X.shape
        assert rows.dtype == X.dtype
    cells = model.reconstruction_error(X, per_feature=True)
    is_sum = isinstance(model, VariationalModel)
    np.testing.assert_allclose(
        cells.sum(axis=1) if is_sum else cells.mean(axis=1),
        model.reconstruction_error(X),
        rtol=1e-4,
        atol=1e-5,
    )
    assert model.score(X) == pytest.approx(model.score_samples(X).mean(), rel=1e-6)


@every_estimator
def test_training_moves_every_weight(estimator, digits):
    """A backward pass that is never called, or a dead path, would leave some."""
    start = estimator(4, max_epochs=1, learning_rate=1e-12, early_stopping=False)
    if "beta" in start.get_params():
        start.set_params(beta=1.0)  # as in the score
    start = fitted(start.set_params(random_state=0), digits[:200])
    later = clone(start).set_params(learning_rate=1e-3, max_epochs=5)
    later = fitted(later, digits[:200])
    moved = later.net_.module_.state_dict()
    for name, weight in start.net_.module_.state_dict().items():
        assert not torch.equal(weight, moved[name]), name
    assert later.score(digits) > start.score(digits)


# Low to high: a module imports from its own layer and from earlier ones.
CONTRIBUTING = (Path(__file__).parents[1] / "docs" / "contributing.rst").read_text()
# From the table of docs/contributing.rst, whose lines stand on those below them.
LAYERS = re.findall(r"(?m)^``(\w+)`` {2,}\w", CONTRIBUTING)[::-1]
MOST_LINES = 400  # of a file


def _files():
    """Return the files of skae but `__init__.py`, each with its layer."""
    root = Path(skae.__file__).parent
    return [
        (path, path.relative_to(root).with_suffix("").parts[0])
        for path in sorted(root.rglob("*.py"))
        if path != root / "__init__.py"
    ]


def _imported(path):
    """Return the modules that a file imports, also within functions."""
    modules = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            modules.append(node.module)
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    return modules


def test_imports_point_one_way():
    assert {layer for _, layer in _files()} == set(LAYERS)
    for path, layer in _files():
        allowed = LAYERS[: LAYERS.index(layer) + 1]
        for module in _imported(path):
            package, *parts = module.split(".")
            if package == "skae":
                assert parts, f"{path}: {module}"
                assert parts[0] in allowed, f"{path}: {module}"


def test_files_are_short():
    lengths = {str(path): len(path.read_text().splitlines()) for path, _ in _files()}
    assert {path: n for path, n in lengths.items() if n > MOST_LINES} == {}


def test_every_module_imports_and_has_a_claim():
    for module in pkgutil.walk_packages(skae.__path__, "skae."):
        assert importlib.import_module(module.name).__doc__


def test_public_names_are_sorted_and_documented():
    assert skae.__all__ == sorted(skae.__all__)
    assert all(value.__doc__ for value in PUBLIC)
    api = (Path(__file__).parents[1] / "docs" / "api.rst").read_text()
    assert [name for name in skae.__all__ if name not in api] == []
