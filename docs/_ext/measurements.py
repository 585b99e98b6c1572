"""Tables of what was measured: ``benchmarks/results/*.csv`` on the pages of the site."""

import csv
import itertools
import pathlib
import re
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

RESULTS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks" / "results"
PLUS_MINUS = " \N{PLUS-MINUS SIGN} "
NO_BREAK = "\N{NO-BREAK SPACE}"
LONG = 45
"""Text of more characters is broken into lines."""


def read(name):
    """The rows of a file."""
    with (RESULTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def chosen(rows, where):
    """Those with the values that ``where`` gives some columns, as in ``library=xgboost; rate=0.05|0.4; loss!=all``."""
    for column, _, values in (part.partition("=") for part in where.split("; ") if part):
        wanted, name = not column.endswith("!"), column.rstrip("!")
        rows = [row for row in rows if (row[name] in values.split("|")) == wanted]
    return rows


def shown(row):
    """A difference to the baseline with its interval, bold where that leaves out 0, or the baseline's own value."""
    if not row.get("difference"):
        return row["mean"]
    text = PLUS_MINUS.join(filter(None, (row["difference"], row["half"])))
    return f"**{text}**" if row["beyond_noise"] == "True" else text


def flat(rows, spec):
    """A row of the table for each of the file. A column is ``name``, ``name=heading``, ``name±half=heading``, or code."""
    columns = [part.partition("=")[::2] for part in spec.split("; ")]
    headings = [heading or name.strip("`").replace("_", " ") for name, heading in columns]

    def cell(row, name):
        text = PLUS_MINUS.join(filter(None, (row[part] for part in name.strip("`").split("±"))))
        return f"`{text}`" if text and name.startswith("`") else text

    return headings, [[cell(row, name) for name, _ in columns] for row in rows]


def crossed(rows, down, across, cell=None):
    """A line for each value of one column, a column for each of others; the cells are summaries, or a third column."""
    lines, columns = {}, {}
    for row in rows:
        line, heading = lines.setdefault(row[down], {}), ", ".join(row[name] for name in across.split("; "))
        columns[heading] = line[heading] = row[cell] if cell else shown(row)
        if row.get("better"):
            counts = [row[name] for name in ("better", "tie", "worse") if row.get(name)]
            heading += ": " + "/".join(name for name in ("better", "tie", "worse") if row.get(name))
            columns[heading] = line[heading] = "/".join(counts)
    return [down, *columns], [[name, *(line.get(heading, "") for heading in columns)] for name, line in lines.items()]


class Results(SphinxDirective):
    """Tables of a file, or of all with such names: ``columns`` as they are, or ``rows`` against ``columns``.

    ``each`` makes one of every value, or combination of values, of some columns.
    """

    required_arguments = 1
    option_spec: ClassVar = dict.fromkeys(("where", "each", "rows", "columns", "cell", "caption"), directives.unchanged)

    def run(self):
        """One table or more."""
        (pattern,) = self.arguments
        names = sorted(path.name for path in RESULTS.glob(pattern))
        if not names and "*" not in pattern:
            raise self.error(f"benchmarks/results has no {pattern}.")
        return [made for name in names for made in self.tables(name)]

    def tables(self, name):
        """Of one file."""
        self.env.note_dependency(str(RESULTS / name))
        rows = chosen(read(name), self.options.get("where", ""))
        each = self.options.get("each", "").split("; ") if "each" in self.options else []
        parts = {}
        for row in rows:
            parts.setdefault(tuple(row[column] for column in each), []).append(row)
        if not rows:
            raise self.error(f"{name} has no rows with {self.options.get('where')!r}.")
        tables = []
        for values, part in parts.items():
            caption = ", ".join(
                filter(None, (self.options.get("caption", name if "*" in self.arguments[0] else ""), *values))
            )
            if "rows" in self.options:
                found = crossed(part, self.options["rows"], self.options["columns"], self.options.get("cell"))
            else:
                found = flat(part, self.options.get("columns", "; ".join(part[0])))
            tables.append(table(*found, caption))
        return tables


class Measured(SphinxDirective):
    """What was measured about some losses: differences to the built-in objective, by group of data sets."""

    required_arguments = 1
    final_argument_whitespace = True

    groups: ClassVar = {
        "binary": "binary",
        "keel": "binary, KEEL",
        "multiclass": "multi-class",
        "multilabel": "multi-label",
    }
    columns: ClassVar = {
        "calibrated log loss": "calibrated log loss",
        "average precision": "average precision",
        "balanced accuracy, balanced": "balanced accuracy, `balanced`",
        "F1, posterior": "F1, `posterior`",
        "F1, f1": "F1, `f1`",
    }

    def run(self):
        """One table."""
        self.env.note_dependency(str(RESULTS / "classifiers.csv"))
        found = measured()
        losses = self.arguments[0].split("; ")
        headings = [*(["loss"] if len(losses) > 1 else []), "data sets", *self.columns.values()]
        lines = []
        for loss, (group, title) in itertools.product(losses, self.groups.items()):
            if (group, loss) not in found:
                raise self.error(f"classifiers.csv has no row about {loss!r} on the sets {group!r}.")
            sets, cells = found[group, loss]
            lines.append([loss, f"{sets} {title}", *(cells[column] for column in self.columns)][-len(headings) :])
        return [table(headings, lines)]


def measured():
    """The number of sets and the summaries over both libraries and configurations, by group of data sets and loss."""
    found = {}
    for row in chosen(read("classifiers.csv"), "configuration=all four"):
        _, cells = found.setdefault((row["task"], row["loss"]), (row["sets"], {}))
        cells[row["metric"]] = shown(row)
    return found


def table(headings, lines, caption=""):
    """A table of the page; ``results.js`` lets its readers sort it."""
    group = nodes.tgroup(cols=len(headings))
    group += [nodes.colspec(colwidth=1) for _ in headings]
    group += nodes.thead("", _line(headings))
    group += nodes.tbody("", *map(_line, lines))
    made = nodes.table(classes=["results"])
    if caption:
        made += nodes.title(caption, caption)
    made += group
    return made


def _line(cells):
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *_parts(cell)), classes=_long(cell)) for cell in cells))


def _long(cell):
    return ["long"] if len(cell) > LONG else []


def _parts(text):
    """Text in which ``**bold**`` and `` `code` `` are marked."""
    for part in re.findall(r"\*\*[^*]+\*\*|`[^`]+`|[^*`]+", text):
        kind = nodes.strong if part.startswith("**") else nodes.literal if part.startswith("`") else None
        plain = part.strip("*`").replace(PLUS_MINUS, PLUS_MINUS.replace(" ", NO_BREAK))
        yield nodes.Text(plain) if kind is None else kind(plain, plain)


def setup(app):
    """Connect."""
    app.add_directive("measured", Measured)
    app.add_directive("results", Results)
    app.add_css_file("results.css")
    app.add_js_file("results.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
