"""The network of the articles, 784-64-784, beside a loop written by hand.

Rectified code, sigmoid output, Adam at 1e-3, 10 epochs of MNIST in batches of 256. The
loop starts by Glorot's weights, as Keras does, or by torch's own. Writes recipe.csv.
"""

import argparse

import pandas as pd
import torch
from common import mnist_part, save
from torch import nn
from torch.nn import functional as F

from skae import Autoencoder, Dense, SquaredError

LOSSES = {
    "binary cross-entropy": "binary_cross_entropy",
    "squared error": SquaredError(output_activation="sigmoid"),
}


def by_hand(X, loss, start, epochs, batch_size):
    """Return the encoder and the decoder of a loop as articles have it."""
    torch.manual_seed(0)
    layers = nn.Linear(X.shape[1], 64), nn.Linear(64, X.shape[1])
    if start == "Glorot":
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    encoder = nn.Sequential(layers[0], nn.ReLU())
    optimizer = torch.optim.Adam([*encoder.parameters(), *layers[1].parameters()])
    rows = torch.from_numpy(X)
    for _ in range(epochs):
        for x in rows[torch.randperm(len(rows))].split(batch_size):
            output = layers[1](encoder(x))
            if loss == "squared error":
                cost = F.mse_loss(output.sigmoid(), x)
            else:
                cost = F.binary_cross_entropy_with_logits(output, x)
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
    return encoder, layers[1]


def by_skae(X, loss, schedule, epochs, batch_size):
    """Return the same as an estimator, on all rows, without early stopping."""
    return Autoencoder(
        64,
        architecture=Dense((), shortcut=None),
        code_activation="relu",
        loss=LOSSES[loss],
        schedule=schedule,
        max_epochs=epochs,
        batch_size=batch_size,
        early_stopping=False,
        random_state=0,
    ).fit(X)


def main():
    """Train all and write squared error of the test images and units never active."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--rows", type=int, default=60_000)
    options = parser.parse_args()
    settings = options.epochs, options.batch_size
    torch.set_num_threads(1)
    (X, _), (test, _) = mnist_part("train"), mnist_part("test")
    X, lines = X[: options.rows], []

    def add(loss, what, rate, rows, codes):
        error = float(((rows - test) ** 2).mean())
        dead = int((codes.max(axis=0) == 0).sum())
        lines.append((loss, what, rate, error, dead))
        print(*lines[-1], flush=True)

    for loss in LOSSES:
        for start in ("Glorot", "torch"):
            encoder, decoder = by_hand(X, loss, start, *settings)
            with torch.no_grad():
                rows = decoder(encoder(torch.from_numpy(test))).sigmoid().numpy()
                codes = encoder(torch.from_numpy(X)).numpy()
            add(loss, f"loop, {start}", "constant", rows, codes)
        for schedule in ("constant", "cosine"):
            ae = by_skae(X, loss, schedule, *settings)
            add(loss, "skae", schedule, ae.reconstruct(test), ae.transform(X))
    names = "loss", "network", "rate", "test error", "dead units of 64"
    frame = pd.DataFrame(lines, columns=names).set_index("loss")
    save(frame, "recipe", decimals=5)


if __name__ == "__main__":
    main()
