"""The code of the page on other packages, as their tests run it."""

import re
import textwrap
from pathlib import Path

from skae import Autoencoder

PAGE = (Path(__file__).parents[2] / "docs" / "packages.rst").read_text()
NAMES = list("abcde")
QUICK = dict(max_epochs=3, random_state=0)


def quick(n_components="auto", **parameters):
    """Return an autoencoder that is soon trained."""
    return Autoencoder(n_components, **QUICK, **parameters)


def run(heading, names):
    """Run the code below a heading of the page; return the names that it defines."""
    below = re.split(rf"(?m)^{heading}\n-+\n", PAGE)[1]
    section = re.split(r"(?m)^.+\n---+\n", below)[0]
    blocks = re.findall(r"(?m)^\.\. code-block:: python\n((?:\n|   .*\n)+)", section)
    exec("".join(map(textwrap.dedent, blocks)), names)
    return names
