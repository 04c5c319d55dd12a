"""Codes that are maps: units with a position, each made of what is there."""

import math

from torch import nn

from skae.architectures.maps import MapsLinear


class CodeOfMapsMixin:
    """For architectures whose code may be maps of `code_channels`, None for no maps.

    One that mixes this in has ``_maps(shape)``, the shapes of the maps of a row before
    and after each stage, `channels` and `tied`.
    """

    def code_shape(self, shape) -> tuple | None:
        """Return the shape of the maps that a code is; see :class:`Architecture`."""
        if self.code_channels is None:
            return None
        maps = self._maps(shape)
        if len(maps) == 1 or self.tied:
            raise ValueError(
                f"A code of maps (code_channels={self.code_channels}) needs a stage "
                "and no tied weights. Got channels="
                f"{self.channels!r}, tied={self.tied}."
            )
        return (self.code_channels, *maps[-1][1:])

    def make_head(self, shape, n_outputs, n_components) -> nn.Module:
        """Make what gives a code of the body's output; see :class:`Architecture`."""
        if self.code_channels is None:
            return super().make_head(shape, n_outputs, n_components)
        n_channels, *size = self._maps(shape)[-1]
        self._check_units(n_components, size)
        return MapsLinear(n_channels, self.code_channels, size)

    def _from_code(self, n_components, maps):
        """Make what gives the maps before the first stage of the decoder."""
        if self.code_channels is None:
            return nn.Linear(n_components, math.prod(maps))
        n_channels, *size = maps
        self._check_units(n_components, size)
        return MapsLinear(self.code_channels, n_channels, size)

    def _check_units(self, n_components, size):
        n_units = self.code_channels * math.prod(size)
        if n_components != n_units:
            raise ValueError(
                f"A code of maps holds {n_units} values here, and nothing beside them: "
                f"not {n_components}, as with conditions."
            )

    def _n_path(self, shape):
        """Return the values of the linear path: a code of maps has none."""
        return None if self.code_channels is not None else super()._n_path(shape)
