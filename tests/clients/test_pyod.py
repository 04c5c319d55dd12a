"""The page for those who come from PyOD: its code, and what it says of PyOD."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PAGE = Path(__file__).parents[2] / "docs" / "pyod.rst"


def test_the_code_of_the_page():
    pytest.importorskip("pyod")
    blocks = re.findall(r"code-block:: python\n\n((?:   .*\n|\n)+)", PAGE.read_text())
    theirs, ours = {}, {}
    exec(re.sub("(?m)^   ", "", blocks[0]), theirs)
    ours["X"] = theirs["X"]
    exec(re.sub("(?m)^   ", "", blocks[1]), ours)
    assert theirs["labels"].sum() == ours["labels"].sum() == 29
    for names in (theirs, ours):
        is_out = np.asarray(names["labels"], dtype=bool)
        assert names["scores"][is_out].min() > names["scores"][~is_out].max()
    is_out = ours["scores"] > -ours["detector"][-1].offset_
    np.testing.assert_array_equal(ours["detector"].predict(ours["X"]) == -1, is_out)


def test_what_it_says_of_pyod(cancer):
    pytest.importorskip("pyod")
    from pyod.models.auto_encoder import AutoEncoder
    from pyod.models.vae import VAE

    X = 7 + 3 * cancer
    detector = AutoEncoder(epoch_num=2, verbose=0).fit(X)
    scores = detector.decision_function(X)
    np.testing.assert_allclose(scores, detector.decision_scores_)
    np.testing.assert_array_equal(scores > detector.threshold_, detector.labels_ == 1)
    low, high = scores.min(), scores.max()
    probability = detector.predict_proba(X)[:, 1]
    np.testing.assert_allclose(probability, (scores - low) / (high - low), atol=1e-5)
    torch = pytest.importorskip("torch")
    rows = torch.from_numpy(StandardScaler().fit_transform(X)).float()
    with torch.no_grad():
        distance = (detector.model(rows) - rows).square().sum(1).sqrt()
    np.testing.assert_allclose(scores, distance, rtol=1e-3)
    with pytest.raises(ValueError, match="NaN"):
        AutoEncoder(verbose=0).fit(np.where(X > X.mean(), X, np.nan))
    drawn = VAE(epoch_num=1, verbose=0).fit(X)
    assert (drawn.decision_function(X) != drawn.decision_function(X)).any()
