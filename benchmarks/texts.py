"""Text messages through a vector each.

    python benchmarks/texts.py accuracy      # tokens that come back, by length
    python benchmarks/texts.py spam          # unlike the ham it was trained on
    python benchmarks/texts.py neighbours    # of messages, by their codes
    python benchmarks/texts.py variational   # with and without word dropout

`neighbours` uses the model that `accuracy` keeps.
"""

import argparse
import os
import pickle
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
from common import ROOT, data_folder, machine, save
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import train_test_split

from skae import (
    Autoencoder,
    Recurrent,
    SubwordTokenizer,
    VariationalAutoencoder,
    WordDropout,
)

torch.set_num_threads(1)
KEPT = ROOT / "benchmark-models" / "texts.pickle"
LENGTHS = (0, 10, 20, 40, 80, np.inf)  # tokens
SETTINGS = dict(max_epochs=12, batch_size=64, learning_rate=3e-3, random_state=0)


def messages():
    """Return training and held-out messages, and which of each are spam."""
    path = data_folder() / "sms_spam.tsv"
    if not path.exists():
        raise SystemExit(f"{path} is missing: UCI's SMS Spam Collection.")
    frame = pd.read_csv(path, sep="\t", header=None, names=["label", "text"], quoting=3)
    is_spam = (frame["label"] == "spam").to_numpy()
    return train_test_split(
        frame["text"].to_numpy(), is_spam, test_size=0.2, random_state=0
    )


def network(**parameters):
    """Return the recurrent network of all parts."""
    return Recurrent(128, cell="gru", vocabulary_size=1000, **parameters)


def accuracy():
    """Return the share of tokens that come back, by length, for two decoders."""
    train, test, _, _ = messages()
    tokenizer = SubwordTokenizer(1000, max_length=120).fit(train)
    X, unseen = tokenizer.transform(train), tokenizer.transform(test)
    lengths = np.array([len(row) for row in unseen])
    columns = {}
    for feedback in (False, True):
        start = time.process_time()
        model = Autoencoder(64, architecture=network(feedback=feedback), **SETTINGS)
        told = model.fit(X).reconstruct(unseen)
        minutes = (time.process_time() - start) / 60
        right = np.array([np.mean(a == b) for a, b in zip(unseen, told, strict=True)])
        column = {
            f"{low + 1:g} to {high:g} tokens": right[
                (lengths > low) & (lengths <= high)
            ].mean()
            for low, high in zip(LENGTHS, LENGTHS[1:], strict=False)
        }
        column["mean of messages"] = right.mean()
        column["all tokens"] = (right * lengths).sum() / lengths.sum()
        column["nats per token, given those before"] = -model.score(unseen)
        column["epochs"] = model.n_iter_
        column["CPU minutes"] = minutes
        columns["fed back" if feedback else "from the code alone"] = column
        print(column, flush=True)
        if not feedback:
            KEPT.parent.mkdir(exist_ok=True)
            with open(KEPT, "wb") as file:
                pickle.dump((tokenizer, model), file)
    frame = pd.DataFrame(columns).rename_axis("held-out messages of")
    frame.insert(0, "messages", [
        *(
            str(int(((lengths > low) & (lengths <= high)).sum()))
            for low, high in zip(LENGTHS, LENGTHS[1:], strict=False)
        ),
        *[str(len(lengths))] * 2, "", "", "",
    ])  # fmt: skip
    save(frame, "texts_accuracy")


def spam():
    """Return the areas under the ROC curve of models of ham."""
    train, test, train_is_spam, is_spam = messages()
    ham = train[~train_is_spam]
    tokenizer = SubwordTokenizer(1000, max_length=120).fit(ham)
    X, unseen = tokenizer.transform(ham), tokenizer.transform(test)
    lengths = np.array([len(row) for row in unseen])
    areas = {}
    for feedback in (False, True):
        model = Autoencoder(64, architecture=network(feedback=feedback), **SETTINGS)
        errors = -model.fit(X).score_samples(unseen)
        name = "Recurrent, fed back" if feedback else "Recurrent"
        areas[f"{name}: nats per token"] = roc_auc_score(is_spam, errors)
        areas[f"{name}: nats per message"] = roc_auc_score(is_spam, errors * lengths)
    tfidf = TfidfVectorizer().fit(ham)
    svd = TruncatedSVD(64, random_state=0).fit(tfidf.transform(ham))
    rows = tfidf.transform(test)
    rest = rows.toarray() - svd.inverse_transform(svd.transform(rows))
    areas["TF-IDF and PCA: squared error"] = roc_auc_score(is_spam, (rest**2).sum(1))
    areas["number of tokens"] = roc_auc_score(is_spam, lengths)
    save(pd.DataFrame({"ROC AUC": areas}).rename_axis("score"), "texts_spam")


def neighbours(n_messages=6):
    """Return the training messages whose codes are nearest to those of others."""
    train, test, _, _ = messages()
    with open(KEPT, "rb") as file:
        tokenizer, model = pickle.load(file)
    asked = test[np.random.default_rng(0).permutation(len(test))[:n_messages]]
    codes, known = (model.transform(tokenizer.transform(x)) for x in (asked, train))
    mean = known.mean(axis=0)
    nearest = cosine_similarity(codes - mean, known - mean).argsort(axis=1)[:, ::-1]
    frame = pd.DataFrame(train[nearest[:, :2]], columns=["nearest", "second nearest"])
    frame.index = pd.Index(asked, name="held-out message")
    save(frame, "texts_neighbours")


def variational():
    """Return the bound and its terms, with and without word dropout."""
    train, test, _, _ = messages()
    tokenizer = SubwordTokenizer(1000, max_length=60).fit(train)
    X, unseen = tokenizer.transform(train), tokenizer.transform(test)
    lines = []
    for rate in (0.0, 0.5):
        model = VariationalAutoencoder(
            32,
            architecture=network(feedback=True),
            corruption=WordDropout(rate),
            kl_warm_up=5,
            **SETTINGS,
        ).fit(X)
        last = model.history_[model.best_epoch_ - 1]
        lines.append(
            {
                "word dropout": rate,
                "divergence of validation messages": last["valid_kl"],
                "active units": len(model.active_units_),
                "ELBO of unseen messages": model.score(unseen),
                "nats per token": -model.score_samples(unseen).sum()
                / sum(map(len, unseen)),
            }
        )
        print(lines[-1], flush=True)
    print(*tokenizer.inverse_transform(model.sample(5, random_state=0)), sep="\n")
    (path,) = model.interpolate(unseen[:1], unseen[1:2], 5)
    print(*tokenizer.inverse_transform(path), sep="\n")
    save(pd.DataFrame(lines).set_index("word dropout"), "texts_variational", 2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {f.__name__: f for f in (accuracy, spam, neighbours, variational)}
    parser.add_argument("part", choices=parts)
    print(machine())
    parts[parser.parse_args().part]()
