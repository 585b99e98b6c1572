"""What the Markdown files of the repository need in order to be pages of the site."""

import pathlib
import re

# Where the site says what a section of the README says.
README = {
    "": "../getting-started.md",
    "metrics": "../api/metrics.md",
    "scale": "../derivations.md#scale",
    "the-losses": "../losses/index.md",
}

NO_BREAK = "\N{NO-BREAK SPACE}"


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


def setup(app):
    """Connect."""
    (pathlib.Path(app.srcdir) / "_build").mkdir(exist_ok=True)
    app.connect("source-read", adapt)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
