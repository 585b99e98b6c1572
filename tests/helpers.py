"""What tests of several rooms use: where the repository is, and the code on its pages."""

import importlib
import pathlib
import re

import boost_imbalance as bi

ROOT = pathlib.Path(bi.__file__).resolve().parent.parent


def python_blocks(file):
    """The Python of a page in Markdown, each block compiled so that a traceback shows its line in the page."""
    text = (ROOT / file).read_text(encoding="utf-8")
    for found in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        line = text.count("\n", 0, found.start(1))
        yield compile("\n" * line + found[1], str(ROOT / file), "exec")


class Later:
    """A module that the first test to use it imports; where it takes long, every collection would pay for it."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        if name.startswith("_"):  # pytest asks every name of a test module whether it is a test
            raise AttributeError(name)
        return getattr(importlib.import_module(self._name), name)
