"""Digits on request: the same codes under every label."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skae import BinaryCrossEntropy, ConditionalVariationalAutoencoder

X, y = load_digits(return_X_y=True)
X = X / 16
model = ConditionalVariationalAutoencoder(
    4, beta=0.3, loss=BinaryCrossEntropy(), max_epochs=60, random_state=0
).fit(X, y)
codes = np.random.default_rng(0).normal(size=(6, 4))
samples = [model.inverse_transform(codes, condition=digit) for digit in range(10)]
rows = X[y == 3][:6]
transferred = [model.reconstruct(rows, condition=digit) for digit in range(10)]
figure, axes = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
for ax, columns, title in zip(
    axes,
    (samples, transferred),
    ("A row for each code, a column for each label", "Threes, as every digit"),
    strict=True,
):
    grid = np.block(
        [[np.pad(c[i].reshape(8, 8), 1) for c in columns] for i in range(6)]
    )
    ax.imshow(grid, cmap="gray_r")
    ax.set(xticks=5 + 10 * np.arange(10), xticklabels=range(10), yticks=[], title=title)
