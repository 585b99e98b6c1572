"""The command ``boost-imbalance``."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import pathlib
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, cast

try:
    import typer
    from rich.console import Console
except ModuleNotFoundError:
    raise SystemExit("The command needs typer and rich; install them with pip install 'boost-imbalance[compare]'.") from None

if TYPE_CHECKING:
    from boost_imbalance.comparison.columns import Summary
    from boost_imbalance.comparison.comparison import Comparison

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
INTERRUPTED = 130
_GOALS = (
    "What the model is for: f1, balanced_accuracy, recall=0.9, precision=0.5, false_positive_rate=0.01, alarms=0.02, "
    "top=100, cost:fn=500,fp=10 or cost=FILE.csv."
)

_RENAMED = {"pos_label": "positive", "n_jobs": "jobs", "losses": "loss", "baselines": "baseline", "groups": "group"}
"""Parameters of ``compare`` whose options have another name."""

_PARAMETERS = "|".join(
    [
        *_RENAMED,
        *("target", "drop", "group", "time", "positive", "merge_labels", "library", "loss", "folds", "repeats"),
        *("goal", "tune", "tune_for", "precision", "confidence", "seed", "output", "restart", "sep", "encoding", "decimal"),
    ]
)


class Choice(str, Enum):
    """Libraries that can be chosen."""

    xgboost = "xgboost"
    lightgbm = "lightgbm"
    both = "both"


class Goal(str, Enum):
    """Metrics that a study can optimise."""

    average_precision = "average_precision"
    log_loss = "log_loss"
    brier = "brier"


class Form(str, Enum):
    """Forms in which results can be printed."""

    table = "table"
    json = "json"
    csv = "csv"


def _versions(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        import boost_imbalance

        print(f"boost-imbalance {boost_imbalance.__version__}")
        for library in ("xgboost", "lightgbm"):
            with contextlib.suppress(PackageNotFoundError):
                print(f"{library} {version(library)}")
        raise typer.Exit


def _known_losses(begun: str) -> list[str]:
    from boost_imbalance.comparison.candidates import losses

    return [name for name in losses() if name.startswith(begun)]


def _known_baselines(begun: str) -> list[str]:
    from boost_imbalance.comparison.candidates import BASELINES

    return [name for name in (*BASELINES, "none") if name.startswith(begun)]


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=_versions, is_eager=True, help="Print the versions, and end.")
    ] = False,
) -> None:
    """Losses for imbalanced data, compared."""


@app.command()
def compare(
    context: typer.Context,
    data: Annotated[str, typer.Argument(help="A CSV or Parquet file, or a named set (see 'datasets').")],
    target: Annotated[
        list[str] | None, typer.Option("--target", "-y", help="Column of labels; several: multi-label.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Column to leave out; can be given several times.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Column whose rows stay on one side of a split; it is no feature.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="Column of times, for folds that go forward; it is no feature.")] = None,
    positive: Annotated[str | None, typer.Option(help="The positive one of two classes; else the rarer.")] = None,
    merge_labels: Annotated[
        bool | None,
        typer.Option(
            "--merge-labels/--no-merge-labels",
            help="Labels that differ by case or blanks are one: 'Yes ' is 'yes'. Default: where there are such.",
            show_default=False,
        ),
    ] = None,
    library: Annotated[Choice | None, typer.Option(help="Default: XGBoost where it is installed.")] = None,
    loss: Annotated[
        list[str] | None,
        typer.Option(
            help="A loss by name, as 'focal' or 'focal:gamma=1,tau=0.5'. Default: all.", autocompletion=_known_losses
        ),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(help="Beside built-in; 'none': no other. Default: all.", autocompletion=_known_baselines),
    ] = None,
    goal: Annotated[str, typer.Option(help=_GOALS)] = "f1",
    folds: Annotated[int, typer.Option(min=2, help="Parts of the cross-validation.")] = 5,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="How often it is done. Default: 2, or with --time once.")
    ] = None,
    tune: Annotated[int, typer.Option(min=0, help="Trials of a study for each candidate in each fold.")] = 0,
    tune_for: Annotated[Goal, typer.Option(help="The metric that a study optimises.")] = Goal.average_precision,
    precision: Annotated[float, typer.Option(help="The precision that 'recall at precision' asks for.")] = 0.5,
    confidence: Annotated[float, typer.Option(help="Confidence of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Seed of the folds and of all that is drawn at random.")] = 0,
    jobs: Annotated[int | None, typer.Option(help="Threads. Default: the library's.")] = None,
    sep: Annotated[str | None, typer.Option(help="What parts the columns of a CSV file. Default: found by itself.")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of a CSV file, as 'cp1252'. Default: found by itself.")
    ] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal point of a CSV file. Default: found by itself.")] = None,
    output: Annotated[
        pathlib.Path | None, typer.Option(help="Folder of results. Default: <data>-comparison. Run again to go on.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Throw away what is in the folder.")] = False,
    report: Annotated[bool, typer.Option(help="Write report.html.")] = True,
    save: Annotated[
        pathlib.Path | None, typer.Option(help="Folder to write the recommended classifier to, fitted to all rows.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="What to print.")] = Form.table,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Every loss beside honest baselines on your data, by repeated cross-validation."""
    with _complaints(), _busy(f"reading {data}", quiet) as rest, warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message="stopped after")
        import boost_imbalance
        from boost_imbalance.comparison import sources
        from boost_imbalance.comparison.columns import Given
        from boost_imbalance.comparison.problem import Problem, merged, spellings

        found = sources.read(data, target or (), drop or (), group, time, _separator(sep), encoding, decimal)
        alike = spellings(found.y) if merge_labels is None else []
        told = [f"Labels {_counted(one)} are taken for one; --no-merge-labels keeps them apart." for one in alike]
        merge_labels = bool(merge_labels or alike)
        labels = merged(found.y) if merge_labels else found.y
        if positive is not None and merge_labels:
            positive = positive.strip().casefold()
        pos_label = None if positive is None else _class_named(labels, positive)
        problem = Problem.of(found.X, found.y, found.name, pos_label, found.groups, found.time, merge_labels)
        problem = dataclasses.replace(problem, reading=found.lines)

        def tell(summary: Summary) -> None:
            rest()
            _tell((*found.remarks, *told), summary, problem.rows)

        folder = pathlib.Path(f"{found.name}-comparison") if output is None else output
        result = boost_imbalance.compare(
            *cast("Any", (Given(problem, tell, context.obj or ""), None)),  # read already, and told of on the way
            losses=_losses(loss),
            baselines=None if baseline is None else [cast("Any", name) for name in baseline if name != "none"],
            library=None if library is None else library.value,
            goal=goal,
            folds=folds,
            repeats=repeats if repeats is not None else 1 if time else 2,
            tune=tune,
            tune_for=tune_for.value,
            precision=precision,
            confidence=confidence,
            seed=seed,
            n_jobs=jobs,
            output=folder,
            restart=restart,
            progress=not quiet,
            name=found.name,
        )
    with _complaints():
        _write(result, folder, report)
    _print(result, form, folder, report)
    if save is not None:
        with _complaints():
            written = result.save(save, found.X, labels)
        Console(stderr=True).print(f"Saved: {', '.join(map(str, written))}", markup=False, highlight=False)
    said = [str(warning.message) for warning in caught if str(warning.message).startswith(("stopped after", "tuning "))]
    for message in said:
        Console(stderr=True).print(message, style="yellow", markup=False, highlight=False)
    if any(message.startswith("stopped after") for message in said):
        raise typer.Exit(INTERRUPTED)


