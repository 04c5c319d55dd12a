"""Outliers by what a variational model says of rows."""

from dataclasses import dataclass

from skae._sklearn import StrOptions
from skae.autoencoders.variational.explanations import (
    N_DRAWS,
    EvidenceExplainer,
)
from skae.roles.outliers import OutlierDetector


@dataclass(eq=False, repr=False, kw_only=True)
class LikelihoodDetector(EvidenceExplainer, OutlierDetector):
    """The outlier role of a :class:`VariationalModel`: scores in nats."""

    outlier_score: str = "elbo"

    _parameter_constraints = {
        **OutlierDetector._parameter_constraints,
        "outlier_score": [
            StrOptions({"elbo", "reconstruction_probability", "log_likelihood"})
        ],
    }

    def _resolve(self):
        super()._resolve()
        self._scored_by = self.outlier_score  # the threshold is one of these scores

    def _outlier_losses(self, samples):
        if self._scored_by == "elbo":
            return self._row_losses(samples)
        if self._scored_by == "reconstruction_probability":
            return self._expected_losses(samples, with_divergence=False)
        return -self._log_likelihood(samples, N_DRAWS, None)
