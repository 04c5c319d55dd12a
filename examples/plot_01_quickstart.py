"""
PCA and an autoencoder, side by side
====================================

One line of a pipeline changes. What does it change on real data?

On scikit-learn's handwritten digits we swap ``PCA(k)`` for ``Autoencoder(k)`` in the
same pipeline code and measure the three things that one fitted object is good for: how
well it reconstructs unseen rows, what a classifier makes of its codes, and how well its
scores give away a digit that it has never seen.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skae import Autoencoder

# Sphinx-Gallery runs this file too, and keeps the figures itself.
OUTPUT = Path("quickstart-output")
IN_GALLERY = "__file__" not in globals()

X, y = load_digits(return_X_y=True)
X = X / 16  # pixels in [0, 1]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)
reducers = {"PCA": PCA, "Autoencoder": Autoencoder}


def make(name, n_components):
    """Make a reducer: the only line that differs."""
    return reducers[name](n_components, random_state=0)


# %%
# Reconstruction and classification
# ---------------------------------
# The same pipeline code for both, at three widths of the code.


def squared_error(model, X):
    """Return the mean squared error of the reconstruction, in units of X squared."""
    return np.mean((model.inverse_transform(model.transform(X)) - X) ** 2)


rows = []
for name in reducers:
    for n_components in (2, 8, 16):
        reducer = make(name, n_components)
        pipe = make_pipeline(reducer, LogisticRegression(max_iter=5000))
        pipe.fit(X_train, y_train)
        rows.append(
            {
                "model": name,
                "components": n_components,
                "test error": squared_error(reducer, X_test),
                "accuracy": pipe.score(X_test, y_test),
            }
        )

# %%
# A digit never seen
# ------------------
# One digit is held out of training; the score of a row is minus its squared
# reconstruction error. How well do the scores tell that digit from the others?

NEW_DIGIT = 4
for row in rows:
    model = make(row["model"], row["components"]).fit(X_train[y_train != NEW_DIGIT])
    reconstructed = model.inverse_transform(model.transform(X_test))
    error = np.mean((reconstructed - X_test) ** 2, axis=1)
    row["new digit, AUC"] = roc_auc_score(y_test == NEW_DIGIT, error)

table = pd.DataFrame(rows).set_index(["components", "model"]).sort_index()
print(table.round(4).to_string())

# %%
# Reconstructions
# ---------------
# Eight components: the originals, then PCA's and the autoencoder's attempts.

fitted = {name: make(name, 8).fit(X_train) for name in reducers}
shown = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
images = {"original": X_test[shown]}
for name, model in fitted.items():
    images[name] = model.inverse_transform(model.transform(X_test[shown]))

reconstructions, axes = plt.subplots(3, 10, figsize=(9, 3.1), layout="constrained")
for line, (name, pictures) in zip(axes, images.items(), strict=True):
    for ax, picture in zip(line, pictures, strict=True):
        ax.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name)
reconstructions.suptitle("Unseen digits through eight components")

# %%
# Codes of two components
# -----------------------

codes, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
for ax, name in zip(axes, reducers, strict=True):
    points = make(name, 2).fit(X_train).transform(X_test)
    for digit in range(10):
        ax.scatter(
            *points[y_test == digit].T, s=12, color=f"C{digit}", label=str(digit)
        )
    ax.set(title=name, xlabel="component 1", ylabel="component 2")
axes[1].legend(title="digit", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
codes.suptitle("Two-dimensional codes of unseen digits")

# %%
# The loss curve
# --------------
# ``history_`` is a list of dicts: data for pandas. Training starts at PCA.

history = pd.DataFrame(fitted["Autoencoder"].history_)
curve, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
ax.plot(history["epoch"], history["train_loss"], label="training")
ax.plot(history["epoch"], history["valid_loss"], label="validation")
ax.axhline(
    squared_error(fitted["PCA"], X_test), color="gray", ls="--", label="PCA, test"
)
ax.set(
    xlabel="epoch", ylabel="squared error per pixel", ylim=0, title="Eight components"
)
ax.legend(frameon=False)

if IN_GALLERY:
    plt.show()
else:
    OUTPUT.mkdir(exist_ok=True)
    for name, figure in {
        "reconstructions": reconstructions,
        "codes": codes,
        "loss_curve": curve,
    }.items():
        figure.savefig(OUTPUT / f"{name}.png", dpi=150)
    print(f"\nPictures: {OUTPUT.resolve()}")
