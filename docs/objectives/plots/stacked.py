"""Validation error over all epochs, with layers trained first and without."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skae import Autoencoder, DenoisingAutoencoder, Dense, StackedAutoencoder

X = load_digits().data / 16
train, test = X[:1200], X[1200:]
shared = dict(
    architecture=Dense((48, 32, 16), activation="sigmoid", shortcut=None),
    random_state=0,
)
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
plain = Autoencoder(8, max_epochs=100, **shared).fit(train, X_val=test)
ax.plot([row["valid_loss"] for row in plain.history_], color="k", label="random start")
for layer_epochs in (5, 10, 20):
    stacked = StackedAutoencoder(
        8,
        layer=DenoisingAutoencoder(max_epochs=layer_epochs),
        max_epochs=100 - 4 * layer_epochs,
        **shared,
    ).fit(train, X_val=test)
    losses = [row["valid_loss"] for row in stacked.history_]
    epochs = 4 * layer_epochs + np.arange(len(losses))
    ax.plot(epochs, losses, label=f"layers first, {layer_epochs} epochs each")
ax.set(
    xlabel="epochs in all",
    ylabel="squared error",
    ylim=0,
    title="Unseen digits, 64-48-32-16-8, sigmoid layers",
)
ax.legend(frameon=False)
