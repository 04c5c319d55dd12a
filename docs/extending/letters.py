"""An architecture of one's own, for strings of fixed length, with its codec."""

from dataclasses import KW_ONLY, dataclass
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval
from torch import nn

from skae.extending import Architecture, Codec


class LettersCodec(Codec):
    """Strings of one length to rows of their letters' numbers, and back."""

    is_table = False

    def rows(self, estimator, X, *, reset=False, name="X"):
        """Return the numbers of the letters, of shape (n_samples, n_letters)."""
        if not len(X):
            raise ValueError(f"{name} holds no string.")
        lengths = {len(text) for text in X}
        n_letters = lengths.pop() if reset else self.shape[0]
        if lengths - {n_letters}:
            raise ValueError(f"{name} holds strings that have not {n_letters} letters.")
        if reset:
            self.shape = (n_letters,)
            estimator.n_features_in_ = n_letters
        return np.array([[ord(letter) for letter in text] for text in X], dtype=float)

    def restore(self, values, leading=(), *, cells=False):
        """Return strings, or the values themselves where they are about letters."""
        if cells:
            return values
        letters = np.clip(np.round(values), 0, 0x10FFFF).astype(int)
        texts = np.array(["".join(map(chr, row)) for row in letters])
        return texts.reshape(leading) if leading else texts


class Body(nn.Sequential):
    """(n, n_letters) to (n, n_outputs)."""

    def __init__(self, n_letters, n_outputs):
        super().__init__(nn.Linear(n_letters, n_outputs), nn.Tanh())
        self.n_outputs = n_outputs


@dataclass(eq=False, repr=False)
class Letters(Architecture):
    """One hidden layer on either side of the code of a string.

    Parameters
    ----------
    n_hidden : int, default=16
        Units of the hidden layers.

    Examples
    --------
    >>> from skae import Autoencoder
    >>> plates = ["AB123", "AC124", "BB133", "BC223"] * 10
    >>> ae = Autoencoder(2, architecture=Letters(8), max_epochs=5, random_state=0)
    >>> ae.fit(plates).reconstruct(plates).shape
    (40,)
    """

    n_hidden: int = 16
    _: KW_ONLY

    _parameter_constraints = {"n_hidden": [Interval(Integral, 1, None, closed="left")]}

    def make_codec(self, X):
        """Make the codec of strings."""
        return LettersCodec()

    def make_body(self, shape, n_components):
        """Make the encoder without its head."""
        return Body(shape[0], self.n_hidden)

    def make_decoder(self, shape, n_components, body, head):
        """Make the decoder."""
        return nn.Sequential(
            nn.Linear(n_components, self.n_hidden),
            nn.Tanh(),
            nn.Linear(self.n_hidden, shape[0]),
        )
