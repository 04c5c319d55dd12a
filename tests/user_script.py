"""A user's script as a type checker reads it: ``mypy --strict tests/user_script.py``.

The tests run it as well.
"""

from dataclasses import dataclass
from typing import Any, assert_type

import numpy as np
import torch
from torch import nn

from skae import (
    Autoencoder,
    ConditionalVariationalAutoencoder,
    ContractiveAutoencoder,
    Convolutional,
    Corruption,
    DenoisingAutoencoder,
    Dense,
    Gaussian,
    Loss,
    MaskingNoise,
    SlidingWindows,
    SparseAutoencoder,
    TopK,
    VariationalAutoencoder,
)

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 5)), np.arange(60) % 3

model = Autoencoder(2, architecture=Dense((8,)), max_epochs=2, random_state=0).fit(X)
assert_type(model, Autoencoder)
assert_type(model.partial_fit(X), Autoencoder)
assert_type(model.transform(X), np.ndarray)
assert_type(model.score_samples(X), np.ndarray)
assert_type(model.decision_function(X), np.ndarray)
assert_type(model.predict(X), np.ndarray)
assert_type(model.hidden_representation(X, 0), np.ndarray)
assert_type(model.score(X), float)
assert_type(model.device_, str)
assert_type(model.encoder_, nn.Module)
rows: np.ndarray = model.inverse_transform(model.transform(X))
errors: np.ndarray = model.reconstruction_error(X, per_feature=True)
paths: np.ndarray = model.interpolate(X[:3], X[3:6], n_steps=4)
names: list[str] = list(model.get_feature_names_out())
history: list[dict[str, Any]] = model.history_
threshold: float = model.offset_

variational = VariationalAutoencoder(2, loss=Gaussian(), max_epochs=2).fit(X)
assert_type(variational, VariationalAutoencoder)
assert_type(variational.log_likelihood(X, n_draws=3), np.ndarray)
assert_type(variational.posterior(X), tuple[np.ndarray, np.ndarray])
made: np.ndarray = variational.sample(3, random_state=np.random.RandomState(0))

conditional = ConditionalVariationalAutoencoder(2, max_epochs=2).fit(X, y)
assert_type(conditional, ConditionalVariationalAutoencoder)
assert_type(conditional.condition_posterior(X), np.ndarray)
assert_type(conditional.transform(X, condition=y), np.ndarray)

contractive = ContractiveAutoencoder(2, max_epochs=2).fit(X)
assert_type(contractive.jacobian_norm(X), np.ndarray)
SparseAutoencoder(8, sparsity=TopK(2), max_epochs=2).fit(X)
DenoisingAutoencoder(2, corruption=MaskingNoise(0.2), max_epochs=2).fit(X)
windows: np.ndarray = SlidingWindows(8, stride=2).fit(X).transform(X)
Autoencoder(2, architecture=Convolutional([4], kernel_size=2), max_epochs=2).fit(
    windows
)


@dataclass(eq=False, repr=False, kw_only=True)
class Power(Loss):
    """A loss of a user's own."""

    exponent: float = 4.0

    def per_element(self, output: torch.Tensor, x: torch.Tensor) -> Any:
        return (self.reconstruction(output) - x).abs() ** self.exponent


class Shift(Corruption):
    """A corruption of a user's own."""

    def corrupt(self, x: torch.Tensor, columns: Any, generator: Any) -> Any:
        return x + columns.std


assert_type(Power().activation(), nn.Module)
Autoencoder(2, loss=Power(exponent=3.0), corruption=Shift(), max_epochs=2).fit(X)
