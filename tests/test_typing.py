"""What a type checker is told: every public method says what it returns."""

import inspect
import runpy
from importlib.resources import files
from pathlib import Path

import pytest

import skae


def _public_callables(cls):
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        function = member.fget if isinstance(member, property) else member
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        if function.__module__.startswith("skae"):
            yield name, inspect.unwrap(function)


@pytest.mark.parametrize("name", skae.__all__)
def test_public_methods_say_what_they_return(name):
    unsaid = [
        method
        for method, function in _public_callables(getattr(skae, name))
        if "return" not in function.__annotations__
    ]
    assert not unsaid


def test_the_package_says_that_it_is_typed():
    assert files(skae).joinpath("py.typed").is_file()


def test_the_script_of_a_user_runs():
    runpy.run_path(str(Path(__file__).with_name("user_script.py")))
