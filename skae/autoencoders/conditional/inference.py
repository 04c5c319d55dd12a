"""Which condition rows have, by the bound of each."""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax
from sklearn.utils.validation import check_is_fitted

from skae.autoencoders.conditional.columns import NamedConditions
from skae.autoencoders.variational.evidence import EvidenceModel
from skae.data.frames import in_memory

_COMPARED = 4  # conditions of a row whose bound is computed to find the most probable


@dataclass(eq=False, repr=False, kw_only=True)
class ConditionInference(NamedConditions, EvidenceModel):
    """Base of models that tell the condition of rows for which none is given.

    The class that mixes this in has `_conditions`, a :class:`Conditions`.
    """

    _parameter_constraints = {
        **EvidenceModel._parameter_constraints,
        **NamedConditions._parameter_constraints,
    }

    @property
    def conditions_(self) -> np.ndarray:
        """The combinations of labels that y held."""
        check_is_fitted(self)
        return self._conditions.names

    @property
    def condition_prior_(self) -> np.ndarray:
        """The share of the training rows that has each of `conditions_`."""
        check_is_fitted(self)
        return self._conditions.frequencies

    def _samples(self, X, condition=None, name="X"):
        """Return X with the conditions of its rows: those given, or inferred."""
        X, known = self._parted(in_memory(X, name))
        samples = super()._samples(X, name)
        condition = known if condition is None else condition
        if condition is not None:
            condition = self._conditions.encode(condition, len(samples))
            return samples.given(condition)
        return samples.given(self._most_probable(samples))

    def _most_probable(self, samples):
        """Return the condition of each row that has the highest joint bound.

        Of many, those are compared whose loss at the mean code is lowest: the bound
        itself takes many decoded codes.
        """
        chosen = self._every_condition(samples)
        if chosen.shape[1] > _COMPARED:
            rough = self._joint_bounds(samples, chosen, at_mean=True)
            chosen = np.argpartition(-rough, _COMPARED, axis=1)[:, :_COMPARED]
        if chosen.shape[1] > 1:
            best = self._joint_bounds(samples, chosen).argmax(axis=1)
            chosen = np.take_along_axis(chosen, best[:, np.newaxis], axis=1)
        return self._conditions.combinations[chosen[:, 0]]

    def _every_condition(self, samples):
        """Return the numbers of all known combinations, for each row."""
        known = np.arange(len(self._conditions.combinations))
        return np.tile(known, (len(samples), 1))

    def _joint_bounds(self, samples, chosen, *, at_mean=False):
        """Return the bound of log p(x, c), in nats, under conditions chosen for rows.

        Parameters
        ----------
        samples : Samples
        chosen : ndarray of shape (n_samples, n_chosen)
            Their numbers among the known combinations.
        at_mean : bool
            Whether the mean code of a row stands for its posterior: faster, and rough.

        Returns
        -------
        ndarray of shape (n_samples, n_chosen)
        """
        combinations = self._conditions.combinations
        bounds = [
            -self._expected_losses(samples.given(combinations[numbers]), at_mean)
            for numbers in chosen.T
        ]
        return np.stack(bounds, axis=1) + np.log(self._conditions.frequencies[chosen])

    def condition_posterior(self, X) -> np.ndarray:
        """Return how probable each known condition is for rows, by the bound.

        Bayes' rule with the evidence lower bound in the place of the likelihood, and
        the shares of the training rows as the prior (Kingma et al. 2014).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_conditions)
            In the order of `conditions_`; each row sums to one.
        """
        check_is_fitted(self)
        samples = super()._samples(self._parted(in_memory(X))[0])
        chosen = self._every_condition(samples)
        return softmax(self._joint_bounds(samples, chosen), axis=1)
