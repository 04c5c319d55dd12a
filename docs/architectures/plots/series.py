"""Waves of unequal length through four numbers."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from skae import Autoencoder, Recurrent

rng = np.random.default_rng(0)
lengths = rng.integers(8, 21, 300)
speeds = rng.uniform(0.3, 0.9, 300)
X = [
    np.sin(speed * np.arange(n) + rng.uniform(0, 2 * np.pi))[:, None]
    for n, speed in zip(lengths, speeds, strict=True)
]
model = Autoencoder(
    4,
    architecture=Recurrent(cell="gru"),
    max_epochs=100,
    learning_rate=5e-3,
    random_state=0,
).fit(X[:200])
codes = model.transform(X[200:])
figure, axes = plt.subplots(2, 3, figsize=(7.5, 4), layout="constrained", sharey=True)
for ax, row, told in zip(
    axes.flat, X[200:], model.inverse_transform(codes), strict=False
):
    ax.plot(row, label="series")
    ax.plot(told, "--", label="from the code")
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
figure.supxlabel("step", fontsize="medium")
figure.legend(
    *axes[0, 0].get_legend_handles_labels(),
    loc="outside lower right",
    ncols=2,
    frameon=False,
)
figure.suptitle("Unseen series and what four numbers tell of them, length included")
