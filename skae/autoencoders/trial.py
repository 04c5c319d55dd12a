"""A pass of two rows before training: what a part gets wrong is said by its name."""

from contextlib import contextmanager

import torch

from skae.data.batch import described
from skae.training.seeds import OwnDraws, make_generator

_FOREIGN = (RuntimeError, TypeError, AttributeError, IndexError, KeyError)


def check_parts(estimator, rows):
    """Raise ValueError if a part of a net does not give what it has to.

    Parameters
    ----------
    estimator : BaseAutoencoder
        The weights and buffers of its net stay as they are.
    rows : Rows

    Returns
    -------
    draws : bool
        Whether training draws from torch's global generator.
    """
    net, batch = estimator.net_, rows.take(slice(0, 2))
    before, own = net.weights(), OwnDraws(make_generator(net.seed))
    with torch.enable_grad(), net.same_noise(), own:
        _check_inference(estimator, net.module_, batch)
        _check_training(estimator, batch)
        _try_training_mode(net, batch)
    net.load_weights(before)
    # Inference may be in either; what is written for one may keep to it.
    other = "float64" if net.dtype == "float32" else "float32"
    batch = batch.map(lambda values: _to_precision(values, other))
    try:
        with torch.no_grad():
            _check_inference(estimator, net.module_for(other), batch)
    except ValueError as error:
        raise ValueError(f"In {other}, {error}") from error
    return own.n_draws > 0


def _to_precision(values, dtype):
    return values.to(getattr(torch, dtype)) if values.is_floating_point() else values


def _check_inference(estimator, module, batch):
    """Try the way of rows to codes and back."""
    n_rows, n_values = batch.compared.shape
    criterion = estimator.net_.criterion_
    kind, made_by = type(module).__name__, type(estimator.architecture_).__name__
    decoding = f"{kind}.decode, or the module of {made_by}.make_decoder,"
    with _named(f"The module of {made_by}.make_body"):
        hidden = module.hidden(batch)
        _expect(hidden, (n_rows, module.body.n_outputs), "(n, n_outputs)")
    with _named(f"{kind}.encode"):
        code = module.encode(batch)
        _expect(code, (n_rows, module.n_components), "(n, n_components)")
        alone = torch.cat([module.encode(one) for one in batch.split([1] * n_rows)])
        if not torch.allclose(alone, code, rtol=1e-2, atol=1e-3):
            raise _Unexpected(
                "gives a row another code when it is encoded alone, or a second time."
            )
    with _named(decoding):
        output = module.decode(code, batch.outcome)
        if not criterion.loss.scores_classes:
            _expect(output, (n_rows, n_values), "(n, n_values)")
    if not getattr(module.decoder, "feeds_back", False):  # which may take long
        with _named(f"{decoding} given a code alone (batch.x is None),"):
            module.decode(code, batch.outcome._replace(x=None, observed=None))
    with _named(f"{type(estimator.loss_).__name__}.per_element"):
        _check_cells(criterion, output, batch)


def _check_cells(criterion, output, batch):
    """Try the loss of cells, of all rows and of each alone."""
    given = batch.x.clone()
    cells = criterion.cells(output, batch)
    if not torch.equal(batch.x, given):
        batch.x.copy_(given)
        raise _Unexpected("changes the rows that it is given: use x.clone().")
    if cells.is_complex():
        raise _Unexpected("returns complex numbers.")
    if cells.isnan().any() and output.isfinite().all():
        raise _Unexpected("is NaN for rows and outputs that are finite.")
    one_by_one = zip(output.split(1), batch.split([1] * len(batch.x)), strict=True)
    alone = torch.cat([criterion.cells(*one) for one in one_by_one])
    if not torch.allclose(alone, cells, rtol=1e-2, atol=1e-4):
        raise _Unexpected(
            "gives a row another loss when it is alone, or a second time."
        )


def _check_corruption(estimator, batch):
    """Try the corruption, if there is one."""
    if estimator.net_.module_.corrupt is None:
        return
    with _named(f"{type(estimator.corruption_).__name__}.corrupt"):
        corrupted = estimator.net_.module_.corrupt(batch)
        if not corrupted.x.isfinite().all():
            raise _Unexpected("makes NaN or infinity of rows that are finite.")


def _check_training(estimator, batch):
    """Try what a step of training does, but for the step."""
    module, criterion = estimator.net_.module_, estimator.net_.criterion_
    kind, n_rows = type(module).__name__, len(batch.x)
    given = batch.x.clone()
    _check_corruption(estimator, batch)
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
        owner = _owner_of_penalty(module)
        with _named(owner):
            _expect(result.penalty, (), "()")
        if result.penalty.isnan():
            raise ValueError(f"{owner} is NaN for the first rows of X.")
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


def _try_training_mode(net, batch):
    """Do what else a step does in training mode, such as dropout."""
    module, criterion = net.module_.train(), net.criterion_.train()
    with _named(f"{type(module).__name__}.forward, in training mode,"):
        result = module(criterion.prepare(batch))
    with _named(f"{type(criterion).__name__}.forward, in training mode,"):
        criterion(result, batch)
    penalty = result.penalty
    if penalty is not None and penalty != 0 and not penalty.requires_grad:
        raise ValueError(
            f"{_owner_of_penalty(module)} is without gradient: the code is detached, "
            "by detach, no_grad, item or numpy."
        )


def _owner_of_penalty(module):
    if hasattr(module, "sparsity"):
        return f"{type(module.sparsity).__name__}.penalty"
    return f"The penalty of {type(module).__name__}"


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
    if isinstance(given, torch.Tensor) and given.shape == torch.Size(shape):
        return
    raise _Unexpected(f"must return {wanted}. It returned {described(given)}.")
