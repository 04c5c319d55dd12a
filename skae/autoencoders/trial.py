"""A pass of two rows before training: what a part gets wrong is said by its name."""

from contextlib import contextmanager

import torch

_FOREIGN = (RuntimeError, TypeError, AttributeError, IndexError, KeyError)


def check_parts(net, architecture, rows):
    """Raise ValueError if a part of a net does not give what it has to.

    Parameters
    ----------
    net : Net
        Its weights and buffers stay as they are.
    architecture : Architecture
    rows : Rows
    """
    module, criterion = net.module_, net.criterion_
    batch = rows.take(slice(0, 2))
    n_rows, n_values = batch.x.shape
    kind, made_by = type(module).__name__, type(architecture).__name__
    decoding = f"{kind}.decode, or the module of {made_by}.make_decoder,"
    before, given = net.weights(), batch.x.clone()
    with torch.no_grad(), net.same_noise():
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
            _expect(criterion(result, prepared), (), "()")
    net.load_weights(before)


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
