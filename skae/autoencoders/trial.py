"""A pass of two rows before training: what a part gets wrong is said by its name."""

from contextlib import contextmanager

import torch
from sklearn.base import BaseEstimator

from skae.autoencoders.criterion import Criterion
from skae.autoencoders.module import AutoencoderModule

_KNOWN = {"skae", "builtins", "numpy"}
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
    for part in own_parts(estimator):
        if isinstance(part, BaseEstimator):
            _check_parameters(type(part), part.get_params(deep=False))


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
                f"parameters: {', '.join(parameters)}."
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
            raise _Unexpected(f"must return a Forward, not {result!r}.")
    if not torch.equal(batch.x, given):
        raise ValueError(
            f"{kind}.forward changes the rows that it is given. A corruption and a "
            "module return new tensors: batch.x, or a corruption's x, stays as it "
            "is (x.clone())."
        )
    if result.penalty is not None:
        with _named(f"The penalty of {kind}"):
            _expect(result.penalty, (), "()")
    with _named(f"{type(criterion).__name__}.per_row"):
        _expect(criterion.per_row(result, prepared), (n_rows,), "(n,)")
    with _named(f"{type(criterion).__name__}.forward"):
        cost = criterion(result, prepared)
        _expect(cost, (), "()")
        if not cost.requires_grad:
            raise _Unexpected(
                "is without gradient: something between the weights and the loss of "
                f"{type(estimator.loss_).__name__} is detached, by detach, no_grad, "
                "item or numpy."
            )


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
