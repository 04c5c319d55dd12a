"""What a conditional model does: every method takes the conditions of its rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae.autoencoders.conditional.encoding import Conditions
from skae.autoencoders.conditional.inference import ConditionInference
from skae.autoencoders.conditional.module import ConditionalModule
from skae.autoencoders.conditional.start import start_at_conditions
from skae.autoencoders.variational.explanations import EvidenceExplainer
from skae.data.checks import as_codes
from skae.data.frames import in_memory
from skae.data.reservoir import sampled
from skae.roles.latent import check_count, interpolated
from skae.training.seeds import draw_seed, make_generator


@dataclass(eq=False, repr=False, kw_only=True)
class ConditionalModel(EvidenceExplainer, ConditionInference):
    """Base of conditional variational autoencoders.

    The class that mixes this in has `continuous`, learns `_conditions` (a
    :class:`Conditions`) and keeps some encoded rows of them, `_seen_conditions`.
    """

    # -- the objective

    module_class = ConditionalModule
    _latent = "prior"

    def _module_parameters(self):
        n_conditions = self._conditions.n_outputs
        return {**super()._module_parameters(), "n_conditions": n_conditions}

    def _start(self, start):
        if not self.architecture_.has_linear_start(self._codec.shape):
            self._start_at_mean_row(start)
            return
        start_at_conditions(
            self.net_,
            self.architecture_,
            start.samples,
            self._fields.scaling,
            self._conditions,
            self.loss_,
            self._first_rows(start.samples),
            start.scales,
        )

    def _learn_conditions(self, X, y, *, anew):
        """Return what is known of training rows: their encoded conditions."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None. It holds the condition of each row."
            )
        if anew or not hasattr(self, "_conditions"):
            self._conditions = Conditions(y, self.continuous)
            self._learn_types(y)
        return {"condition": self._conditions.encode(y, name="y")}

    def _summarise(self, samples, rng, n_seen):
        super()._summarise(samples, rng, n_seen)
        known = self._seen_conditions if n_seen else samples.condition[:0]
        self._seen_conditions = sampled(known, samples.condition, n_seen, rng)
        if n_seen:
            self._conditions.add(samples.condition, n_seen)

    def _plain_parts(self):
        raise AttributeError(
            "Plain modules are of rows without conditions. Use net_.module_, which "
            "takes a Batch."
        )

    # -- rows to codes and numbers

    def transform(self, X, *, condition=None) -> np.ndarray:
        """Encode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        condition : array-like, default=None
            Of the rows, or one for all; None is the most probable of each.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            In the dtype of X if that is a float.
        """
        check_is_fitted(self)
        return self._encode(self._samples(X, condition))

    def posterior(self, X, *, condition=None) -> tuple[np.ndarray, np.ndarray]:
        """Return what the codes of rows may be: a normal distribution of each unit.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        condition : array-like, default=None
            Of the rows, or one for all; None is the most probable of each.

        Returns
        -------
        mean, std : ndarray of shape (n_samples, n_components)
            The mean is what `transform` returns.
        """
        check_is_fitted(self)
        return self._posterior(self._samples(X, condition))

    def score_samples(self, X, *, condition=None) -> np.ndarray:
        """Return the evidence lower bound of rows, given their condition.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        condition : array-like, default=None
            Of the rows, or one for all; None is the most probable of each.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            In nats; higher is more normal.
        """
        check_is_fitted(self)
        return -self._outlier_losses(self._samples(X, condition))

    def _outlier_losses(self, samples):
        """Return minus the scores of samples."""
        return self._row_losses(samples)

    def explain(
        self, X, *, condition=None, method="auto", return_expected=False
    ) -> Any:
        """Tell which columns make a row strange: the share of each in its score.

        As :meth:`VariationalAutoencoder.explain`, but that one column at most is taken
        out of a row, as there is no threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        condition : array-like, default=None
            Of the rows, or one for all; None is the most probable of each.
        method : {"auto", "removal", "loss"}, default="auto"
            Whether columns are taken out of tables, or have their losses.
        return_expected : bool, default=False
            Whether to return what was expected in the place of X, too.

        Returns
        -------
        shares : frame of shape (n_samples, n_features + 1), or array or list like X
            In nats; they sum to minus `score_samples`.
        expected : like X
            Returned if `return_expected` is True.
        """
        check_is_fitted(self)
        explained = self._explain(X, method, return_expected, condition)
        known = self._parted(in_memory(X))[1]
        if not return_expected or known is None:
            return explained
        return explained[0], self._with_condition(explained[1], None, known)

    def score(self, X, y=None) -> float:
        """Return the mean evidence lower bound of rows, given their condition.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like, default=None
            The conditions; None is the most probable of each row.

        Returns
        -------
        score : float
            In nats per row.
        """
        return float(self.score_samples(X, condition=y).mean())

    def log_likelihood(
        self, X, n_draws=100, random_state=None, *, condition=None
    ) -> np.ndarray:
        """Estimate the logarithm of the density of rows, given their condition.

        The importance-weighted bound of Burda et al. (2016), as
        :meth:`VariationalAutoencoder.log_likelihood`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        n_draws : int, default=100
            Draws of the code of each row. Memory does not grow with it.
        random_state : int, RandomState instance or None, default=None
        condition : array-like, default=None
            Of the rows, or one for all; None is the most probable of each.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, of the density of rows in units of X.
        """
        check_is_fitted(self)
        check_count("n_draws", n_draws)
        generator = make_generator(draw_seed(random_state))
        return self._log_likelihood(self._samples(X, condition), n_draws, generator)

    def reconstruction_error(self, X, *, condition=None, per_feature=False) -> Any:
        """Return the loss of each row's reconstruction, or of each of its cells.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        condition : array-like, default=None
            Of the rows, or one for all; None is the most probable of each.
        per_feature : bool, default=False
            Whether to return the cells. Their sum over a row is the row's.

        Returns
        -------
        error : ndarray of shape (n_samples,), or (n_samples, n_features)
            In nats. Per feature it is a frame with the names of the features if X is
            one.
        """
        check_is_fitted(self)
        return self._errors(X, per_feature, condition)

    # -- rows to rows

    def reconstruct(self, X, *, condition=None, from_condition=None) -> Any:
        """Encode rows and decode them, under another condition if one is given.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        condition : array-like, default=None
            To decode under, of each row or one for all; None is that of the encoder.
        from_condition : array-like, default=None
            To encode under. None is the most probable of each row; where a column of
            the conditions is continuous and `condition` is given, it is that.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of X.
        """
        check_is_fitted(self)
        X = in_memory(X)
        if from_condition is None and not self._conditions.are_labels:
            from_condition = condition
        samples = self._samples(X, from_condition)
        if condition is None:
            known = None if from_condition is not None else self._parted(X)[1]
            rows = self._codec.restore_like(self._reconstruct(samples), X)
            return self._with_condition(rows, samples.condition, known)
        condition = self._conditions.encode(condition, len(samples))
        lengths = getattr(samples.X, "lengths", None)
        codes = self._encode(samples)
        rows = self._decode(codes, condition, lengths=lengths)
        return self._with_condition(self._codec.restore_like(rows, X), condition)

    def inverse_transform(self, X, *, condition=None) -> Any:
        """Decode codes to rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
        condition : array-like, default=None
            Of the rows, or one for all. None is the mean over `conditions_`, weighted
            by `condition_prior_`: what the model expects of a code alone. Where lengths
            vary there is no such mean: it is the most frequent of them.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of the training rows.
        """
        check_is_fitted(self)
        codes = as_codes(self, X, self.n_components_)
        if condition is None and None in self.input_shape_:
            condition = self._conditions.names[self._conditions.frequencies.argmax()]
        if condition is not None:
            condition = self._conditions.encode(condition, len(codes))
            rows = self._codec.restore_new(self._decode(codes, condition), X)
            return self._with_condition(rows, condition)
        rows = 0.0
        for combination, share in zip(
            self._conditions.combinations, self._conditions.frequencies, strict=True
        ):
            condition = np.tile(combination, (len(codes), 1))
            rows += codes.dtype.type(share) * self._decode(codes, condition)
        mean = self._conditions.frequencies @ self._conditions.combinations
        rows = self._codec.restore_new(rows, X)
        return self._with_condition(rows, np.tile(mean, (len(codes), 1)))

    def sample(
        self,
        n_samples=1,
        random_state=None,
        *,
        condition=None,
        latent="auto",
        draw="auto",
    ) -> Any:
        """Make new rows of the conditions asked for.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
        condition : array-like, default=None
            Of the new rows, or one for all; None draws those of training rows.
        latent : str or fitted model, default="auto"
            Where codes come from, see :meth:`VariationalAutoencoder.sample`. "flow" and
            "columns" are given the condition, the mixture is of all codes. "auto": of
            frames with categories "columns", else the prior.
        draw : bool or "auto", default="auto"
            Whether rows are drawn from the likelihood given the code, noise included,
            or are its mean. "auto": of frames with categories, else their mean.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            In units of the training rows.
        """
        check_is_fitted(self)
        check_count("n_samples", n_samples)
        seed = draw_seed(random_state)
        if condition is None:
            rows = np.random.default_rng([seed, 1])
            condition = rows.choice(self._seen_conditions, n_samples)
        else:
            condition = self._conditions.encode(condition, n_samples)
        rows = self._sample(n_samples, seed, latent, draw, condition)
        return self._with_condition(rows, condition)

    def interpolate(self, X_a, X_b, n_steps=10, *, condition=None) -> Any:
        """Decode the straight paths between the codes of pairs of rows.

        Parameters
        ----------
        X_a, X_b : array-like of shape (n_samples, n_features)
            Where paths begin and end, each encoded under its most probable condition.
        n_steps : int, default=10
            Both ends included.
        condition : array-like, default=None
            To decode under, of each path or one for all. None is that of the ends,
            blended along the path as the codes are.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_steps, n_features)
        """
        check_is_fitted(self)
        start, end = self._pairs(self._samples(X_a, name="X_a"), X_b)
        codes = interpolated(self._encode(start), self._encode(end), n_steps)
        if condition is None:
            conditions = interpolated(start.condition, end.condition, n_steps)
        else:
            conditions = self._conditions.encode(condition, len(start))
            conditions = np.repeat(conditions[:, None], n_steps, axis=1)
        return self._decode_paths(codes, conditions)

    def traverse(self, component, X=None, *, values=None, condition=None) -> Any:
        """Decode codes in which one component takes a range of values.

        Parameters
        ----------
        component : int
            Which; the others stay.
        X : array-like of shape (n_samples, n_features), default=None
            Rows whose codes to start from; None is the prior's mean, a code of zeros.
        values : array-like of shape (n_values,), default=None
            None is 11 values from -3 to 3.
        condition : array-like, default=None
            Of the rows, or one for all; None is the most probable of each, and without
            X the most frequent.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_values, n_features)
            Of one sample for ``X=None``.
        """
        check_is_fitted(self)
        if X is not None:
            samples = self._samples(X, condition)
            codes, conditions = self._encode(samples), samples.condition
        else:
            codes = np.zeros((1, self.n_components_))
            most = self._conditions.frequencies.argmax()
            conditions = self._conditions.combinations[[most]]
            if condition is not None:
                conditions = self._conditions.encode(condition, 1)
        values = np.linspace(-3, 3, 11) if values is None else values
        codes = self._traversed(codes, component, values)
        return self._decode_paths(
            codes, np.repeat(conditions[:, None], codes.shape[1], 1)
        )
