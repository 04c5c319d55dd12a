"""The two terms of the bound, and samples, over beta."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skae import BinaryCrossEntropy, VariationalAutoencoder

X = load_digits().data / 16
betas = (0.03, 0.1, 0.3, 1, 2)
models = [
    VariationalAutoencoder(
        16,
        beta=beta,
        loss=BinaryCrossEntropy(),
        max_epochs=40,
        early_stopping=False,
        random_state=0,
    ).fit(X)
    for beta in betas
]
figure, (left, right) = plt.subplots(
    1, 2, figsize=(8, 3.4), layout="constrained", width_ratios=(1.2, 1)
)
last = [model.history_[-1] for model in models]
kl = [row["train_kl"] for row in last]
errors = [row["train_reconstruction"] for row in last]
left.plot(kl, errors, marker="o")
for beta, model, x, y in zip(betas, models, kl, errors, strict=True):
    text = f"  beta {beta:g}, {len(model.active_units_)} active"
    left.annotate(text, (x, y), va="bottom")
left.set(
    xlabel="divergence (nats per row)",
    ylabel="reconstruction (nats per row)",
    title="Digits, 16 components",
    xlim=(0, 1.9 * max(kl)),
    ylim=(min(errors) - 0.5, max(errors) + 1),
)
rows = [
    np.pad(model.sample(6, random_state=0).reshape(6, 8, 8), ((0, 0), (1, 1), (1, 1)))
    for model in models
]
right.imshow(np.block([list(row) for row in rows]), cmap="gray_r")
right.set(
    xticks=[], yticks=5 + 10 * np.arange(5), yticklabels=betas, title="Samples, by beta"
)
