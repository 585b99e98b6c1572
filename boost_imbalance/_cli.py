"""The command ``boost-imbalance``."""

from __future__ import annotations

import ast
import pathlib
import warnings
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

try:
    import typer
    from rich.console import Console
except ModuleNotFoundError:
    raise SystemExit("The command needs typer and rich; install them with pip install 'boost-imbalance[compare]'.") from None

if TYPE_CHECKING:
    from boost_imbalance.comparison.comparison import Comparison

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
INTERRUPTED = 130
_GOALS = (
    "What the model is for: f1, balanced_accuracy, recall=0.9, precision=0.5, false_positive_rate=0.01, alarms=0.02, "
    "top=100, cost:fn=500,fp=10 or cost=FILE.csv."
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


@app.callback()
def _about() -> None:
    """Losses for imbalanced data, compared."""


@app.command()
def compare(
    data: Annotated[str, typer.Argument(help="A CSV or Parquet file, or a named set (see 'datasets').")],
    target: Annotated[
        list[str] | None, typer.Option("--target", "-y", help="Column of labels; several: multi-label.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Column to leave out.")] = None,
    group: Annotated[str | None, typer.Option(help="Column whose rows stay on one side of a split.")] = None,
    positive: Annotated[str | None, typer.Option(help="The positive one of two classes; else the rarer.")] = None,
    library: Annotated[Choice | None, typer.Option(help="Default: XGBoost where it is installed.")] = None,
    loss: Annotated[
        list[str] | None, typer.Option(help="A loss by name, as 'focal' or 'focal:gamma=1,tau=0.5'. Default: all.")
    ] = None,
    baseline: Annotated[list[str] | None, typer.Option(help="Beside built-in; 'none': no other. Default: all.")] = None,
    goal: Annotated[str, typer.Option(help=_GOALS)] = "f1",
    folds: Annotated[int, typer.Option(min=2)] = 5,
    repeats: Annotated[int, typer.Option(min=1)] = 2,
    tune: Annotated[int, typer.Option(min=0, help="Trials of a study for each candidate in each fold.")] = 0,
    tune_for: Annotated[Goal, typer.Option(help="The metric that a study optimises.")] = Goal.average_precision,
    precision: Annotated[float, typer.Option(help="The precision that 'recall at precision' asks for.")] = 0.5,
    confidence: Annotated[float, typer.Option(help="Confidence of the intervals.")] = 0.95,
    seed: int = 0,
    jobs: Annotated[int | None, typer.Option(help="Threads. Default: the library's.")] = None,
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
    import boost_imbalance
    from boost_imbalance.comparison import sources

    found = _or_exit(sources.read, data, target or (), [*(drop or ()), *([group] if group else [])])
    groups = None if group is None else _or_exit(sources.column, data, group)
    folder = pathlib.Path(f"{found.name}-comparison") if output is None else output
    wanted = {
        "losses": _or_exit(_losses, loss),
        "baselines": None if baseline is None else [name for name in baseline if name != "none"],
        "library": None if library is None else library.value,
        "pos_label": None if positive is None else _or_exit(_class_named, found.y, positive),
        "groups": groups,
        "goal": goal,
        "tune_for": tune_for.value,
        "n_jobs": jobs,
        "progress": not quiet,
    }
    numbers = {
        "folds": folds,
        "repeats": repeats,
        "tune": tune,
        "precision": precision,
        "confidence": confidence,
        "seed": seed,
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message="stopped after")
        result = _or_exit(
            boost_imbalance.compare, found.X, found.y, name=found.name, output=folder, restart=restart, **wanted, **numbers
        )
    _or_exit(_write, result, folder, report)
    _print(result, form, folder, report)
    if save is not None:
        written = _or_exit(result.save, save, found.X, found.y)
        Console().print(f"Saved: {', '.join(map(str, written))}", markup=False, highlight=False)
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

    result = _or_exit(Comparison.read, folder)
    if goal is not None:
        result = _or_exit(result.for_goal, goal)
    _or_exit(_write, result, folder, True)
    _print(result, form, folder, True)


@app.command()
def datasets() -> None:
    """List the named sets."""
    from boost_imbalance.comparison import sources

    console = Console()
    for package, names in sources.names().items():
        console.print(f"[bold]{package}[/]: {', '.join(names)}", highlight=False)


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


def _or_exit(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a function; its complaint about an argument ends the command without a traceback."""
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError, ImportError, OSError, RuntimeError) as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False, highlight=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        Console(stderr=True).print("stopped before anything more was trained; call again to go on", style="yellow")
        raise typer.Exit(INTERRUPTED) from None


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
