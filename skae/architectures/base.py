"""The protocol of architectures: parameter objects that make bodies and decoders."""

from sklearn.base import BaseEstimator


class Architecture(BaseEstimator):
    """Base of the architectures.

    A subclass is a keyword dataclass of its parameters and defines
    :meth:`make_body` and :meth:`make_decoder`. It never hears of penalties or devices,
    nor what a code means: the objective puts the head between body and decoder.
    """

    _parameter_constraints = {}

    @property
    def starts_linear(self):
        """Whether :meth:`start_linear` is wanted before training."""
        return False

    def make_body(self, n_features, n_components):
        """Make the encoder without its head.

        Parameters
        ----------
        n_features : int
        n_components : int
            The width of the code that the head will make of the body's output.

        Returns
        -------
        torch.nn.Module
            From (n_samples, n_features) to (n_samples, n_outputs); its attribute
            `n_outputs` says how many those are.
        """
        raise NotImplementedError(f"{type(self).__name__} must define make_body.")

    def make_decoder(self, n_features, n_components, body, head):
        """Make the decoder.

        Parameters
        ----------
        n_features, n_components : int
        body, head : torch.nn.Module
            The encoder's, for a decoder that shares its weights.

        Returns
        -------
        torch.nn.Module
            From (n_samples, n_components) to (n_samples, n_features).
        """
        raise NotImplementedError(f"{type(self).__name__} must define make_decoder.")

    def start_linear(self, module, encoding, decoding):
        """Set the weights so that the module is two linear maps, row to code to row.

        Parameters
        ----------
        module : torch.nn.Module
            With `body`, `head` and `decoder`.
        encoding, decoding : Tensor of shape (n_axes, n_features)
            What each component is in terms of the features, and what it adds to them;
            at most n_components of them.
        """
        raise NotImplementedError(f"{type(self).__name__} has no linear path.")

    def start_effects(self, module, effects):
        """Set the weights so that the last components add these rows to the output.

        Does nothing here: where there is no linear path, they stay random.

        Parameters
        ----------
        module : torch.nn.Module
            With `decoder`.
        effects : Tensor of shape (n_effects, n_features)
            Of each of the last n_effects inputs of the decoder.
        """
