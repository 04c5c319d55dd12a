"""How fast an epoch is, beside the tightest loop that an expert writes, and peers.

One thread, CPU time, everything in one interleaved run, medians of seven rounds. The
floor of epochs is an ``nn.Sequential`` of the same layers on rows that are centred
already, ``index_select``, ``mse_loss``, fused Adam, nothing else. An epoch is marginal:
(fit of 2E epochs - fit of E epochs) / E, so that what a fit costs once does not count.
Inference and whole fits are compared with loops over the same module.

    python benchmarks/speed.py            # the floor: epochs, inference, whole fits
    python benchmarks/speed.py --peers    # PyOD, pythae, Keras, skorch's loader, MLP
"""

import argparse
import copy
import os
import warnings

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import pandas as pd
import torch
from common import (
    interleave,
    loop,
    machine,
    marginal_epochs,
    median,
    mnist,
    save,
    tight_loop,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from torch import nn
from torch.utils.data import DataLoader

from skae import Autoencoder, Dense
from skae.data.batch import Batch

torch.set_num_threads(1)
# A fit of two epochs is not meant to converge.
warnings.simplefilter("ignore", ConvergenceWarning)


def image_model(epochs, batch_size, **parameters):
    """784-64-784, ReLU code, squared error of centred columns."""
    return Autoencoder(
        64,
        architecture=Dense((), shortcut=None),
        code_activation="relu",
        max_epochs=epochs,
        batch_size=batch_size,
        early_stopping=False,
        contamination=None,
        random_state=0,
        **parameters,
    )


def table_model(epochs, batch_size, **parameters):
    """20-32-8-32-20."""
    return Autoencoder(
        8,
        architecture=Dense((32,), shortcut=None),
        max_epochs=epochs,
        batch_size=batch_size,
        early_stopping=False,
        contamination=None,
        random_state=0,
        **parameters,
    )


def identity(output):
    """Return the output."""
    return output


def scaled(X):
    """Return rows centred and divided by one number, as ours see them."""
    return ((X - X.mean(axis=0)) / np.sqrt(X.var(axis=0).mean())).astype(np.float32)


def epochs_against_the_floor(rows, repeats):
    """Return a table of marginal epochs."""
    images = mnist(rows)
    table = np.random.default_rng(0).normal(size=(1000, 20)).astype(np.float32)
    relu = nn.ReLU
    small = ((784, 64, 784), (relu, None))
    deep = ((20, 32, 8, 32, 20), (relu, None, relu, None))
    cases = {
        "MNIST 784-64-784, batch 256": (images, image_model, 256, 3, small),
        "MNIST 784-64-784, batch 32": (images, image_model, 32, 1, small),
        "1000 x 20, 20-32-8-32-20, batch 32": (table, table_model, 32, 25, deep),
    }
    lines = []
    for name, (X, make, batch_size, epochs, layers) in cases.items():
        rows_seen = scaled(X)

        def ours(n, X=X, make=make, batch_size=batch_size):
            make(n, batch_size).fit(X)

        def floor(n, x=rows_seen, layers=layers, batch_size=batch_size):
            tight_loop(x, *layers, n, batch_size)

        ours(1)
        marginal = marginal_epochs({"ours": ours, "floor": floor}, epochs, repeats)
        lines.append(_line(name, marginal["ours"], marginal["floor"]))
    return lines


def inference_against_the_floor(repeats):
    """Return a table of transform and score_samples of 60,000 rows."""
    images = mnist()
    model = image_model(1, 256).fit(images)
    module = model.net_.module_

    def batched(function, size=1024):
        with torch.inference_mode():
            rows = torch.from_numpy(scaled(images))
            return torch.cat(
                [function(rows[i : i + size]) for i in range(0, len(rows), size)]
            ).numpy()

    def encode(x):
        return module.encode(Batch(x))

    def score(x):
        return (module(Batch(x)).output - x).square().mean(1)

    lines = []
    for name, ours, floor in [
        ("transform, 60000 x 784", model.transform, encode),
        ("score_samples, 60000 x 784", model.score_samples, score),
    ]:
        times = interleave(
            {
                "ours": lambda ours=ours: ours(images),
                "floor": lambda floor=floor: batched(floor),
            },
            2 * repeats + 1,
        )
        lines.append(_line(name, median(times["ours"]), median(times["floor"])))
    return lines


def whole_fits_against_the_floor(rows, repeats):
    """Return a table of default fits beside the loop over as many epochs."""
    table = np.random.default_rng(0).normal(size=(1000, 20)).astype(np.float32)
    table[:, 10:] = table[:, :10] ** 2
    lines = []
    cases = {f"{rows // 4} rows of MNIST": mnist(rows // 4), "1000 x 20": table}
    for name, X in cases.items():
        model = Autoencoder(8, random_state=0)
        model.fit(X)
        module = model.net_.module_
        mean, scale = model.mean_.astype(np.float32), np.float32(model.scale_)
        scaled = (X - mean) / scale
        times = interleave(
            {
                "ours": lambda X=X: Autoencoder(8, random_state=0).fit(X),
                "floor": lambda module=module, scaled=scaled, model=model: loop(
                    copy.deepcopy(module),
                    scaled,
                    model.n_iter_,
                    model.batch_size_,
                    identity,
                ),
            },
            repeats,
        )
        lines.append(
            _line(
                f"whole default fit, {name} ({model.n_iter_} epochs)",
                median(times["ours"]),
                median(times["floor"]),
            )
        )
    return lines


def _line(name, ours, floor):
    return {"case": name, "skae": ours, "floor": floor, "ratio": ours / floor}


def peers(rows, repeats):
    """Return marginal epochs of other packages on 784-64-784 at batch 256 and 32."""
    import keras
    from pyod.models.auto_encoder import AutoEncoder as PyOD
    from pythae.models import AE, AEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    table = np.random.default_rng(0).normal(size=(1000, 20)).astype(np.float32)

    def with_pyod(X, hidden, code, epochs, batch_size):
        PyOD(
            hidden_neuron_list=[*hidden, code],
            epoch_num=epochs,
            batch_size=batch_size,
            batch_norm=False,
            dropout_rate=0.0,
            preprocessing=False,
            verbose=0,
            device="cpu",
        ).fit(X)

    def with_keras(X, hidden, code, epochs, batch_size):
        layers = keras.layers
        model = keras.Sequential(
            [layers.Input((X.shape[1],))]
            + [layers.Dense(n, "relu") for n in (*hidden, code, *hidden[::-1])]
            + [layers.Dense(X.shape[1])]
        )
        model.compile("adam", "mse")
        model.fit(X, X, batch_size=batch_size, epochs=epochs, verbose=0)

    def with_pythae(X, hidden, code, epochs, batch_size):
        import contextlib
        import io
        import logging
        import tempfile

        from pythae.data.datasets import BaseDataset
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseEncoder

        def stack(sizes):
            layers = []
            for n_in, n_out in zip(sizes, sizes[1:], strict=False):
                layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
            return torch.nn.Sequential(*layers[:-1])

        class Encoder(BaseEncoder):
            def __init__(self):
                super().__init__()
                self.layers = stack([X.shape[1], *hidden, code])

            def forward(self, x):
                return ModelOutput(embedding=self.layers(x))

        class Decoder(BaseDecoder):
            def __init__(self):
                super().__init__()
                self.layers = stack([code, *hidden[::-1], X.shape[1]])

            def forward(self, z):
                return ModelOutput(reconstruction=self.layers(z))

        logging.disable(logging.WARNING)
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            rows = BaseDataset(torch.from_numpy(X), torch.zeros(len(X)))
            BaseTrainer(
                AE(
                    AEConfig(input_dim=(X.shape[1],), latent_dim=code),
                    Encoder(),
                    Decoder(),
                ),
                rows,
                training_config=BaseTrainerConfig(
                    output_dir=folder,
                    num_epochs=epochs,
                    per_device_train_batch_size=batch_size,
                    per_device_eval_batch_size=batch_size,
                    no_cuda=True,
                ),
            ).train()

    def with_skae(X, hidden, code, epochs, batch_size, **parameters):
        Autoencoder(
            code,
            architecture=Dense(hidden, shortcut=None),
            max_epochs=epochs,
            batch_size=batch_size,
            early_stopping=False,
            contamination=None,
            **parameters,
        ).fit(X)

    def with_loader(X, hidden, code, epochs, batch_size):
        loader = {"iterator_train": DataLoader, "iterator_train__shuffle": True}
        with_skae(X, hidden, code, epochs, batch_size, net_params=loader)

    def with_mlp(X, hidden, code, epochs, batch_size):
        MLPRegressor(
            hidden_layer_sizes=(*hidden, code, *hidden[::-1]),
            batch_size=batch_size,
            max_iter=epochs,
            n_iter_no_change=epochs + 1,
        ).fit(X, X)

    makers = {
        "skae": with_skae,
        "skorch's loader": with_loader,
        "PyOD": with_pyod,
        "pythae": with_pythae,
        "Keras (torch)": with_keras,
        "MLPRegressor": with_mlp,
    }
    cases = {
        "MNIST 784-64-784, batch 256": (mnist(rows), (), 64, 256, 1),
        "1000 x 20, 20-32-8-32-20, batch 32": (table, (32,), 8, 32, 8),
    }
    lines = []
    for case, (X, hidden, code, batch_size, epochs) in cases.items():
        marginal = marginal_epochs(
            {
                name: lambda n, make=make, X=X, h=hidden, c=code, b=batch_size: make(
                    X, h, c, n, b
                )
                for name, make in makers.items()
            },
            epochs,
            repeats,
        )
        lines += [
            {
                "case": case,
                "package": name,
                "seconds per epoch": seconds,
                "times skae's": seconds / marginal["skae"],
            }
            for name, seconds in marginal.items()
        ]
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--rows", type=int, default=20_000, help="of MNIST")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    print(machine())
    if options.peers:
        found = pd.DataFrame(peers(options.rows, options.repeats))
        save(found.set_index(["case", "package"]), "peers", 4)
    else:
        lines = epochs_against_the_floor(options.rows, options.repeats)
        lines += inference_against_the_floor(options.repeats)
        lines += whole_fits_against_the_floor(
            options.rows, max(1, options.repeats // 2)
        )
        save(pd.DataFrame(lines).set_index("case"), "speed", 4)
