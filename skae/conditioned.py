"""The methods of a model whose rows have conditions: each takes `condition`."""

import numpy as np
from scipy.special import softmax
from sklearn.utils.validation import check_is_fitted

from skae.engine.seeds import draw_seed, make_generator
from skae.generative import check_count
from skae.validation import as_codes, as_rows, like_input


class ConditionedMixin:
    """Roles of a transformer and of a model, given conditions.

    The class that mixes this in learns `_conditions`, a :class:`Conditions`, and keeps
    some encoded rows of them, `_seen_conditions`.
    """

    # -- conditions of rows

    @property
    def conditions_(self):
        """The combinations of labels that y held."""
        check_is_fitted(self)
        return self._conditions.names

    @property
    def condition_prior_(self):
        """The share of the training rows that has each of `conditions_`."""
        check_is_fitted(self)
        return self._conditions.frequencies

    def _beside(self, X, condition):
        """Return the encoded conditions of validated rows: those given, or inferred."""
        if condition is not None:
            return self._conditions.encode(condition, X.shape[0])
        combinations = self._conditions.combinations
        if len(combinations) == 1:
            return np.tile(combinations, (X.shape[0], 1))
        return combinations[self._joint_bounds(X).argmax(axis=1)]

    def _joint_bounds(self, X):
        """Return the bound of log p(x, c) under each known condition, in nats."""
        bounds = [
            -self._row_losses(X, np.tile(combination, (X.shape[0], 1)))
            for combination in self._conditions.combinations
        ]
        return np.stack(bounds, axis=1) + np.log(self._conditions.frequencies)

    def condition_posterior(self, X):
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
        return softmax(self._joint_bounds(as_rows(self, X)), axis=1)

    # -- rows to codes and numbers

    def _encode(self, X, beside=None):
        return super()._encode(X, self._beside(X, None) if beside is None else beside)

    def transform(self, X, *, condition=None):
        """Encode rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        condition : array-like, default=None
            Of the rows, or one for all; None is the most probable of each.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components_)
            In the dtype of X if that is a float.
        """
        check_is_fitted(self)
        X = as_rows(self, X)
        return self._encode(X, self._beside(X, condition))

    def posterior(self, X, *, condition=None):
        """Return what the codes of rows may be: a normal distribution of each unit.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        condition : array-like, default=None
            Of the rows, or one for all; None is the most probable of each.

        Returns
        -------
        mean, std : ndarray of shape (n_samples, n_components_)
            The mean is what `transform` returns.
        """
        check_is_fitted(self)
        X = as_rows(self, X)
        return self._posterior(X, self._beside(X, condition))

    def score_samples(self, X, *, condition=None):
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
        X = as_rows(self, X)
        return -self._row_losses(X, self._beside(X, condition))

    def score(self, X, y=None):
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

    def log_likelihood(self, X, n_draws=100, random_state=None, *, condition=None):
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
        X = as_rows(self, X)
        generator = make_generator(draw_seed(random_state))
        return self._log_likelihood(X, n_draws, generator, self._beside(X, condition))

    def reconstruction_error(self, X, *, condition=None, per_feature=False):
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
        rows = as_rows(self, X)
        beside = self._beside(rows, condition)
        if per_feature:
            return like_input(self, X, self._cell_losses(rows, beside))
        return self._reconstruction_losses(rows, beside)

    # -- rows to rows

    def reconstruct(self, X, *, condition=None, from_condition=None):
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
        X = as_rows(self, X)
        if from_condition is None and not self._conditions.are_labels:
            from_condition = condition
        beside = self._beside(X, from_condition)
        if condition is None:
            return self._codec.restore(self._reconstruct(X, beside))
        read = self.net_.criterion_.reconstruction
        rows = self._map(
            X,
            lambda net, x: net.reconstruction_under(x, read),
            X.shape[1],
            beside=np.hstack((beside, self._beside(X, condition))),
        )
        return self._codec.restore(self._scaling.inverse(rows))

    def inverse_transform(self, X, *, condition=None):
        """Decode codes to rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components_)
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
            beside = self._conditions.encode(condition, len(codes))
            return self._codec.restore(self._decode(codes, beside))
        rows = 0.0
        for combination, share in zip(
            self._conditions.combinations, self._conditions.frequencies, strict=True
        ):
            beside = np.tile(combination, (len(codes), 1))
            rows += codes.dtype.type(share) * self._decode(codes, beside)
        return self._codec.restore(rows)

    def sample(
        self,
        n_samples=1,
        random_state=None,
        *,
        condition=None,
        latent="prior",
        draw=False,
    ):
        """Make new rows of the conditions asked for.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
        condition : array-like, default=None
            Of the new rows, or one for all; None draws those of training rows.
        latent : {"prior", "mixture"} or fitted model, default="prior"
            Where codes come from, see :meth:`VariationalAutoencoder.sample`.
        draw : bool, default=False
            Whether rows are drawn from the likelihood given the code, noise included,
            or are its mean.

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
            beside = rows.choice(self._seen_conditions, n_samples)
        else:
            beside = self._conditions.encode(condition, n_samples)
        return self._sample(n_samples, seed, latent, draw, beside)

    def interpolate(self, X_a, X_b, n_steps=10, *, condition=None):
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
        X_a, X_b = self._pair(X_a, X_b)
        ends = self._beside(X_a, None), self._beside(X_b, None)
        codes = self._interpolated(
            self._encode(X_a, ends[0]), self._encode(X_b, ends[1]), n_steps
        )
        if condition is None:
            beside = self._interpolated(*ends, n_steps)
        else:
            beside = self._conditions.encode(condition, X_a.shape[0])
            beside = np.repeat(beside[:, None], n_steps, axis=1)
        return self._decode_paths(codes, beside)

    def traverse(self, component, X=None, *, values=None, condition=None):
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
            X = as_rows(self, X)
            beside = self._beside(X, condition)
            codes = self._encode(X, beside)
        else:
            codes = np.zeros((1, self.n_components_))
            most = self._conditions.frequencies.argmax()
            beside = self._conditions.combinations[[most]]
            if condition is not None:
                beside = self._conditions.encode(condition, 1)
        codes = self._traversed(codes, component, values)
        return self._decode_paths(codes, np.repeat(beside[:, None], codes.shape[1], 1))
