"""Recurrent layers: any length, no trace of padding, feedback and order."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from skae import Autoencoder, Recurrent, VariationalAutoencoder, WordDropout
from skae.architectures.recurrent import reversed_steps
from skae.data.batch import Batch

CELLS = ["lstm", "gru", "rnn"]
SHARED = dict(max_epochs=3, batch_size=16, random_state=0, early_stopping=False)


def _parts(architecture, shape, n_components=3):
    torch.manual_seed(0)
    body = architecture.make_body(shape, n_components)
    head = nn.Linear(body.n_outputs, n_components)
    decoder = architecture.make_decoder(shape, n_components, body, head)
    return body.double(), head.double(), decoder.double()


def _padded(sequences, n_steps):
    """Return flat rows of n_steps steps, 0 beyond the ends, and their lengths."""
    n_channels = sequences[0].shape[1]
    x = torch.zeros(len(sequences), n_steps, n_channels)
    for row, sequence in zip(x, sequences, strict=True):
        row[: len(sequence)] = sequence
    return x.flatten(1).double(), torch.tensor([len(row) for row in sequences])


@pytest.fixture
def sequences():
    torch.manual_seed(1)
    return [torch.randn(n, 2) for n in (4, 1, 6)]


VARIANTS = [
    *(Recurrent(5, cell=cell) for cell in CELLS),
    Recurrent(5, n_layers=2, bidirectional=False),
    Recurrent(5, feedback=True),
    Recurrent(5, reverse_target=False, feedback=True, n_layers=2),
]


@pytest.mark.parametrize("architecture", VARIANTS, ids=repr)
def test_padding_does_not_matter(architecture, sequences):
    """Values, and gradients of what is within a row, are those of the row alone."""
    body, head, decoder = _parts(architecture, (None, 2))
    weights = [*body.parameters(), *head.parameters(), *decoder.parameters()]

    def run(rows, n_steps):
        x, lengths = _padded(rows, n_steps)
        x.requires_grad_()
        code = head(body(x, lengths))
        output = decoder(code, lengths, x).unflatten(1, (-1, 2))
        told = [out[:n] for out, n in zip(output, lengths, strict=True)]
        total = sum(out.square().sum() for out in told)
        return code, told, torch.autograd.grad(total, [x, *weights])

    codes, told, gradients = run(sequences, 9)
    alone = [run([row], len(row)) for row in sequences]
    torch.testing.assert_close(codes, torch.cat([one[0] for one in alone]))
    for row, one in zip(told, alone, strict=True):
        torch.testing.assert_close(row, one[1][0])
    for number, gradient in enumerate(gradients[1:], start=1):
        torch.testing.assert_close(gradient, sum(one[2][number] for one in alone))
    lengths = torch.tensor([len(row) for row in sequences])
    beyond = torch.arange(18) >= 2 * lengths.unsqueeze(1)
    assert (gradients[0][beyond] == 0).all()
    assert (gradients[0][~beyond] != 0).any()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_body_is_that_of_packed_sequences(cell, bidirectional, sequences):
    architecture = Recurrent(5, cell=cell, n_layers=2, bidirectional=bidirectional)
    body, _, _ = _parts(architecture, (None, 2))
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[cell]
    layers = kind(2, 5, 2, batch_first=True, bidirectional=bidirectional).double()
    for number, cells in enumerate(body.layers):
        for suffix, weights in zip(("", "_reverse"), cells, strict=False):
            for name, weight in weights.named_parameters():
                name = name.replace("l0", f"l{number}") + suffix
                getattr(layers, name).data.copy_(weight)
    rows = [sequence.double() for sequence in sequences]
    outputs, state = layers(nn.utils.rnn.pack_sequence(rows, enforce_sorted=False))
    state = state[0] if cell == "lstm" else state
    outputs = nn.utils.rnn.unpack_sequence(outputs)
    means = torch.stack([output.mean(0) for output in outputs])
    n_directions = 1 + bidirectional
    expected = torch.cat((*state[-n_directions:], means), dim=1)
    torch.testing.assert_close(body(*_padded(sequences, 9)), expected)


def test_the_whole_series_is_summarised():
    """A change of any step changes the code."""
    body, head, _ = _parts(Recurrent(5, bidirectional=False), (20, 1))
    x = torch.randn(1, 20).double().requires_grad_()
    (gradient,) = torch.autograd.grad(head(body(x)).sum(), x)
    assert (gradient != 0).all()


def test_reversed_steps():
    steps = torch.arange(8.0).reshape(2, 4, 1)
    told = reversed_steps(steps, torch.tensor([4, 2])).squeeze(2)
    assert told.tolist() == [[3, 2, 1, 0], [5, 4, 6, 7]]
    assert reversed_steps(steps, None).squeeze(2).tolist()[0] == [3, 2, 1, 0]


@pytest.mark.parametrize("reverse", [False, True])
def test_feedback_reads_the_step_before(reverse):
    """Each output depends on the true steps told before it and on no other."""
    architecture = Recurrent(5, feedback=True, reverse_target=reverse)
    _, _, decoder = _parts(architecture, (6, 1))
    given = torch.randn(1, 6).double().requires_grad_()
    output = decoder(torch.randn(1, 3).double(), None, given)
    for step in range(6):
        (gradient,) = torch.autograd.grad(output[0, step], given, retain_graph=True)
        seen = set(torch.nonzero(gradient[0]).ravel().tolist())
        assert seen == set(range(step + 1, 6) if reverse else range(step))


def test_own_steps_are_those_of_being_fed_with_them():
    """Decoding alone is what feeding the decoder its own output gives."""
    _, _, decoder = _parts(Recurrent(5, feedback=True, n_layers=2), (6, 2))
    code = torch.randn(3, 3).double()
    own = decoder(code)
    torch.testing.assert_close(decoder(code, None, own), own)


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_size": 9},
        {"cell": "gru"},
        {"n_layers": 2},
        {"bidirectional": False},
        {"feedback": True},
        {"reverse_target": False},
        {"dropout": 0.4},
        {"code_dropout": 0.4},
        {"input_shape": (4, 2)},
        {"shortcut": "random"},
        {"shortcut": None},
    ],
    ids=repr,
)
def test_every_parameter_matters(change, rng):
    X = rng.normal(size=(40, 8))
    plain = Autoencoder(2, architecture=Recurrent(6), **SHARED).fit(X)
    architecture = Recurrent(**{"hidden_size": 6, **change})
    other = Autoencoder(2, architecture=architecture, **SHARED).fit(X)
    assert other.history_[-1]["train_loss"] != plain.history_[-1]["train_loss"]


@pytest.mark.parametrize(
    "change", [{"vocabulary_size": 30}, {"embedding_size": 9}, {"padding_token": 5}]
)
def test_every_parameter_of_tokens_matters(change, rng):
    X = rng.integers(0, 20, size=(40, 6))
    X[:10, 4:] = 5
    shared = {"hidden_size": 6, "vocabulary_size": 20}
    plain, other = (
        Autoencoder(2, architecture=Recurrent(**{**shared, **more}), **SHARED).fit(X)
        for more in ({}, change)
    )
    assert other.history_[-1]["train_loss"] != plain.history_[-1]["train_loss"]


@pytest.mark.slow
def test_steps_are_learned(rng):
    """Waves of unequal length and of two speeds come back."""
    lengths = rng.integers(8, 15, 200)
    speeds = rng.uniform(0.3, 1.2, 200)
    X = [
        np.sin(speed * np.arange(n))[:, None]
        for n, speed in zip(lengths, speeds, strict=True)
    ]
    model = Autoencoder(
        3, architecture=Recurrent(32, cell="gru"), max_epochs=60, learning_rate=5e-3
    )
    model.set_params(random_state=0, batch_size=32).fit(X)
    variance = np.concatenate(X).var()
    assert -model.score(X) < 0.1 * variance
    told = np.array([len(row) for row in model.inverse_transform(model.transform(X))])
    assert np.abs(told - lengths).mean() < 1.0


def test_word_dropout_spares_the_encoder_of_a_fed_decoder(rng):
    """With it all, the decoder is fed nothing true, and only the code can help."""
    X = [rng.integers(1, 9, n) for n in rng.integers(2, 7, 60)]
    architecture = Recurrent(16, vocabulary_size=9, feedback=True)
    module = (
        VariationalAutoencoder(
            4, architecture=architecture, corruption=WordDropout(1.0), **SHARED
        )
        .fit(X)
        .net_.module_
    )
    batch = Batch(
        torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]]),
        observed=torch.tensor([[True] * 3, [True, True, False]]),
        lengths=torch.tensor([3, 2]),
    )
    module.corrupt.train()
    encoded, fed = module.corrupted(batch)
    assert encoded is batch
    assert fed.x.tolist() == [[0, 0, 0], [0, 0, 7]]
    assert fed._replace(x=batch.x) == batch  # all else as it was
    without = Autoencoder(
        4,
        architecture=Recurrent(8, vocabulary_size=9),
        corruption=WordDropout(1.0),
        **SHARED,
    ).fit(X)
    module = without.net_.module_
    module.corrupt.train()
    encoded, fed = module.corrupted(batch)
    assert encoded is fed


# -- the linear path


def _at_start(X, **parameters):
    return Autoencoder(
        3,
        architecture=Recurrent(8, **parameters),
        max_epochs=1,
        learning_rate=1e-12,
        random_state=0,
    ).fit(X)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"cell": "gru", "n_layers": 2}, {"bidirectional": False}, {"dropout": 0.5}],
    ids=repr,
)
def test_training_starts_at_pca(parameters, rng):
    X = rng.normal(size=(60, 7, 2)).cumsum(axis=1) + 3
    rows = X.reshape(60, -1)
    pca = PCA(3).fit(rows)
    expected = pca.inverse_transform(pca.transform(rows)).reshape(X.shape)
    model = _at_start(X, **parameters)
    np.testing.assert_allclose(model.reconstruct(X), expected, atol=1e-4)


@pytest.mark.parametrize("parameters", [{"feedback": True}, {"shortcut": None}])
def test_without_a_path_the_start_is_random(parameters, rng):
    X = rng.normal(size=(60, 7, 2)).cumsum(axis=1)
    model = _at_start(X, **parameters)
    assert model.net_.module_.decoder.path is None
    pca = PCA(3).fit(X.reshape(60, -1))
    assert -model.score(X) > 2 * pca.noise_variance_


def test_the_start_is_no_trap(rng):
    phase, speed = rng.uniform(0, 6, 300), rng.uniform(0.3, 0.6, 300)
    X = np.sin(phase[:, None] + speed[:, None] * np.arange(20))[:, :, None]
    shared = dict(max_epochs=40, learning_rate=3e-3, random_state=0)
    model = Autoencoder(2, architecture=Recurrent(32, cell="rnn"), **shared).fit(X)
    pca = PCA(2).fit(X[:, :, 0])
    rest = pca.inverse_transform(pca.transform(X[:, :, 0])) - X[:, :, 0]
    assert -model.score(X) < 0.5 * np.mean(rest**2)
