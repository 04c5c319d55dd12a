"""The width of a code by what it is for: a classifier behind it."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skae import Autoencoder


def smallest_good(results):
    """Return the place of the smallest width within a standard error of the best."""
    mean = results["mean_test_score"]
    error = results["std_test_score"] / np.sqrt(3)  # of three folds
    return np.flatnonzero(mean >= mean.max() - error[mean.argmax()])[0]


X, y = load_digits(return_X_y=True)
search = GridSearchCV(
    make_pipeline(Autoencoder(max_epochs=20, random_state=0), KNeighborsClassifier()),
    {"autoencoder__n_components": [2, 4, 8, 16, 32]},  # in ascending order
    cv=3,
    refit=smallest_good,
).fit(X, y)

results = search.cv_results_
widths = [p["autoencoder__n_components"] for p in results["params"]]
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.errorbar(
    widths,
    results["mean_test_score"],
    results["std_test_score"] / np.sqrt(3),
    marker="o",
    capsize=3,
)
ax.axvline(search.best_params_["autoencoder__n_components"], color="k", ls=":")
ax.set_xscale("log", base=2)
ax.set(xticks=widths, xticklabels=widths, xlabel="n_components", ylabel="accuracy")
