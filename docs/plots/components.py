"""How many components a curved surface in ten noisy columns has, by two scores."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_s_curve

from skae import Autoencoder, VariationalAutoencoder

rng = np.random.default_rng(0)
surface = make_s_curve(700, random_state=0)[0]
X = surface @ rng.normal(size=(3, 10)) + 0.3 * rng.normal(size=(700, 10))
train, test = X[:500], X[500:]

widths = [1, 2, 3, 4, 6, 8]
scores = {"Autoencoder": [], "VariationalAutoencoder": []}
for k in widths:
    plain = Autoencoder(k, random_state=0).fit(train)
    variational = VariationalAutoencoder(k, random_state=0).fit(train)
    scores["Autoencoder"].append(plain.score(test))
    scores["VariationalAutoencoder"].append(variational.score(test))

figure, axes = plt.subplots(1, 2, figsize=(7.5, 3), layout="constrained")
for ax, (name, values), unit in zip(
    axes, scores.items(), ("minus squared error", "nats per row"), strict=True
):
    ax.plot(widths, values, marker="o")
    ax.set(xlabel="n_components", ylabel=f"held-out score, {unit}", title=name)
