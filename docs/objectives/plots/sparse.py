"""Activity and held-out error over the parameter of each sparsity."""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skae import L1, BatchTopK, KLSparsity, SparseAutoencoder, TopK

X = load_digits().data / 16
train, test = X[:1200], X[1200:]
panels = {
    "L1(weight)": [L1(weight) for weight in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)],
    "KLSparsity(target)": [KLSparsity(target) for target in (0.02, 0.05, 0.1, 0.2)],
    "TopK(k)": [TopK(k) for k in (2, 5, 10, 20, 40)],
    "BatchTopK(k)": [BatchTopK(k) for k in (2, 5, 10, 20, 40)],
}


def label(value):
    """Return 0.0001 as 1e-4, and others as they are."""
    return f"{value:g}" if value >= 0.001 else f"{value:.0e}".replace("e-0", "e-")


figure, axes = plt.subplots(2, 2, figsize=(8, 6.8), layout="constrained")
for ax, (title, sparsities) in zip(axes.flat, panels.items(), strict=True):
    values, active, errors = [], [], []
    for sparsity in sparsities:
        model = SparseAutoencoder(
            128, sparsity=sparsity, max_epochs=25, random_state=0
        ).fit(train)
        values.append(next(iter(vars(sparsity).values())))
        active.append(sparsity.is_active(model.transform(test)).mean())
        errors.append(-model.score(test))
    ax.semilogx(values, active, marker="o", color="C0")
    ax.set(xlabel=title, ylim=0)
    ax.set_ylabel("share of units active", color="C0")
    twin = ax.twinx()
    twin.semilogx(values, errors, marker="s", ls="--", color="C1")
    twin.set_ylim(0)
    twin.set_ylabel("squared error", color="C1")
    for one in (ax, twin):
        one.minorticks_off()
        one.set(xticks=values, xticklabels=map(label, values))
figure.suptitle("Unseen digits, 128 units")
