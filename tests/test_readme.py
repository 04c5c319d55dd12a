"""README's code runs as it stands."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_python_blocks_run(code, capsys):
    exec(compile(code, "README.md", "exec"), {})


def test_the_first_example_is_ten_lines_and_prints():
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    assert len(lines) == 10


def test_exactly_two_commands():
    commands = re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)
    assert len(commands) == 2
    assert all("-c constraints.txt" in command for command in commands)
