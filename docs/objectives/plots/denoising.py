"""Held-out error from noisy rows, over the noise of training."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skae import DenoisingAutoencoder, GaussianNoise

X = load_digits().data / 16
train, test = X[:1200], X[1200:]
draws = np.random.default_rng(0).normal(size=test.shape) * train.std(axis=0)
scales = (0.0, 0.1, 0.3, 0.6, 1.0, 1.5)
models = [
    DenoisingAutoencoder(
        16, corruption=GaussianNoise(scale), max_epochs=25, random_state=0
    ).fit(train)
    for scale in scales
]
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for level in (0.0, 0.3, 0.6, 1.0):
    errors = [
        np.mean((model.reconstruct(test + level * draws) - test) ** 2)
        for model in models
    ]
    ax.plot(scales, errors, marker="o", label=f"{level:g}")
ax.set(
    xlabel="GaussianNoise(scale) in training",
    ylabel="squared error of the clean row",
    title="Unseen digits, 16 components",
    ylim=0,
)
ax.legend(title="noise of the row", frameon=False)
