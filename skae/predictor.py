"""What a trained net says of rows: functions of its module, mapped over blocks."""

from dataclasses import dataclass, replace

import numpy as np

from skae.codecs import Codec
from skae.data.checks import RowCheck
from skae.data.fields import UNBOUNDED, Fields
from skae.data.ragged import Ragged
from skae.data.samples import contiguous_blocks, dense_rows, working_dtype
from skae.data.scaling import Scaling
from skae.training.modes import own_modes
from skae.training.net import Net


@dataclass(frozen=True)
class Predictor:
    """Maps functions of a net's module over samples, in the dtype of X.

    Parameters
    ----------
    net : Net
    fields : Fields
        With their centres and scales.
    codec : Codec
    architecture : Architecture
    check : RowCheck
        Of training rows; what is read later may leave their range.
    longest : int or None
        Steps of the longest training row, where lengths vary; None: as the module says.
    """

    net: Net
    fields: Fields
    codec: Codec
    architecture: object
    check: RowCheck
    longest: int | None = None

    def map(self, samples, compute, *shape, value_range=UNBOUNDED):
        """Apply ``compute(module, batch)`` to blocks of rows.

        Returns
        -------
        ndarray of shape (n_samples, *shape)
        """
        dtype = working_dtype(samples.dtype)
        results = np.empty((len(samples), *shape), dtype=dtype)
        scaling = self.fields.scaling
        with own_modes(gradients=False):
            for rows, module, batch in self._blocks(samples, scaling, value_range):
                results[rows] = compute(module, batch).cpu().numpy()
        return results

    def map_rows(self, samples, compute, *, scaling=None, value_range=UNBOUNDED):
        """Apply a ``compute(module, batch)`` that gives as many values as rows have.

        It returns pairs of a tensor of shape (n, n_values) and of the lengths of the
        rows, None where all are the same.

        Returns
        -------
        ndarray or Ragged of shape (n_samples, n_values)
        """
        scaling = self.fields.scaling if scaling is None else scaling
        parts = []
        with own_modes(gradients=False):
            for _, module, batch in self._blocks(samples, scaling, value_range):
                values, lengths = compute(module, batch)
                values = values.cpu().numpy()
                if lengths is not None:
                    n_channels = self.codec.shape[-1]
                    values = Ragged.of_padded(values, lengths.cpu().numpy(), n_channels)
                parts.append(values)
        join = np.concatenate if lengths is None else Ragged.concatenated
        return parts[0] if len(parts) == 1 else join(parts)

    def encode(self, samples):
        """Return codes, shape (n_samples, n_components)."""
        n_components = self.net.module_.n_components
        return self.map(samples, lambda net, x: net.encode(x), n_components)

    def decode(self, codes, read):
        """Return rows of codes, in units of X.

        Parameters
        ----------
        codes : Samples
            Whose X is codes.
        read : callable
            From the decoder's output to rows.
        """

        def compute(net, batch):
            code, batch = batch.x, batch._replace(x=None)
            lengths = batch.lengths
            if lengths is None:
                lengths = net.lengths_of_codes(code, batch)
            output = net.decode(code, batch._replace(lengths=lengths))
            return read(output), lengths

        rows = self.map_rows(codes, compute, scaling=Scaling())
        return self.fields.scaling.inverse(rows)

    def _blocks(self, samples, scaling, value_range):
        """Yield slices of rows, the module of their dtype, and their batches."""
        X, dtype = samples.X, working_dtype(samples.dtype)
        module = self.net.module_for(dtype)
        device = next(module.parameters()).device
        check = replace(self.check, value_range=value_range)
        is_ragged = isinstance(X, Ragged)
        if is_ragged:
            check = replace(check, ragged=X)
            check.all(X)
        n_components, n_hidden = self.net.module_.n_components, self.n_hidden_values
        for start, stop in contiguous_blocks(X, n_components, n_hidden):
            rows = slice(start, stop)
            batch = scaling.batch(samples, rows, dtype)
            # A sum that is finite clears the block at the price of one read.
            has_range = value_range != UNBOUNDED
            is_finite = batch.x.sum().isfinite()
            if not is_ragged and (has_range or not is_finite):
                check(dense_rows(X, rows), start)
            if not is_finite:
                check.too_large(batch.x.isinf().numpy(), start)
            if device.type != "cpu":
                batch = batch.to(device)
            yield rows, module, batch

    @property
    def n_hidden_values(self):
        """How many values a row is in the network's widest layer."""
        shape = self.codec.shape
        if shape[0] is None:
            longest = self.longest or self.net.module_.lengths.longest
            shape = (longest, *shape[1:])
        return self.architecture.n_hidden_values(shape)
