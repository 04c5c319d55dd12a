"""Codes of two components, and samples, over the weight of the prior."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skae import Autoencoder, WassersteinAutoencoder

X, y = load_digits(return_X_y=True)
models = {
    "Autoencoder": Autoencoder(2, random_state=0),
    "WAE, weight 0.03": WassersteinAutoencoder(2, prior_weight=0.03, random_state=0),
    "WAE, weight 0.3": WassersteinAutoencoder(2, random_state=0),
}
figure, axes = plt.subplots(
    2, 3, figsize=(9, 4.6), layout="constrained", height_ratios=(2, 1)
)
for (top, bottom), (title, model) in zip(axes.T, models.items(), strict=True):
    codes = model.fit_transform(X)
    points = top.scatter(*codes.T, c=y, cmap="tab10", s=4)
    top.set(title=title)
    if hasattr(model, "sample"):
        top.set(xlim=(-4, 4), ylim=(-4, 4))
        made = model.sample(12, random_state=0)
    else:  # as if its codes were normal: where no row is
        rng = np.random.default_rng(0)
        made = model.inverse_transform(rng.normal(size=(12, 2)))
    rows = np.pad(made.reshape(12, 8, 8), ((0, 0), (1, 1), (1, 1)))
    bottom.imshow(np.block([list(rows[:6]), list(rows[6:])]), cmap="gray_r", vmin=0)
    bottom.axis("off")
axes[0, 0].set_ylabel("codes of digits")
figure.legend(
    *points.legend_elements(), title="digit", loc="outside right upper", frameon=False
)
