"""Norm of the Jacobian and held-out error over the weight of the contraction."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skae import ContractiveAutoencoder, Dense

X = load_digits().data / 16
train, test = X[:1200], X[1200:]
weights = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for name, architecture in {
    "one layer": Dense(()),
    "Dense((64,))": Dense((64,)),
}.items():
    models = [
        ContractiveAutoencoder(
            32,
            contraction_weight=weight,
            architecture=architecture,
            max_epochs=25,
            random_state=0,
        ).fit(train)
        for weight in weights
    ]
    norms = [np.mean(model.jacobian_norm(test)) for model in models]
    errors = [-model.score(test) for model in models]
    axes[0].semilogx(weights, norms, marker="o", label=name)
    axes[1].semilogx(weights, errors, marker="o", label=name)
axes[0].set(xlabel="contraction_weight", ylabel="jacobian_norm, mean", ylim=0)
axes[1].set(xlabel="contraction_weight", ylabel="squared error", ylim=0)
axes[0].legend(frameon=False)
figure.suptitle("Unseen digits, 32 components")
