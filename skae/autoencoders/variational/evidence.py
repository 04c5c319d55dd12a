"""Variational models that are trained by the evidence bound, or by tighter ones."""

from dataclasses import dataclass
from numbers import Integral, Real

from skae._sklearn import Interval
from skae.autoencoders.variational.model import VariationalModel


@dataclass(eq=False, repr=False, kw_only=True)
class EvidenceModel(VariationalModel):
    """Base of variational autoencoders whose bound may have several draws."""

    free_bits: float = 0.0
    n_importance_samples: int = 1

    _parameter_constraints = {
        **VariationalModel._parameter_constraints,
        "free_bits": [Interval(Real, 0, None, closed="left")],
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
    }

    def _module_parameters(self):
        return {"n_draws": self.n_importance_samples}

    def _criterion_parameters(self):
        return {
            **super()._criterion_parameters(),
            "free_bits": self.free_bits,
            "n_draws": self.n_importance_samples,
        }

    def _resolve(self):
        super()._resolve()
        if self.free_bits and self.n_importance_samples > 1:
            raise ValueError(
                f"free_bits={self.free_bits} is for the evidence lower bound: it needs "
                f"n_importance_samples=1, not {self.n_importance_samples}."
            )
