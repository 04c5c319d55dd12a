"""Encoder-decoders: from rows of one kind to rows of another.

    python benchmarks/pairs.py tables     # beside ridge regression and others
    python benchmarks/pairs.py colour     # grey patches of a photograph, in colour
    python benchmarks/pairs.py denoise    # noise that is known by examples alone
    python benchmarks/pairs.py enlarge    # digits of 14 by 14 pixels, 28 by 28
    python benchmarks/pairs.py texts      # numbers in words, in digits

The tables but those of scikit-learn, and MNIST, are in the folder SKAE_DATA.
"""

import argparse
import os
import time
import warnings

os.environ["OMP_NUM_THREADS"] = "1"

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from common import ROOT, data_folder, machine, mnist_part, save
from scipy.ndimage import correlate1d
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_linnerud,
    load_sample_image,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional as F

from skae import (
    Convolutional,
    DenoisingAutoencoder,
    EncoderDecoderRegressor,
    GaussianNoise,
    MaskingNoise,
    Recurrent,
    SaltAndPepperNoise,
)

torch.set_num_threads(1)
PICTURES = ROOT / "docs" / "_static"
STRENGTHS = np.logspace(-4, 6, 41)  # that RidgeCV chooses among
N_SPLITS = 3
N_IMAGES, N_UNSEEN = 5_000, 2_000


def squared_error(told, wanted):
    """Return the mean squared error."""
    return float(np.mean((np.reshape(told, np.shape(wanted)) - wanted) ** 2))


def flat(rows):
    """Return rows as a table."""
    return rows.reshape(len(rows), -1)


