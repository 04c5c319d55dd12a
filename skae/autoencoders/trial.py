"""A pass of two rows before training: what a part gets wrong is said by its name."""

import difflib
import inspect
import warnings
from contextlib import contextmanager

import torch
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
_FOREIGN = (RuntimeError, TypeError, AttributeError, IndexError, KeyError)


def check_declared(estimator):
    """Raise TypeError if a class of one's own is not declared as the contract says.

    Parameters
    ----------
    estimator : BaseAutoencoder
    """
    name = type(estimator).__name__
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
        if isinstance(part, Sparsity) and not _says(kind, Sparsity, _OF_SPARSITIES):
            raise TypeError(
                f"{kind.__name__} overrides none of {', '.join(_OF_SPARSITIES)}."
            )
        if isinstance(part, BaseEstimator):
            _check_parameters(kind, part.get_params(deep=False))


def check_handed_on(estimator):
    """Raise TypeError if an estimator of one's own leaves out what its parts take.

    Parameters
    ----------
    estimator : BaseAutoencoder
        Whose net is about to be made.
    """
    if _package(estimator) in _KNOWN:
        return
    _check_handed_on(estimator, "_module_parameters", estimator.module_class)
    _check_handed_on(estimator, "_criterion_parameters", estimator.criterion_class)
    if not isinstance(estimator._callbacks(), list):
        raise TypeError(f"{type(estimator).__name__}._callbacks must return a list.")


def check_resolved(estimator):
    """Raise TypeError if what the base fixes before the net is made is not there."""
    for attribute in ("loss_", "corruption_"):
        if attribute not in vars(estimator):
            raise TypeError(
                f"{type(estimator).__name__}._resolve must call super()._resolve()."
            )


def check_summarised(estimator):
    """Raise TypeError if an outlier detector has no threshold after a fit."""
    if isinstance(estimator, OutlierDetector) and "offset_" not in vars(estimator):
        raise TypeError(
            f"{type(estimator).__name__}._summarise must call super()._summarise()."
        )


def _check_handed_on(estimator, method, kind):
    """Check what a method gives a class beside what all of its kind take."""
    name = f"{type(estimator).__name__}.{method}"
    given = getattr(estimator, method)()
    if not isinstance(given, dict):
        raise TypeError(f"{name} must return a dict, not {type(given).__name__}.")
    common = {"l1_penalty", "n_components", "architecture", "corruption", "loss"}
    common |= {"code_activation"}
    for base in kind.__mro__:
        if "__init__" not in vars(base) or base.__module__.partition(".")[0] != "skae":
            continue
        for key in inspect.signature(base.__init__).parameters:
            of_user = key in estimator.get_params(deep=False) and key not in common
            if of_user and key not in given:
                raise TypeError(
                    f"{name} leaves out {key!r}, a parameter of the estimator that "
                    f"{base.__name__} takes. Return {{**super().{method}(), ...}}."
                )


def _says(kind, base, methods):
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


def check_parts(estimator, rows):
    """Raise ValueError if a part of a net does not give what it has to.

    Parameters
    ----------
    estimator : BaseAutoencoder
        The weights and buffers of its net stay as they are.
    rows : Rows
    """
    net, batch = estimator.net_, rows.take(slice(0, 2))
    before = net.weights()
    with torch.enable_grad(), net.same_noise():
        _check_inference(estimator, net.module_, batch)
        _check_training(estimator, batch)
    net.load_weights(before)
    # Inference may be in either; what is written for one may keep to it.
    other = "float64" if net.dtype == "float32" else "float32"
    batch = batch.map(lambda values: _to_precision(values, other))
    try:
        with torch.no_grad():
            _check_inference(estimator, net.module_for(other), batch)
    except ValueError as error:
        raise ValueError(f"In {other}, {error}") from error


def _to_precision(values, dtype):
    return values.to(getattr(torch, dtype)) if values.is_floating_point() else values


