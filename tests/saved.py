"""Fitted estimators of every kind, for what is told of their files."""

from functools import cache

import numpy as np
import pandas as pd

import skae
from skae.extending import Loss
from tests.discovery import (
    CORRUPTIONS,
    ESTIMATORS,
    LOSSES,
    PAIRED,
    SPARSITIES,
    SUPERVISED,
    fitted,
    made,
)

QUICK = dict(max_epochs=1, random_state=0)
_OPTIMIZERS = ("adam", "adamw", "nadam", "radam", "rmsprop", "adagrad", "sgd", "lbfgs")


class Cubic(Loss):
    """A user's loss, which is evaluated in the units of X."""

    def per_element(self, output, target):
        return (output - target).abs() ** 3


@cache
def saved():
    """Return pairs of a fitted estimator and its X: every part at least once."""
    rng = np.random.default_rng(0)
    table = rng.uniform(size=(48, 8))
    images = rng.uniform(size=(48, 1, 8, 8))
    series = [rng.normal(size=(n, 2)) for n in rng.integers(5, 9, size=48)]
    tokens = [rng.integers(0, 20, size=n) for n in rng.integers(5, 9, size=48)]
    texts = ["low lower lowest", "new newer newest"] * 24
    of_tokens = skae.Recurrent(4, vocabulary_size=20)
    shapes = [
        (None, table),
        (skae.Convolutional((2,)), images),
        (skae.Convolutional((2,), input_shape=(1, 8)), table),
        (skae.Recurrent(4), series),
        (skae.Transformer(), series),
        (of_tokens, tokens),
    ]
    models = [
        (kind(2, architecture=architecture, **QUICK), X)
        for kind in ESTIMATORS
        for architecture, X in shapes
        if architecture is None or kind is not skae.StackedAutoencoder
        if X is not tokens or kind is not skae.ContractiveAutoencoder
    ]
    models += [
        (kind(2, loss=loss(), **QUICK), table) for kind in ESTIMATORS for loss in LOSSES
    ]
    models.append((skae.Autoencoder(2, loss=Cubic(), **QUICK), table))
    sparse = {skae.TopK: {"k": 2}, skae.BatchTopK: {"k": 2}}
    models += [
        (skae.SparseAutoencoder(4, sparsity=s(**sparse.get(s, {})), **QUICK), table)
        for s in SPARSITIES
    ]
    for kind in CORRUPTIONS:
        is_of_tokens = "token" in kind.kinds and "number" not in kind.kinds
        X, architecture = (tokens, of_tokens) if is_of_tokens else (table, None)
        parameters = dict(corruption=made(kind), architecture=architecture)
        models.append((skae.Autoencoder(2, **parameters, **QUICK), X))
    models += [(skae.Autoencoder(2, optimizer=o, **QUICK), table) for o in _OPTIMIZERS]
    models += [(skae.SlidingWindows(5), table), (skae.SubwordTokenizer(300), texts)]
    of_flow = skae.VariationalAutoencoder(2, **QUICK).fit(table)
    of_flow.sample(latent="flow")
    frame = pd.DataFrame(table, columns=list("abcdefgh")).assign(
        name=["low", "high"] * 24, size=["S", "M", "L"] * 16
    )
    for transform in ("quantile", "robust", None):
        columns = skae.Columns(ordinals=["size"], transform=transform)
        models.append((skae.VariationalAutoencoder(2, columns=columns, **QUICK), frame))
    one = skae.Autoencoder(2, **QUICK)
    models.append((skae.AutoencoderImputer(one, random_state=0), frame))
    models = [(fitted(model, X), X) for model, X in models]
    pairs = [
        (kind(2, encoder=encoder, decoder=decoder, **QUICK).fit(X, y), X)
        for kind in PAIRED
        for encoder, X in shapes
        for decoder, y in shapes
    ]
    of_columns = skae.VariationalAutoencoder(2, **QUICK).fit(frame)
    of_columns.sample(latent="columns")
    labels = np.arange(48) % 3
    supervised = [kind(one, **QUICK).fit(table, labels) for kind in SUPERVISED]
    return [
        *models,
        *pairs,
        (of_flow, table),
        (of_columns, frame),
        *((model, table) for model in supervised),
    ]
