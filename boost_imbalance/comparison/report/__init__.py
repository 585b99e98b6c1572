"""A comparison as one HTML file that needs no network: what was found, in tables and figures."""

from __future__ import annotations

import base64
import hashlib
import importlib
from importlib import resources
from typing import Any

from boost_imbalance.comparison.results import Results

__all__ = ["html"]


def html(results: Results) -> str:
    """A report to look at in a browser.

    Parameters
    ----------
    results : Results
        A :class:`~boost_imbalance.Comparison`, complete or not.

    Returns
    -------
    str
        A whole document: figures, style and script are in it, and its content security policy forbids it to load anything.

    Raises
    ------
    ImportError
        Without jinja2 or matplotlib.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from boost_imbalance import compare
    >>> from boost_imbalance.comparison.report import html
    >>> X, y = make_classification(400, weights=[0.9], random_state=0)
    >>> found = compare(X, y, losses=["focal"], baselines=[], folds=2, repeats=1, progress=False, name="A <set>")
    >>> "<h1>A &lt;set&gt;</h1>" in html(found)
    True
    """
    jinja2 = _needed("jinja2")
    _needed("matplotlib")
    from markupsafe import Markup

    from boost_imbalance.comparison.report.page import content

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    script = _file("script.html").strip()
    return str(
        environment.get_template("report.html").render(
            style=Markup(_file("report.css")),
            script=Markup(script),
            script_hash=_hash(script.removeprefix("<script>").removesuffix("</script>")),
            **content(results),
        )
    )


def _needed(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ImportError(f"the report needs {module}; install it with pip install 'boost-imbalance[compare]'.") from error


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """The digest by which a content security policy allows this script and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