@app.command()
def report(
    folder: Annotated[pathlib.Path, typer.Argument(help="Folder of results.")],
    goal: Annotated[str | None, typer.Option(help=f"Another goal: {_GOALS}")] = None,
    form: Annotated[Form, typer.Option("--format", help="What to print.")] = Form.table,
) -> None:
    """Print and write again what a comparison has left in its folder."""
    from boost_imbalance.comparison.comparison import Comparison

    with _complaints():
        result = Comparison.read(folder)
        if goal is not None:
            result = result.for_goal(goal)
        _write(result, folder, True)
    _print(result, form, folder, True)


@app.command()
def datasets() -> None:
    """List the named sets."""
    from boost_imbalance.comparison import sources

    console = Console()
    for package, names in sources.names().items():
        console.print(f"[bold]{package}[/]: {', '.join(names)}", highlight=False)


def _counted(rows: dict[Any, int]) -> str:
    """Labels with their numbers of rows."""
    return " and ".join(f"{label!r} ({count} rows)" for label, count in rows.items())


def _tell(remarks: tuple[str, ...], summary: Summary, rows: int) -> None:
    from boost_imbalance.comparison import terminal

    console = Console(stderr=True)
    for remark in remarks:
        console.print(_in_options(remark), style="yellow", markup=False, highlight=False)
    terminal.show_columns(summary, rows, console)


