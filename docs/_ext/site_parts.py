"""What the Markdown files of the repository need in order to be pages of the site."""

import pathlib
import re

from sphinx.util.docutils import SphinxDirective

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# Where the site says what a section of the README says.
README = {
    "": "../getting-started.md",
    "metrics": "../api/metrics.md",
    "scale": "../derivations.md#scale",
    "the-losses": "../losses/index.md",
}


def example_arguments(gallery_conf, script_vars):
    """The command line of an example: the quickstart saves its picture where it is told to, and not among the examples."""
    if pathlib.Path(script_vars["src_file"]).name != "quickstart.py":
        return []
    return ["--output", str(pathlib.Path(gallery_conf["src_dir"]) / "_build" / "quickstart.png")]


def example_order(name):
    """The quickstart first, the others by name."""
    return name != "quickstart.py", name


def adapt(app, docname, source):
    """Links that leave the site lead to its pages, the guide's table becomes its navigation, and figures are not broken."""
    folder, _, name = docname.rpartition("/")
    if folder == "losses":
        # Their tables need the room of the contents beside the text, and figures stay in one line.
        text = source[0].replace(" ± ", f"{NO_BREAK}±{NO_BREAK}")
        source[0] = f"---\nhtml_theme.sidebar_secondary.remove: true\n---\n\n{text}"
    if folder != "guide":
        return
    text = source[0].replace("](../../BENCHMARKS.md", "](../benchmarks.md")
    text = text.replace("](../../CONTRIBUTING.md", "](../contributing.md")
    text = text.replace("](../../CHANGELOG.md", "](../changelog.md")
    text = re.sub(r"\]\(\.\./\.\./README\.md#?([\w-]*)\)", lambda found: f"]({README[found[1]]})", text)
    if name == "README":
        listed = re.findall(r"\]\(([\w-]+)\.md\)", text)
        there = sorted(page.stem for page in (pathlib.Path(app.srcdir) / "guide").glob("*.md") if page.stem != "README")
        pages = [*listed, *(page for page in there if page not in listed)]
        text += "\n```{toctree}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"
    source[0] = text


NO_BREAK = "\N{NO-BREAK SPACE}"


class Measured(SphinxDirective):
    """The lines of BENCHMARKS.md about some losses: differences to the built-in objective, by group of data sets."""

    required_arguments = 1
    final_argument_whitespace = True

    groups = (
        ("binary", "binary"),
        ("binary, KEEL", "binary, KEEL"),
        ("multiclass", "several classes"),
        ("multilabel", "several labels"),
    )
    columns = (
        "calibrated log loss",
        "average precision",
        "balanced accuracy, `balanced`",
        "F1, `posterior`",
        "F1, `f1`",
    )

    def run(self):
        """Write the table and parse it."""
        self.env.note_dependency(str(REPOSITORY / "BENCHMARKS.md"))
        tables = measured((REPOSITORY / "BENCHMARKS.md").read_text(encoding="utf-8"))
        losses = self.arguments[0].split("; ")
        headings = [*(["loss"] if len(losses) > 1 else []), "data sets", *self.columns]
        lines = ["| " + " | ".join(headings) + " |", "|---" * len(headings) + "|"]
        for loss in losses:
            for group, shown in self.groups:
                sets, rows = tables[group]
                if loss not in rows:
                    raise self.error(f"BENCHMARKS.md has no line {loss!r} in its table of {group!r}.")
                cells = [loss, f"{sets} {shown}", *(rows[loss][column] for column in self.columns)][-len(headings) :]
                lines.append("| " + " | ".join(cell.replace(" ", NO_BREAK) for cell in cells) + " |")
        return self.parse_text_to_nodes("\n".join(lines))


def measured(text):
    """The tables "mean of the four" of BENCHMARKS.md: the number of sets, and each loss's cells, by group."""
    tables = {}
    pattern = r"^\*\*([^*\n]+)\*\* \((\d+) sets.*?\n(\| mean of the four .*?)\n\n"
    _, _, text = text.partition("## The classifiers, loss by loss")
    for found in re.finditer(pattern, text, re.DOTALL | re.MULTILINE):
        header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in found[3].splitlines())
        tables[found[1]] = found[2], {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    return tables


def setup(app):
    """Connect."""
    app.add_directive("measured", Measured)
    (pathlib.Path(app.srcdir) / "_build").mkdir(exist_ok=True)
    app.connect("source-read", adapt)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
