"""Dependence of units and the bound, over the weight of either objective."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits

from skae import BetaTCVAE, BinaryCrossEntropy, VariationalAutoencoder
from skae.autoencoders.total_correlation import total_correlation

X = load_digits().data / 16


def dependence(model):
    """Return the total correlation of the codes of all rows, in nats."""
    mean, std = model.posterior(X)
    codes = mean + std * np.random.default_rng(0).normal(size=mean.shape)
    parts = [torch.from_numpy(part) for part in (codes, mean, 2 * np.log(std))]
    return total_correlation(*parts, len(X)).mean()


figure, ax = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
for kind, marker, betas in (
    (VariationalAutoencoder, "s", (1, 1.5, 2)),
    (BetaTCVAE, "o", (1, 2, 4, 8)),
):
    models = [
        kind(
            8,
            beta=beta,
            loss=BinaryCrossEntropy(),
            max_epochs=40,
            batch_size=128,
            early_stopping=False,
            random_state=0,
        ).fit(X)
        for beta in betas
    ]
    x = [dependence(model) for model in models]
    y = [model.score(X) for model in models]
    ax.plot(x, y, marker=marker, label=kind.__name__)
    # Below the lower line, above the upper one; both begin at beta = 1.
    below = kind is VariationalAutoencoder
    for beta, *place in zip(betas, x, y, strict=True):
        if beta > 1 or below:
            ax.annotate(
                f"{beta:g}",
                place,
                xytext=(6, -8) if below else (0, 8),
                textcoords="offset points",
                ha="left" if below else "center",
                va="top" if below else "bottom",
            )
ax.set(
    xlabel="total correlation (nats)",
    ylabel="ELBO (nats per row)",
    title="Digits, 8 components; numbers are beta",
)
ax.margins(0.08, 0.12)
ax.legend()