@contextlib.contextmanager
def _busy(what: str, quiet: bool) -> Iterator[Callable[[], None]]:
    """Something that moves on the terminal until the block ends, or the function that it gives is called."""
    from rich.markup import escape

    status = Console(stderr=True).status(escape(what))
    if not quiet:
        status.start()
    try:
        yield status.stop
    finally:
        status.stop()


def _separator(text: str | None) -> str | None:
    """A separator as a shell lets it be written."""
    return {r"\t": "\t", "tab": "\t"}.get(text, text) if text is not None else None


def _in_options(message: str) -> str:
    """A sentence about parameters of Python in the words of the command line."""

    def option(found: re.Match[str]) -> str:
        name, value = found["name"], found.groupdict().get("value") or ""
        value = "" if value == "True" else f" {value}" if value else ""
        return f"--{_RENAMED.get(name, name).replace('_', '-')}{value}"

    if message.startswith("goal is"):  # which goes on with goals, not with options
        return f"--{message}"
    message = re.sub(rf"^(?P<name>{_PARAMETERS})(?= (?:is|are|holds|needs|and)\b)", option, message)
    message = re.sub(rf"\b(?P<name>{_PARAMETERS})=(?P<value>\w*)", option, message)
    message = message.replace("y = y.str.strip().str.casefold()", "--merge-labels")
    return re.sub(r"^(columns? .*)\bleave (it|them) out\b", r"\1leave \2 out with --drop", message)


def _write(result: Comparison, folder: pathlib.Path, report: bool) -> None:
    result.to_json(folder / "comparison.json")
    result.to_csv(folder / "comparison.csv")
    if report:
        result.to_html(folder / "report.html")


def _print(result: Comparison, form: Form, folder: pathlib.Path, report: bool) -> None:
    from boost_imbalance.comparison import terminal

    if form is not Form.table:
        print((folder / f"comparison.{form.value}").read_text(encoding="utf-8"), end="")
        return
    console = Console()
    terminal.show(result, console)
    for library in result.libraries:
        name = result.recommended(library)
        if result.records_of(name, library):
            console.print(f"\n{name}, {library}:", style="bold", markup=False, highlight=False)
            print(result.code(library=library))
    console.print(f"Written: {folder / 'report.html' if report else folder}", markup=False, highlight=False)


def _losses(given: list[str] | None) -> Any:
    """Objectives by their text, such as ``focal:gamma=1``."""
    from boost_imbalance.comparison.candidates import losses

    if given is None:
        return None
    found: dict[str, Any] = {}
    for text in given:
        name, _, arguments = text.partition(":")
        if not arguments:
            found[name] = name
            continue
        if name not in losses():
            raise ValueError(f"loss is {name!r}; give one of {', '.join(losses())}.")
        if losses()[name].params:  # which a loss alone does not carry
            raise ValueError(f"loss is {text!r}; {name} takes no parameters, so write it alone.")
        known = losses()[name].loss
        assert known is not None
        found[text] = known.replace(**_assigned(text, arguments))
    return found


def _assigned(text: str, arguments: str) -> dict[str, Any]:
    """Keyword arguments as Python reads them; a bare word is a string."""
    try:
        call: Any = ast.parse(f"f({arguments})", mode="eval").body
        if call.args or any(one.arg is None for one in call.keywords):
            raise ValueError
        return {
            one.arg: one.value.id if isinstance(one.value, ast.Name) else ast.literal_eval(one.value)
            for one in call.keywords
        }
    except (ValueError, SyntaxError):
        raise ValueError(f"loss is {text!r}; write parameters as in focal:gamma=1,tau=0.5.") from None


def _class_named(y: Any, text: str) -> Any:
    import numpy as np
    import pandas

    values = pandas.Series(np.ravel(y)).dropna().unique().tolist()
    for value in values:
        if text in (str(value), f"{value:g}" if isinstance(value, float) else None):
            return value
    raise ValueError(f"positive is {text!r}; the classes are {', '.join(sorted(map(str, values))[:20])}.")


@contextlib.contextmanager
def _complaints() -> Iterator[None]:
    """A block whose complaint about an argument ends the command without a traceback."""
    try:
        yield
    except (ValueError, TypeError, ImportError, OSError, RuntimeError) as error:
        Console(stderr=True).print(f"error: {_in_options(str(error))}", style="red", markup=False, highlight=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        Console(stderr=True).print("stopped before anything more was trained; call again to go on", style="yellow")
        raise typer.Exit(INTERRUPTED) from None


def main() -> None:
    """Run the command."""
    app(obj=shlex.join(["boost-imbalance", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
