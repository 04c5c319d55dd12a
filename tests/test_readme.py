"""README's code, and that of the pages, runs as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_python_blocks_run(code, capsys):
    exec(compile(code, "README.md", "exec"), {})


# Pages whose examples are whole, one after the other.
@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    ["guide", "frames", "missing", "synthetic", "pairs", "labels"]
    + ["objectives/conditional", "architectures/series"],
)
def test_python_blocks_of_a_page_run(page):
    source = (ROOT / "docs" / f"{page}.rst").read_text()
    blocks = re.findall(r"code-block:: python\n\n((?:   .*\n|\n)+)", source)
    assert blocks
    names = {}
    for block in blocks:
        exec(compile(re.sub("(?m)^   ", "", block), page, "exec"), names)


def test_the_first_example_is_ten_lines_and_prints():
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    assert len(lines) == 10


def test_exactly_two_commands():
    commands = re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)
    assert len(commands) == 2
    assert all("-c constraints.txt" in command for command in commands)