def _check_inference(estimator, module, batch):
    """Try the way of rows to codes and back."""
    n_rows, n_values = batch.x.shape
    criterion = estimator.net_.criterion_
    kind, made_by = type(module).__name__, type(estimator.architecture_).__name__
    decoding = f"{kind}.decode, or the module of {made_by}.make_decoder,"
    with _named(f"The module of {made_by}.make_body"):
        hidden = module.hidden(batch)
        _expect(hidden, (n_rows, module.body.n_outputs), "(n, n_outputs)")
    with _named(f"{kind}.encode"):
        code = module.encode(batch)
        _expect(code, (n_rows, module.n_components), "(n, n_components)")
        alone = module.encode(batch.map(lambda values: values[:1]))
        if not torch.allclose(alone, code[:1], rtol=1e-2, atol=1e-3):
            raise _Unexpected(
                "gives a row another code when it is encoded alone, or a second time."
            )
    with _named(decoding):
        output = module.decode(code, batch)
        if not criterion.loss.scores_classes:
            _expect(output, (n_rows, n_values), "(n, n_values)")
    if not getattr(module.decoder, "feeds_back", False):  # which may take long
        with _named(f"{decoding} given a code alone (batch.x is None),"):
            alone = batch._replace(x=None, observed=None)
            module.decode(code, alone)
    with _named(f"{type(estimator.loss_).__name__}.per_element"):
        cells = criterion.cells(output, batch)
        if cells.isnan().any() and output.isfinite().all():
            raise _Unexpected("is NaN for rows and outputs that are finite.")


def _check_training(estimator, batch):
    """Try what a step of training does, but for the step."""
    module, criterion = estimator.net_.module_, estimator.net_.criterion_
    kind, n_rows = type(module).__name__, len(batch.x)
    given = batch.x.clone()
    with _named(f"{kind}.forward"):
        prepared = criterion.prepare(batch)
        result = module(prepared)
        if not hasattr(result, "output") or not hasattr(result, "penalty"):
            raise _Unexpected(f"must return a Forward, not {type(result).__name__}.")
    if not torch.equal(batch.x, given):
        raise ValueError(
            f"{kind}.forward changes the rows that it is given. A corruption and a "
            "module return new tensors: batch.x, or a corruption's x, stays as it "
            "is (x.clone())."
        )
    if result.penalty is not None:
        with _named(f"The penalty of {kind}"):
            _expect(result.penalty, (), "()")
        if result.penalty.isnan():
            raise ValueError(f"The penalty of {kind} is NaN for the first rows of X.")
    name, state = type(criterion).__name__, None
    if getattr(criterion, "generator", None) is not None:
        state = criterion.generator.get_state()
    with _named(f"{name}.per_row"):
        rows = criterion.per_row(result, prepared)
        _expect(rows, (n_rows,), "(n,)")
    if state is not None:
        criterion.generator.set_state(state)
    with _named(f"{name}.forward"):
        cost = criterion(result, prepared)
        _expect(cost, (), "()")
        if not torch.allclose(cost, batch.mean(rows), rtol=1e-2, atol=1e-4):
            raise _Unexpected(
                "is not the mean over rows of per_row, which validation goes by. "
                "Override per_row alone, or both."
            )
    loss = type(estimator.loss_).__name__
    encoder = [*module.body.parameters(), *module.head.parameters()]
    for part, weights in (
        ("the encoder", encoder),
        ("the decoder", [*module.decoder.parameters()]),
    ):
        weights = [weight for weight in weights if weight.requires_grad]
        if weights and not _is_reached(cost, weights):
            raise ValueError(
                f"{name}.forward is without gradient for {part}: something between its "
                f"weights and the loss of {loss} is detached, by detach, no_grad, item "
                "or numpy."
            )
    for key, buffer in module.named_buffers():
        if buffer.requires_grad:
            raise ValueError(
                f"The buffer {key!r} of {kind} holds gradients: what is learned beside "
                "the optimizer is computed under torch.no_grad() or of code.detach()."
            )


def _is_reached(cost, weights):
    """Tell whether any of the weights has a gradient."""
    if not cost.requires_grad:
        return False
    found = torch.autograd.grad(cost, weights, retain_graph=True, allow_unused=True)
    return any(gradient is not None for gradient in found)


@contextmanager
def _named(what):
    """Say of an error in the block whose it is."""
    try:
        yield
    except _Unexpected as error:
        raise ValueError(f"{what} {error}") from None
    except NotImplementedError:  # says itself whose it is
        raise
    except _FOREIGN as error:
        raise ValueError(f"{what} failed: {error}") from error


class _Unexpected(Exception):
    """What a part gave is not what it has to give."""


def _expect(given, shape, name):
    wanted = f"a tensor of shape {name}, here {tuple(shape)}" if shape else "a scalar"
    found = type(given).__name__
    if isinstance(given, torch.Tensor):
        if given.shape == torch.Size(shape):
            return
        found = f"a tensor of shape {tuple(given.shape)}"
    raise _Unexpected(f"must return {wanted}. It returned {found}.")
