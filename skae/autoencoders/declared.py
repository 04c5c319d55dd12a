"""Classes of one's own, read before anything is tried: what they leave out is said."""

import difflib
import inspect
import warnings

import skorch
from sklearn.base import BaseEstimator

from skae.autoencoders.criterion import Criterion
from skae.autoencoders.module import AutoencoderModule
from skae.autoencoders.objective import Objective
from skae.roles.outliers import OutlierDetector
from skae.sparsity import Sparsity

_KNOWN = {"skae", "builtins", "numpy"}
_OF_SPARSITIES = ("penalty", "select", "make_selector")
# What is overridden, of all kinds of parts.
_CONTRACT = {
    *_OF_SPARSITIES, "is_active", "code_activation", "selects", "forward", "encode",
    "decode", "hidden", "per_row", "as_sum", "module_class", "criterion_class",
    "defaults", "_module_parameters", "_criterion_parameters", "_resolve", "_start",
    "_callbacks", "_summarise", "_parameter_constraints", "per_element", "for_scale",
    "is_likelihood", "is_density", "draw", "natural_activation", "range", "corrupt",
    "corrupt_batch", "make_body", "make_decoder", "make_codec", "has_linear_start",
    "set_linear_maps", "rows", "restore",
}  # fmt: skip


def check_declared(estimator):
    """Raise TypeError if a class of one's own is not declared as the contract says.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Whose open parameters are resolved.
    """
    name = type(estimator).__name__
    for attribute in ("loss_", "corruption_"):
        if attribute not in vars(estimator):
            raise TypeError(f"{name}._resolve must call super()._resolve().")
    for attribute, base in (
        ("module_class", AutoencoderModule),
        ("criterion_class", Criterion),
    ):
        kind = getattr(estimator, attribute)
        if not (isinstance(kind, type) and issubclass(kind, base)):
            raise TypeError(
                f"{attribute} of {name} must be a subclass of {base.__name__}, not "
                f"{kind!r}."
            )
    own = own_parts(estimator)
    if not own:
        return
    order = type(estimator).__mro__
    if OutlierDetector in order and order.index(OutlierDetector) > order.index(
        Objective
    ):
        raise TypeError(f"OutlierDetector comes first among the bases of {name}.")
    for part in own:
        kind = part if isinstance(part, type) else type(part)
        _warn_of_misspelt(kind)
        if isinstance(part, Sparsity) and not _overrides_any(
            kind, Sparsity, _OF_SPARSITIES
        ):
            raise TypeError(
                f"{kind.__name__} overrides none of {', '.join(_OF_SPARSITIES)}."
            )
        if isinstance(part, BaseEstimator):
            _check_parameters(kind, part.get_params(deep=False))


def check_arguments(estimator):
    """Raise TypeError if an estimator of one's own leaves out what its parts take.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Whose net is about to be made.
    """
    if _package(estimator) in _KNOWN:
        return
    _check_arguments_of(estimator, "_module_parameters", estimator.module_class)
    _check_arguments_of(estimator, "_criterion_parameters", estimator.criterion_class)
    callbacks = estimator._callbacks()
    if not isinstance(callbacks, list) or not all(
        isinstance(one, skorch.callbacks.Callback) for one in callbacks
    ):
        raise TypeError(
            f"{type(estimator).__name__}._callbacks must return a list of skorch "
            "callbacks."
        )


def check_summarised(estimator):
    """Raise TypeError if an outlier detector has no threshold after a fit."""
    if isinstance(estimator, OutlierDetector) and "offset_" not in vars(estimator):
        raise TypeError(
            f"{type(estimator).__name__}._summarise must call super()._summarise()."
        )


def _check_arguments_of(estimator, method, kind):
    """Check the arguments that a method names for a module or a criterion.

    Parameters
    ----------
    method : str
        "_module_parameters" or "_criterion_parameters".
    kind : type
        Whose arguments they are.
    """
    name = f"{type(estimator).__name__}.{method}"
    given = getattr(estimator, method)()
    if not isinstance(given, dict):
        raise TypeError(f"{name} must return a dict, not {type(given).__name__}.")
    taken = {
        key
        for base in kind.__mro__
        if "__init__" in vars(base)
        for key in inspect.signature(base.__init__).parameters
    }
    for key in given:
        if key not in taken:
            raise TypeError(f"{name} gives {key!r}, which {kind.__name__} lacks.")
    of_all = {  # which every estimator gives
        *inspect.signature(AutoencoderModule.__init__).parameters,
        *inspect.signature(Criterion.__init__).parameters,
    }
    needed = set(estimator.get_params(deep=False)) - of_all
    for base in kind.__mro__:
        if "__init__" not in vars(base) or _package(base) != "skae":
            continue
        for key in inspect.signature(base.__init__).parameters:
            if key in needed and key not in given:
                raise TypeError(
                    f"{name} leaves out {key!r}, a parameter of the estimator that "
                    f"{base.__name__} takes. Return {{**super().{method}(), ...}}."
                )


def _overrides_any(kind, base, methods):
    return any(getattr(kind, name) is not getattr(base, name) for name in methods)


def _warn_of_misspelt(kind):
    """Warn of names of a class that are nearly those of the contract."""
    known = {name for base in kind.__mro__[1:] for name in vars(base)}
    for name in vars(kind):
        if name.startswith("__") or name in known:
            continue
        near = difflib.get_close_matches(name, known & _CONTRACT, 1, 0.85)
        if near:
            warnings.warn(
                f"{kind.__name__} defines {name!r}, which nothing calls. Is "
                f"{near[0]!r} meant?",
                stacklevel=8,
            )


def own_parts(estimator):
    """Return what is written outside skae: of an estimator and its parameters."""
    parts = [
        estimator,
        estimator.module_class,
        estimator.criterion_class,
        *estimator.get_params().values(),
    ]
    return [part for part in parts if _package(part) not in _KNOWN]


def _package(part):
    """Return the name of the package that a class, or that of an object, is from."""
    kind = part if isinstance(part, type) else type(part)
    return kind.__module__.partition(".")[0]


def _check_parameters(kind, parameters):
    """Raise TypeError if what a class declares is none of its parameters."""
    name = kind.__name__
    for key in getattr(kind, "_parameter_constraints", {}):
        if key not in parameters:
            raise TypeError(
                f"_parameter_constraints of {name} has {key!r}, which is none of its "
                f"parameters: {', '.join(parameters)}. Parameters are fields of a "
                "dataclass, beside those of the base, not arguments of an __init__."
            )
    for key in vars(kind).get("__annotations__", {}):
        if key not in parameters and key != "_":
            raise TypeError(
                f"{key!r} is no parameter of {name}, which lacks the decorator "
                "@dataclass(eq=False, repr=False, kw_only=True)."
            )