def draw(name, lines, n_columns, size=1.0):
    """Draw lines of images, a dict by name, into a file of the documentation."""
    figure, axes = plt.subplots(
        len(lines), n_columns, figsize=(size * n_columns, size * len(lines))
    )
    for row, (title, images) in zip(axes, lines.items(), strict=True):
        for axis, image in zip(row, images, strict=False):
            axis.imshow(np.clip(image.squeeze(), 0, 1), cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(title, fontsize=8, rotation=0, ha="right", va="center")
    figure.subplots_adjust(0.17, 0.01, 0.99, 0.99, 0.05, 0.05)
    figure.savefig(PICTURES / f"{name}.png", dpi=110)
    plt.close(figure)


# -- tables


def from_file(name):
    """Return the numbers of a file, the last column as what is predicted."""
    frame = pd.read_csv(data_folder() / name).select_dtypes("number").dropna()
    return frame.iloc[:, :-1].to_numpy(float), frame.iloc[:, -1].to_numpy(float)


def tables():
    """Return errors on rows held out, in units of ridge regression's."""
    cancer = StandardScaler().fit_transform(load_breast_cancer().data)
    rng = np.random.default_rng(0)
    data = {
        "linnerud, 3 targets": load_linnerud(return_X_y=True),
        "noise": (rng.normal(size=(150, 20)), rng.normal(size=150)),
        "linear, 12 targets": make_regression(
            300, 40, n_targets=12, n_informative=20, noise=100, random_state=0
        ),
        "diabetes": load_diabetes(return_X_y=True),
        "cancer, 15 of 30 columns": (cancer[:, :15], cancer[:, 15:]),
        "concrete": from_file("imputation/concrete.csv"),
        "airfoil": from_file("imputation/airfoil.csv"),
        "wine_white": from_file("imputation/wine_white.csv"),
        "california": from_file("california.csv"),
    }
    lines = []
    for name, (X, y) in data.items():
        ratios, epochs = [], []
        for split in range(N_SPLITS):
            parts = train_test_split(X, y, test_size=0.2, random_state=split)
            ratios.append(ratios_to_ridge(*parts, split, epochs))
            print(name, split, ratios[-1], flush=True)
        ratios = pd.DataFrame(ratios)
        lines.append(
            {
                "table": name,
                "rows": len(X),
                "EncoderDecoderRegressor": ratios["ours"].mean(),
                "lowest": ratios["ours"].min(),
                "highest": ratios["ours"].max(),
                "left ridge": f"{sum(epoch > 0 for epoch in epochs)} of {N_SPLITS}",
                "MLPRegressor": ratios["mlp"].mean(),
            }
        )
    save(pd.DataFrame(lines).set_index("table"), "pairs_tables")


def ratios_to_ridge(X, X_test, y, y_test, seed, epochs):
    """Return test errors of others, divided by ridge regression's."""
    models = {
        "ridge": RidgeCV(STRENGTHS),
        "ours": EncoderDecoderRegressor(random_state=seed),
        "mlp": MLPRegressor(early_stopping=len(X) > 50, random_state=seed),
    }
    errors = {}
    for name, model in models.items():
        pipe = make_pipeline(StandardScaler(), model)
        errors[name] = squared_error(pipe.fit(X, y).predict(X_test), y_test)
    epochs.append(models["ours"].best_epoch_)
    return {name: error / errors["ridge"] for name, error in errors.items()}


# -- images


def photograph(name):
    """Return one of scikit-learn's photographs in [0, 1]."""
    return load_sample_image(name).astype(np.float32) / 255


def grey(images):
    """Return the luminance of images whose channels are the axis after the rows."""
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.einsum("nc...,c->n...", images, weights)[:, None]


def patches(image, size, n_patches, seed):
    """Return patches in colour, (n_patches, 3, size, size)."""
    drawn = extract_patches_2d(
        image, (size, size), max_patches=n_patches, random_state=seed
    )
    return np.ascontiguousarray(drawn.transpose(0, 3, 1, 2))


def coloured(image, size, predict):
    """Return a grey image in colour, by patches that overlap by half, averaged."""
    height, width = (side // size * size for side in image.shape[:2])
    places = [
        (top, left)
        for top in range(0, height - size + 1, size // 2)
        for left in range(0, width - size + 1, size // 2)
    ]
    cut = [image[t : t + size, left : left + size] for t, left in places]
    told = predict(grey(np.stack(cut).transpose(0, 3, 1, 2)))
    told = told.reshape(-1, 3, size, size).transpose(0, 2, 3, 1)
    total = np.zeros((height, width, 3))
    count = np.zeros((height, width, 1))
    for (top, left), patch in zip(places, told, strict=True):
        total[top : top + size, left : left + size] += patch
        count[top : top + size, left : left + size] += 1
    return total / count


def colour(size=8, n_patches=6000):
    """Return errors of colours; trained on one photograph, tested on the other."""
    lines, pictures = [], {}
    names = ("china.jpg", "flower.jpg")
    for trained, tested in (names, names[::-1]):
        image, other = photograph(trained), photograph(tested)
        Y, Y_test = patches(image, size, n_patches, 0), patches(other, size, 2000, 1)
        X, X_test = grey(Y), grey(Y_test)
        line = {
            "coloured by": f"from {trained[:-4]} to {tested[:-4]}",
            "left grey": squared_error(np.repeat(X_test, 3, axis=1), Y_test),
        }
        models = {"ridge": RidgeCV(STRENGTHS)}
        for k in (1, 5, 20, 50):
            models[f"{k} neighbours"] = KNeighborsRegressor(k)
        told = {}
        for name, model in models.items():
            model.fit(flat(X), flat(Y))
            told[name] = lambda rows, model=model: model.predict(flat(rows))
        for name, sides in (
            ("ours, dense", {}),
            ("ours", {"encoder": Convolutional(), "decoder": Convolutional()}),
        ):
            model = EncoderDecoderRegressor(max_epochs=20, random_state=0, **sides)
            model.fit(X, Y)
            told[name] = model.predict
            print(name, model.best_epoch_, "of", model.n_iter_, flush=True)
        for name, predict in told.items():
            line[name] = squared_error(predict(X_test), Y_test)
        lines.append(line)
        part = other[:400:2, 100:500:2]
        shown = {"photograph": part, "grey": np.repeat(part @ GREY, 3, axis=2)}
        for name in ("ridge", "20 neighbours", "ours"):
            shown[name] = coloured(part, size, told[name])
        pictures[f"trained on {trained[:-4]}"] = shown
    save(pd.DataFrame(lines).set_index("coloured by").T, "pairs_colour", 4)
    figure, axes = plt.subplots(2, 5, figsize=(11, 4.8))
    for row, (title, shown) in zip(axes, pictures.items(), strict=True):
        for axis, (name, image) in zip(row, shown.items(), strict=True):
            axis.imshow(np.clip(image, 0, 1))
            axis.set_title(name, fontsize=9)
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(title, fontsize=9)
    figure.tight_layout()
    figure.savefig(PICTURES / "pairs_colour.png", dpi=110)


GREY = np.array([[0.299], [0.587], [0.114]], dtype=np.float32)


def digits():
    """Return images to train on and unseen ones, (n, 1, 28, 28)."""
    X, unseen = mnist_part("train")[0][:N_IMAGES], mnist_part("test")[0][:N_UNSEEN]
    return X.reshape(-1, 1, 28, 28), unseen.reshape(-1, 1, 28, 28)


def spoiled(images, rng):
    """Return digits as a bad scanner gives them: smeared, striped, with dark specks."""
    smeared = np.empty_like(images)
    for row, image in enumerate(images[:, 0]):
        width = rng.integers(1, 6)
        smeared[row, 0] = correlate1d(image, np.full(width, 1 / width), axis=1)
    stripes = rng.uniform(0.2, 1, size=(len(images), 1, 28, 1))
    light = rng.uniform(0, 0.4, size=(len(images), 1, 28, 1))
    rows = smeared * stripes + light
    rows[rng.uniform(size=rows.shape) < 0.05] = 0
    return rows.astype(np.float32)


def denoise():
    """Return errors of digits cleaned: by pairs, and by noise that is guessed."""
    Y, Y_test = digits()
    rng = np.random.default_rng(0)
    X, X_test = spoiled(Y, rng), spoiled(Y_test, rng)
    told = {"as they come": X_test}
    ridge = RidgeCV(STRENGTHS).fit(flat(X), flat(Y))
    told["ridge"] = ridge.predict(flat(X_test)).reshape(Y_test.shape)
    network = Convolutional(shortcut=None)
    shared = dict(max_epochs=8, random_state=0)
    for guess in (
        GaussianNoise(0.3),
        GaussianNoise(0.6),
        MaskingNoise(0.3),
        SaltAndPepperNoise(0.2),
    ):
        model = DenoisingAutoencoder(
            128, architecture=network, corruption=guess, contamination=None, **shared
        ).fit(Y)
        told[f"DenoisingAutoencoder, {guess}"] = model.reconstruct(X_test)
    for name, sides in (
        ("pairs, no path", {"encoder": network, "decoder": network}),
        ("pairs", {"encoder": Convolutional(), "decoder": Convolutional()}),
    ):
        model = EncoderDecoderRegressor(128, **sides, **shared).fit(X, Y)
        told[name] = model.predict(X_test)
    errors = {name: squared_error(rows, Y_test) for name, rows in told.items()}
    save(pd.Series(errors, name="squared error").rename_axis("by").to_frame(),
         "pairs_denoise", 4)  # fmt: skip
    guesses = [name for name in errors if name.startswith("Denoising")]
    best = min(guesses, key=errors.get)
    lines = {
        "clean": Y_test,
        "spoiled": X_test,
        "ridge": told["ridge"],
        "best guess": told[best],
        "pairs": told["pairs"],
    }
    draw("pairs_denoised", lines, 12)


def bicubic(images):
    """Return images of twice the size."""
    return F.interpolate(
        torch.from_numpy(images), scale_factor=2, mode="bicubic"
    ).numpy()


def enlarge():
    """Return errors of digits of 28 by 28 pixels from those of 14 by 14."""
    Y, Y_test = digits()
    X, X_test = (
        rows.reshape(-1, 1, 14, 2, 14, 2).mean(axis=(3, 5)) for rows in (Y, Y_test)
    )
    told = {
        "copied pixels": np.kron(X_test, np.ones((2, 2), dtype=np.float32)),
        "bicubic": bicubic(X_test),
        "ridge": RidgeCV(STRENGTHS).fit(flat(X), flat(Y)).predict(flat(X_test)),
    }
    for name, sides in (
        ("ours, dense", {}),
        ("ours", {"encoder": Convolutional(), "decoder": Convolutional()}),
    ):
        start = time.process_time()
        model = EncoderDecoderRegressor(max_epochs=10, random_state=0, **sides)
        told[name] = model.fit(X, Y).predict(X_test)
        minutes = (time.process_time() - start) / 60
        print(name, model.best_epoch_, round(minutes, 1), "minutes", flush=True)
    told = {name: rows.reshape(Y_test.shape) for name, rows in told.items()}
    lines = [
        {
            "by": name,
            "squared error": squared_error(rows, Y_test),
            "dB": -10 * np.log10(squared_error(rows, Y_test)),
        }
        for name, rows in told.items()
    ]
    save(pd.DataFrame(lines).set_index("by"), "pairs_enlarge", 5)
    lines = {"14 by 14": X_test, **told, "28 by 28": Y_test}
    draw("pairs_enlarged", lines, 12)


# -- texts

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = ("", "", "twenty thirty forty fifty sixty seventy eighty ninety")
TENS = [*TENS[:2], *TENS[2].split()]
WORDS = [*ONES, *TENS[2:], "hundred", "thousand", "and"]


def below_thousand(number):
    """Return the words of a number from 1 to 999."""
    words = []
    if number >= 100:
        words += [ONES[number // 100], "hundred"]
        number %= 100
        words += ["and"] if number else []
    if number >= 20:
        words.append(TENS[number // 10])
        number %= 10
    return [*words, ONES[number]] if number else words


def in_words(number):
    """Return the words of a number below a million."""
    if number == 0:
        return ["zero"]
    words = []
    if number >= 1000:
        words += [*below_thousand(number // 1000), "thousand"]
        number %= 1000
        words += ["and"] if 0 < number < 100 else []
    return words + below_thousand(number) if number else words


def texts(n_test=1000):
    """Return the share of digits that are right of numbers that were not seen."""
    tokens = {word: token for token, word in enumerate(WORDS)}
    rng = np.random.default_rng(0)
    lines = []
    for below, n_rows in ((10_000, 3000), (1_000_000, 10_000)):
        numbers = rng.permutation(below)[: n_rows + n_test]
        X = [[tokens[word] for word in in_words(int(n))] for n in numbers]
        y = [[int(digit) for digit in str(n)] for n in numbers]
        start = time.process_time()
        model = EncoderDecoderRegressor(
            encoder=Recurrent(128, vocabulary_size=len(WORDS)),
            decoder=Recurrent(128, vocabulary_size=10, feedback=True),
            batch_size=64,
            max_epochs=25,
            learning_rate=3e-3,
            random_state=0,
        ).fit(X[:n_rows], y[:n_rows])
        minutes = (time.process_time() - start) / 60
        told, wanted = model.predict(X[n_rows:]), y[n_rows:]
        pairs = list(zip(told, wanted, strict=True))
        lines.append(
            {
                "numbers below": below,
                "pairs to train on": n_rows,
                "right digits": model.score(X[n_rows:], wanted),
                "right lengths": np.mean([len(a) == len(b) for a, b in pairs]),
                "right numbers": np.mean([list(a) == b for a, b in pairs]),
                "CPU minutes": minutes,
            }
        )
        for words, digits_told, _ in zip(X[n_rows:], told, range(3), strict=False):
            said = " ".join(WORDS[token] for token in words)
            print(said, "->", "".join(map(str, digits_told)), flush=True)
    save(pd.DataFrame(lines).set_index("numbers below"), "pairs_texts")


PARTS = {part.__name__: part for part in (tables, colour, denoise, enlarge, texts)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(machine())
    PARTS[parser.parse_args().part]()
