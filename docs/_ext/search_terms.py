"""What people type into the site's search, and the page that answers it: its first hit (``tests/project/test_site.py``)."""

import pathlib

from sphinx import addnodes

LIBRARIES = ("xgboost", "lightgbm")
LINES = pathlib.Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()[1:]
TERMS = {page: terms.split(", ") for page, terms in (line.split(": ") for line in LINES)}


def with_libraries(terms):
    """The terms, and each with a library's name before or after it."""
    for term in terms:
        yield term
        if not any(library in term for library in LIBRARIES):
            for library in LIBRARIES:
                yield f"{term} {library}"
                yield f"{library} {term}"


def add(app, document):
    """Index entries of the page, as an ``index`` directive with ``!`` would make them, but pointing at its top."""
    terms = TERMS.get(app.env.docname, ())
    if terms:
        document.insert(0, addnodes.index(entries=[("single", term, "", "main", None) for term in with_libraries(terms)]))


def setup(app):
    """Connect."""
    app.connect("doctree-read", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
