"""A trained autoencoder as plain torch modules, for code that knows nothing of skae."""

import copy
from typing import Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae.data.batch import Batch

_OF_DECODER = ("decoder.", "lengths.")  # names of weights


class TorchModules:
    """Encoder and decoder from tensor to tensor, in units of X, in float32.

    A class that mixes this in has `net_`, `_codec`, `_fields`, `_samples`,
    `_summarise` and `_fitting`.
    """

    @property
    def encoder_(self) -> nn.Module:
        """Rows in units of X to codes: a module of its own, in evaluation mode."""
        return Encoder(*self._plain_parts())

    @property
    def decoder_(self) -> nn.Module:
        """Codes to rows in units of X: a module of its own, in evaluation mode."""
        module, shape, centre, scale = self._plain_parts()
        read = copy.deepcopy(self.net_.criterion_.loss).reconstruction
        return Decoder(module, shape, centre, scale, read)

    @property
    def reconstructor_(self) -> nn.Module:
        """Rows to their reconstructions, both in units of X: a module of its own.

        Its two parts are an encoder and a decoder; weights that are tied are one.
        """
        encoder, decoder = self.encoder_, self.decoder_
        decoder.module = encoder.module
        return nn.Sequential(encoder, decoder).eval()

    def set_modules(self, X, *, encoder=None, decoder=None) -> Self:
        """Take over the weights of plain modules that were trained elsewhere.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows that they were trained on, or others like them: what `fit` learns
            of a trained network, such as the threshold of outliers, is learned anew.
        encoder : torch.nn.Module or None, default=None
            `encoder_`, or the first part of `reconstructor_`, of this estimator or a
            copy of it.
        decoder : torch.nn.Module or None, default=None
            `decoder_`, or the second part of `reconstructor_`. Weights that it is tied
            to are the encoder's.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a module is of another network, or its weights are not finite. The
            estimator is then as it was before the call.
        """
        check_is_fitted(self)
        net, before = self.net_, self.net_.weights()
        try:
            with self._fitting():
                for name, part, kind in (
                    ("encoder", encoder, Encoder),
                    ("decoder", decoder, Decoder),
                ):
                    if part is not None:
                        net.module_.load_state_dict(self._part(name, part, kind))
                net.ready()
                samples = self._samples(X)
                self.n_samples_seen_ = len(samples)
                self._summarise(samples, np.random.default_rng(net.seed), 0)
        except BaseException:
            net.load_weights(before)
            net.ready()
            raise
        return self

    def _part(self, name, part, kind):
        """Return the weights of the net with those of a plain module in their place."""
        if not isinstance(part, kind):
            raise ValueError(
                f"{name} must be {name}_ of this estimator, trained further, not of "
                f"type {type(part).__name__}."
            )
        state = self.net_.module_.state_dict()
        given = part.module.state_dict()
        shapes = {key: value.shape for key, value in state.items()}
        if shapes != {key: value.shape for key, value in given.items()}:
            raise ValueError(
                f"{name} is of another network than that of this estimator."
            )
        for key, value in given.items():
            if key.startswith(_OF_DECODER) == (name == "decoder"):
                if not torch.isfinite(value).all():
                    raise ValueError(f"The weights {key!r} of {name} are not finite.")
                state[key] = value
        return state

    def _plain_parts(self):
        check_is_fitted(self)
        shape = self._codec.shape
        if None in shape:
            raise AttributeError(
                "Plain modules are for rows of one shape. Use net_.module_, which "
                "takes a Batch."
            )
        module = copy.deepcopy(self.net_.module_for(np.float32)).eval()
        scaling = self._fields.scaling
        n_values = int(np.prod(shape))
        centre = np.zeros(n_values) if scaling.centre is None else scaling.centre
        return module, shape, centre, np.broadcast_to(scaling.scale, n_values)


class _InUnits(nn.Module):
    """Holds a trained module, and what rows are centred and divided by."""

    def __init__(self, module, shape, centre, scale):
        super().__init__()
        self.module = module
        self.shape = shape
        like = next(module.parameters())
        for name, values in (("centre", centre), ("scale", scale)):
            self.register_buffer(name, torch.tensor(np.array(values)).to(like))
        self.eval()


class Encoder(_InUnits):
    """(n, *shape) or (n, n_values) in units of X to codes (n, n_components)."""

    def forward(self, x):
        """Return the codes of rows."""
        x = x.flatten(1).to(self.centre.dtype)
        return self.module.encode(Batch((x - self.centre) / self.scale))


class Decoder(_InUnits):
    """Codes (n, n_components) to rows (n, *shape) in units of X."""

    def __init__(self, module, shape, centre, scale, read):
        super().__init__(module, shape, centre, scale)
        self.read = read

    def forward(self, code):
        """Return the rows that codes stand for."""
        code = code.to(self.centre.dtype)
        rows = self.read(self.module.decode(code, Batch()))
        return (rows * self.scale + self.centre).unflatten(1, self.shape)
