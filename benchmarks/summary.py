"""BENCHMARKS.md and its pictures, from ``results/``: what was measured, in two pages.

python benchmarks/summary.py            # writes them; needs matplotlib
python benchmarks/summary.py --text     # the page alone

Every figure on the page is read or computed here, so that none can differ from the data. Tables have at most 7 columns and
12 rows; whoever wants all finds them on the pages of ``docs/benchmarks``.
"""

from __future__ import annotations

import argparse
import io
import math
import pathlib
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from results import FOLDER, Row, read

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE, PICTURES = ROOT / "BENCHMARKS.md", ROOT / "docs" / "benchmarks"
LIBRARIES = {"xgboost": "XGBoost", "lightgbm": "LightGBM"}
LOSSES = ("weighted", "class-balanced", "focal", "asymmetric", "logit-adjusted", "adaptive")
BASELINES = ("tuned threshold", "class weights", "over-sampling", "under-sampling")
PEERS = (
    "gbdtCBL focal 2",
    "bokbokbok focal 2",
    "imlightgbm focal 2",
    "gbdtCBL asymmetric 0, 4, 0.05",
    "gbdtCBL class-balanced",
)
CONTESTED = {"average_precision": "average precision", "log_loss": "log loss"}
ROUNDS = "rounds, times the built-in's"
OBJECTIVES = ("built-in", "built-in, max_delta_step 1", "residual", "safeguarded")


def one(name: str, **wanted: str) -> Row:
    """The only row of a file that has these values."""
    (row,) = read(name, **wanted)
    return row


def value(name: str, column: str, **wanted: str) -> float:
    """One figure."""
    return float(one(name, **wanted)[column])


def interval(row: Row, column: str = "difference", half: str = "half", digits: int = 3, sign: str = "+") -> str:
    """A difference or a ratio with half its interval, bold where that leaves out "no difference"."""
    mean, spread = float(row[column]), float(row[half])
    text = f"{mean:{sign}.{digits}f} ± {spread:.{digits}f}"
    return f"**{text}**" if row.get("beyond_noise") == "True" else text


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def span(values: Iterable[float], digits: int) -> str:
    """The smallest and the largest, or one figure where both round to the same."""
    ordered = sorted(values)
    low, high = (f"{found:.{digits}f}" for found in (ordered[0], ordered[-1]))
    return low if low == high else f"{low} to {high}"


def geometric(values: Iterable[float]) -> float:
    """The mean of ratios."""
    logs = [math.log(one) for one in values]
    return math.exp(sum(logs) / len(logs))


# How fast is it?


def nanoseconds(loss: str, candidate: str, **wanted: str) -> float:
    """Of a kernel, for each margin."""
    return value("kernel.csv", "ns_per_margin", loss=loss, candidate=candidate, **{"caches": "cold", **wanted})


def fastest(loss: str) -> float | None:
    """Of the other packages that compute what they say."""
    found = [float(row["ns_per_margin"]) for row in read("kernel.csv", loss=loss, kind="peer", right="True", caches="cold")]
    return min(found, default=None)


def ratio(library: str, classes: int, objective: str) -> float:
    """How many times as long as with the library's own objective a training takes."""
    return value("training.csv", "ratio", library=library, classes=str(classes), objective=objective)


def gpu_round(rows: int, columns: int, candidate: str) -> Row:
    """A round of training on a GPU."""
    return one("gpu.csv", what="round", rows=str(rows), columns=str(columns), candidate=candidate)


GPU_CASES = ((1_000_000, 1), (1_000_000, 10), (10_000_000, 1), (10_000_000, 10))
FOCAL, SOFTMAX = "binary focal, gamma 2", "softmax focal, gamma 2, K = 10"
OURS = "boost-imbalance"


def how_fast() -> str:
    ours, by_numpy, by_peer = nanoseconds(FOCAL, OURS), nanoseconds(FOCAL, "NumPy"), fastest(FOCAL) or math.nan
    slowest = [ratio("xgboost", classes, "focal, gamma 2") for classes in (2, 5)]
    same = [100 * (ratio("xgboost", classes, "focusing 0") - 1) for classes in (2, 5)]
    lightgbm = [ratio("lightgbm", classes, "focal, gamma 2") for classes in (2, 5)]
    on_gpu = [float(gpu_round(*case, "focal, gamma 2")["ratio"]) for case in GPU_CASES]
    from_host = [float(gpu_round(*case, "focusing 0, on the host")["ratio"]) for case in GPU_CASES]
    together = value("multilabel.csv", "time_ratio", labels="20", model="one, all labels")
    return f"""
**On the CPU the objective costs little.** One thread computes gradient and Hessian of a binary
focal loss in {ours:.2f} ns per row. NumPy takes {by_numpy / ours:.0f} times as long, the fastest of the other
packages in that run {by_peer / ours:.0f} times. A whole training takes {100 * (min(slowest) - 1):.0f}% longer than
with XGBoost's own objective ({span(same, 0)}% with the same trees), and
{100 * (1 - max(lightgbm)):.0f}% less time than with LightGBM's own. One LightGBM model for 20
labels trains in {together:.2f} of the time of 20 models.{measured_again()}

**On a GPU it is slower than the built-in objective**: a round takes {span(on_gpu, 1)} times as long
({span(from_host, 1)} times where the gradients come from the host). XGBoost gives a custom
objective its margins in the host's memory, and copying costs more than the kernel.

{speed_table()}

"Same trees" is the focal loss at gamma 0, which grows the trees of the built-in objective, so that only what a custom
objective costs differs. Caches are cold, but in the row of 2 threads. A goal is how many times faster at least, or how
much time at most; those that were missed are bold.

![Nanoseconds of kernels, and times of trainings beside the built-in objective](docs/benchmarks/speed.png)

More: [kernels and trainings](docs/benchmarks/speed.md), [GPU](docs/benchmarks/gpu.md), [many
labels](docs/benchmarks/many-labels.md).
"""


def measured_again() -> str:
    """The newer measurement beside more packages, with the present default Hessian."""
    if not (FOLDER / "peers_speed.csv").exists():
        return ""
    found = read("peers_speed.csv", what="gradient and Hessian", loss="focal, gamma 2")
    rows = sorted((row for row in found if not row["candidate"].startswith(OURS)), key=lambda row: float(row["times"]))
    sizes = sorted({int(row["rows"]) for row in rows})
    many, few = ([row for row in rows if int(row["rows"]) == size] for size in (sizes[-1], sizes[0]))
    training = [
        value("peers_speed.csv", "times", what="100 rounds", library=library, candidate=OURS) for library in LIBRARIES
    ]
    return f"""

Measured again beside more packages, with today's default Hessian and other work on the machine: the fastest,
{many[0]["candidate"]}, takes {float(many[0]["times"]):.1f} times as long, the others {float(many[1]["times"]):.0f} to
{float(many[-1]["times"]):.0f} times. On {sizes[0]} rows {few[0]["candidate"]} takes {float(few[0]["times"]):.2f}
times as long as this package: there a call costs more than its rows. A training of 100 rounds on 100 000 rows takes
{span(training, 2)} times the processor time of the built-in objective."""


def speed_table() -> str:
    def kernel(work: str, ours: float, other: str, theirs: float | None, goal: str, reached: bool) -> list[str]:
        times = (theirs or math.nan) / ours
        shown = f"{times:.{0 if times >= 10 else 1}f} times faster"
        return [
            work,
            f"{ours:.2f} ns",
            f"{other}: {theirs:.{2 if other == '1 thread' else 1}f} ns",
            shown,
            met(reached, goal),
        ]

    def training(library: str, classes: int) -> list[str]:
        seconds = {
            name: float(row["seconds"])
            for name in ("built-in", "focusing 0")
            for row in read("training.csv", library=library, classes=str(classes), objective=name)
            if row["seconds"]
        }
        times = ratio(library, classes, "focusing 0")
        work = f"training, {LIBRARIES[library]}, {classes} classes, same trees"
        cells = [work, f"{seconds['focusing 0']:.2f} s", f"built-in: {seconds['built-in']:.2f} s"]
        return [*cells, f"{times:.2f} times the time", met(round(times, 2) <= 1.02, "1.02 times")]

    def on_gpu(rows: int, columns: int) -> list[str]:
        own, ours = (gpu_round(rows, columns, name) for name in ("built-in", "focal, gamma 2"))
        work = f"round on a GPU, {rows:.0e} rows".replace("e+0", "e") + (f", {columns} classes" if columns > 1 else "")
        cells = [work, f"{float(ours['ms']):.1f} ms", f"built-in: {float(own['ms']):.1f} ms"]
        return [*cells, f"{float(ours['ratio']):.1f} times the time", met(float(ours["ratio"]) <= 1.05, "1.05 times")]

    asymmetric = "asymmetric 0, 4, 0.05"
    losses = {"focal": FOCAL, "asymmetric": asymmetric, "weighted": "weighted"}
    ours = {name: nanoseconds(loss, OURS) for name, loss in losses.items()}
    by_numpy = {name: nanoseconds(loss, "NumPy") for name, loss in losses.items()}
    wide, wide_numpy, peer = nanoseconds(SOFTMAX, f"{OURS}, row-major"), nanoseconds(SOFTMAX, "NumPy"), fastest(FOCAL)
    one_thread, two = (nanoseconds(FOCAL, OURS, caches="warm", threads=threads) for threads in ("1", "2"))
    times = {name: by_numpy[name] / ours[name] for name in losses}
    rows = [
        kernel("kernel, focal", ours["focal"], "NumPy", by_numpy["focal"], "12 times", times["focal"] >= 12),
        kernel("kernel, focal", ours["focal"], "fastest package", peer, "6 times", (peer or 0.0) >= 6 * ours["focal"]),
        kernel("kernel, focal, 2 threads", two, "1 thread", one_thread, "1.7 times", one_thread >= 1.7 * two),
        kernel(
            "kernel, asymmetric", ours["asymmetric"], "NumPy", by_numpy["asymmetric"], "1.5 ns", ours["asymmetric"] <= 1.5
        ),
        kernel(
            "kernel, class weights", ours["weighted"], "NumPy", by_numpy["weighted"], "12 times", times["weighted"] >= 12
        ),
        kernel("kernel, softmax focal, 10 classes", wide, "NumPy", wide_numpy, "2 ns", wide <= 2.0),
        *(training(library, classes) for library in LIBRARIES for classes in (2, 5)),
        on_gpu(1_000_000, 1),
        on_gpu(10_000_000, 10),
    ]
    return table(["work", "this package", "compared with", "ratio", "goal"], rows)


def met(reached: bool, goal: str) -> str:
    return goal if reached else f"**{goal}: missed**"


# Does it help?


def evidence(candidate: str, metric: str, library: str = "xgboost", task: str = "binary", study: str = "defaults") -> Row:
    """A difference to the built-in objective, mean over data sets."""
    return one("evidence.csv", study=study, task=task, library=library, candidate=candidate, metric=metric)


def counted() -> dict[str, int]:
    """On how many sets a loss is better, as good, or worse than the built-in objective, by the interval of its folds."""
    rows = [row for row in read("evidence.csv", study="defaults") if row["candidate"] in LOSSES and row["better"]]
    return {verdict: sum(int(row[verdict]) for row in rows) for verdict in ("better", "tie", "worse")}


def decision_worth(library: str, goal: str) -> dict[str, Any]:
    """Geometric means over sets: costs decided by the rule, as a part of those at 0.5 and of the least known afterwards."""
    rows = read("decisions.csv", library=library, goal=goal)
    return {
        "of at_half": geometric(float(row["decided"]) / float(row["at_half"]) for row in rows),
        "of best_afterwards": geometric(float(row["decided"]) / float(row["best_afterwards"]) for row in rows),
        "within noise": sum(row["within_noise"] == "True" for row in rows),
        "sets": len(rows),
    }


def wrong_labels(share: str, loss: str, column: str) -> list[float]:
    """Average precision with so many labels flipped either way, in each library."""
    kind = "right labels" if share == "0.0" else "wrong either way"
    wanted = {"configuration": "early stopping", "labels": kind, "metric": "average precision"}
    return [value("noise.csv", column, library=library, share=share, loss=loss, **wanted) for library in LIBRARIES]


def does_it_help() -> str:
    seen = counted()
    of_tuned = [
        row
        for metric in ("average precision", "log loss")
        for row in read("evidence.csv", study="tuned", metric=metric)
        if row["candidate"] in LOSSES
    ]
    better = {"average precision": 1, "log loss": -1}
    assert not any(
        row["beyond_noise"] == "True" and float(row["difference"]) * better[row["metric"]] > 0 for row in of_tuned
    )
    tuned = [float(row["difference"]) for row in of_tuned if row["metric"] == "log loss"]
    f1 = [float(row["difference"]) for row in read("classifiers.csv", task="binary", metric="F1, f1 instead of posterior")]
    of_half = [decision_worth(library, "a miss costs even")["of at_half"] for library in LIBRARIES]
    ten = [decision_worth(library, "a miss costs 10")["of at_half"] for library in LIBRARIES]
    clean, flipped = (wrong_labels(share, "cross-entropy", "mean") for share in ("0.0", "0.3"))
    lost = [before - after for before, after in zip(clean, flipped, strict=True)]
    losses = {row["loss"] for row in read("noise.csv", share="0.3")} - {"cross-entropy"}
    change = max(abs(found) for loss in losses for found in wrong_labels("0.3", loss, "difference"))
    rows = read("evidence.csv", study="defaults", metric="log loss")
    costs = [
        float(row["difference"]) for row in rows if row["candidate"] in BASELINES[1:] and row["task"] in ("binary", "keel")
    ]
    return f"""
**No loss ranks better, or gives better probabilities, than the libraries' own objective.** Of {sum(seen.values())}
comparisons (six losses at their defaults, 37 data sets, two libraries, average precision and log loss)
a loss was better by more than its 95% interval in {seen["better"]}, tied in {seen["tie"]} and worse in {seen["worse"]}.
Tuned by 8 trials each, the losses cost {span(tuned, 3)} of log loss on the
binary sets, and none is better beyond its
interval.

**What does help is how you decide.** Thresholds tuned for F1 raise it by {span(f1, 2)} on the 8 binary sets, with the
built-in loss. Deciding by costs, from plain probabilities, costs {span(of_half, 2)} times as much as a threshold of 0.5
if both classes have the same total weight, and {span(ten, 2)} times if a miss costs as much as 10 false alarms. [Fewer
trees](#which-defaults-and-why) is the other gain.

**A loss of this package keeps probabilities calibrated**, which the libraries' class weights and resampling do not:
those cost {span(costs, 2)} of log loss in binary tasks.

**Wrong labels are not repaired** by any loss: with 30% flipped, cross-entropy loses {span(lost, 2)} of average
precision, and no loss changes that by more than {change:.3f}.

{help_table()}

Eight binary sets, XGBoost; differences to the built-in objective, mean over sets ± half a 95% interval over sets,
bold where the interval excludes 0. "Sets" counts those where average precision is better, tied and worse; "rounds" is a
multiple of the built-in's. In the picture the interval of under-sampling is cut off.

![Differences to the built-in objective with intervals, by candidate and library](docs/benchmarks/helps.png)

More: [which loss helps](docs/benchmarks/losses.md), [set by set](docs/benchmarks/sets.md), [the classifiers, loss by
loss](docs/benchmarks/classifiers.md), [decisions](docs/benchmarks/decisions.md), [wrong
labels](docs/benchmarks/wrong-labels.md).
"""


SHOWN = {
    "average precision": "average precision",
    "log loss": "log loss",
    "macro F1": "macro F1",
    "balanced accuracy": "balanced accuracy",
}


def help_table() -> str:
    rows = [["built-in", *(evidence("built-in", metric)["mean"] for metric in SHOWN), "", ""]]
    for name in (*BASELINES, *LOSSES):
        cells = [interval(evidence(name, metric)) for metric in SHOWN]
        judged = evidence(name, "average precision")
        counts = "/".join(judged[verdict] for verdict in ("better", "tie", "worse"))
        rows.append([name, *cells, counts, evidence(name, ROUNDS)["mean"]])
    return table(["", *SHOWN.values(), "sets", "rounds"], rows)


# Which defaults, and why?


def trees(library: str, objective: str, rate: str, loss: str = "cross-entropy", size: str = "small") -> Row:
    """Rounds and quality against the library's own objective at the lowest rate, on the binary sets."""
    return one("trees.csv", task="binary", library=library, size=size, loss=loss, objective=objective, rate=rate)


def choice(candidate: str, metric: str, task: str, library: str = "xgboost", study: str = "hessians") -> Row:
    """A variant of a loss against the built-in objective."""
    return one("choices.csv", study=study, task=task, library=library, candidate=candidate, metric=metric)


def which_defaults() -> str:
    ours, rival = ([trees(library, name, "0.4") for library in LIBRARIES] for name in ("safeguarded", OBJECTIVES[1]))
    rounds = [float(row["rounds"]) for row in ours]
    training, predicting = ([float(row[part]) for row in ours] for part in ("training", "predicting"))
    lost = -float(ours[1]["average_precision"])
    gap = [
        float(mine["average_precision"]) - float(other["average_precision"]) for mine, other in zip(ours, rival, strict=True)
    ]
    return f"""
**Plain cross-entropy with `hessian="safeguarded"`**: no loss beats it everywhere, and it can be trained at a high
learning rate. At 0.4 it takes {span(rounds, 2)} of the rounds of the library's own objective at 0.05, at the same
quality with XGBoost. With LightGBM it loses {lost:.3f} of average precision, just beyond the interval.
`max_delta_step=1`, which both libraries have,
has an average precision {span(gap, 3)} lower after as few rounds. Prediction takes
{span(predicting, 1)} times as long, training {training[0]:.1f} times (XGBoost) and {training[1]:.1f} times (LightGBM)
on sets this small.

{defaults_table()}

In the first three rows, trees have depth 4 or 15 leaves, and training stops early; 8 binary sets. Log loss is a ratio
in rows 1 to 3 and 6, elsewhere a difference; average precision is a difference; 95%
intervals. Differences are bold where the interval excludes 0, but in rows 1 to 3 and 6. `scale="auto"` is the
default because the other choice, `"start"`, starved the
trees of one set.

![Average precision against the number of rounds, by objective and learning rate](docs/benchmarks/defaults.png)

More: [fewer trees](docs/benchmarks/trees.md), [which Hessian, scale, gamma and beta](docs/benchmarks/defaults.md),
and [why steps have to be kept short](docs/derivations.md).
"""


def defaults_table() -> str:
    def tree(name: str, rates: Sequence[str] = ("0.4", "0.4"), **wanted: str) -> list[str]:
        rows = [trees(library, name, rate, **wanted) for library, rate in zip(LIBRARIES, rates, strict=True)]
        found = [
            (
                interval(row, "log_loss", "log_loss_half", sign=""),
                interval(row, "average_precision", "average_precision_half"),
            )
            for row in rows
        ]
        return [cell for pair in found for cell in pair]

    def variant(name: str, task: str, study: str = "hessians") -> list[str]:
        metrics = ("log loss", "average precision")
        return [interval(choice(name, metric, task, library, study)) for library in LIBRARIES for metric in metrics]

    untouched = tree("safeguarded", ("0.3", "0.1"), size="untouched", loss="balanced")
    low, plain, terms = "built-in at 0.05", "built-in", '`"positive_terms"`'
    rows = [
        ['**`hessian="safeguarded"`** at 0.4', low, *tree("safeguarded")],
        ["`max_delta_step=1` at 0.4", low, *tree(OBJECTIVES[1])],
        ["built-in at 0.4", low, *tree("built-in")],
        ['class weights: **`"positive_terms"`**, KEEL', plain, *variant("weighted, positive_terms", "keel")],
        ['class weights: `"exact"`, KEEL', plain, *variant("weighted, exact", "keel")],
        ['class weights: `"safeguarded"`', terms, *untouched],
        ["**`gamma=1`**, multi-class", plain, *variant("focal 1", "multiclass", "gamma")],
        ["`gamma=2`, multi-class", plain, *variant("focal 2", "multiclass", "gamma")],
        ["**`beta=0.99`**, multi-class", plain, *variant("class-balanced 0.99, exact", "multiclass", "beta")],
        ["`beta=0.999`, multi-class", plain, *variant("class-balanced 0.999, exact", "multiclass", "beta")],
    ]
    columns = [f"{title}: {what}" for title in LIBRARIES.values() for what in ("log loss", "average precision")]
    return table(["setting (defaults bold)", "against", *columns], rows)


# Against whom?


def against_whom() -> str:
    focal = [evidence(name, "average precision", library) for name, library in theirs() if "focal" in name]
    probabilities = [evidence(name, "log loss", library) for name, library in theirs() if "focal" in name]
    rounds = [float(evidence(name, ROUNDS, library)["mean"]) for name, library in theirs() if "focal" in name]
    formulas = read("own_losses.csv")
    auto = [float(row["ns_per_margin"]) for row in formulas if row["how"].startswith(("PyTorch", "jaxboost"))]
    (here,) = (float(row["ns_per_margin"]) for row in formulas if row["how"].endswith("beside the two"))
    worse, cost = ([-float(row["difference"]) for row in focal], [float(row["difference"]) for row in probabilities])
    return f"""
**The focal losses of gbdtCBL, bokbokbok and imlightgbm rank worse on rare classes, are not calibrated, and take many
more rounds.** On the 8 binary sets they cost {span(worse, 2)} of average precision and {span(cost, 2)} of log loss
against the built-in objective, and take {span(rounds, 0)} times the rounds: they begin at probability 1/2, and their
Hessian is negative where a rare class is missed. On the 20 KEEL sets, where classes are less rare, they rank as well.
Derivatives by automatic differentiation take {span(auto, 0)} ns per row where these formulas take {here:.1f}. **The
libraries' own objectives are as good**: what this package adds to them is decisions, calibration and fewer rounds.
They are faster on a GPU, and with XGBoost by a few percent on the CPU.

{same_work() or peers_table()}

![Differences to the built-in objective of other packages' losses beside ours](docs/benchmarks/peers.png)

More: [other packages](docs/benchmarks/peers.md).
"""


def same_work() -> str:
    """Packages beside this one on the same rows, trees and folds, as far as that was measured."""
    measured = {name: rows for name in PARTS if (rows := part(name))}
    columns: dict[str, dict[str, str]] = {}
    focal = [row for row in measured.get("speed", ()) if row["loss"] == "focal, gamma 2" and row["library"] != "lightgbm"]
    for what in ("gradient and Hessian", "100 rounds"):
        columns[f"{what}, times"] = {
            row["candidate"]: f"{float(row['times']):.{0 if float(row['times']) >= 10 else 2}f}"
            for row in sorted(focal, key=lambda row: int(row["rows"]))  # the most rows come last, and stay
            if row["what"] == what
        }
    behaviour = measured.get("behaviour", ())
    columns["log loss as it comes"] = {row["candidate"]: f"{float(row['log_loss']):.3f}" for row in behaviour}
    columns["sample weights"] = {row["candidate"]: row["weights"].partition(":")[0] for row in behaviour}
    of_all = [row for row in measured.get("quality", ()) if row["set"] == "all" and row["low"]]  # more than one set
    for metric, title in CONTESTED.items():
        columns[f"{title}, tuned"] = {row["candidate"]: between(row) for row in of_all if row["metric"] == metric}
    columns = {title: {packaged(name): cell for name, cell in cells.items()} for title, cells in columns.items() if cells}
    order = dict.fromkeys(name for title in reversed(columns) for name in columns[title])
    names = [name for name in (OURS, *order) if not name.startswith(f"{OURS} ")]
    rows = [[name, *(cells.get(name, "") for cells in columns.values())] for name in dict.fromkeys(names)]
    rows = [
        ["this package, focal", *rows[0][1:]],
        *sorted(rows[1:], key=lambda row: ("this package" not in row[0], row.count("")))[:11],
    ]
    if not columns:
        return ""

    return f"{beside(measured)}\n\n{table(['', *columns], rows)}\n\n{better_than_ours(of_all)}{by_costs(of_all)}"


PARTS = ("speed", "behaviour", "quality")


def part(name: str) -> list[Row]:
    """One of the files about other packages, where it was measured."""
    file = f"peers_{name}.csv"
    return read(file) if (FOLDER / file).exists() else []


def beside(measured: dict[str, list[Row]]) -> str:
    """What the table says, and against what."""
    said = ["Packages beside each other on the same work."]
    if "speed" in measured:
        said.append(
            "Times are against this package for gradient and Hessian, against the library's own objective for 100 rounds."
        )
    if "behaviour" in measured:
        prevalence = one("peers_behaviour.csv", candidate=OURS)["log_loss_of_prevalence"]
        said.append(
            "Log loss as it comes is that of 60 rounds on 5% positives, of probabilities as a package's documentation "
            f"gets them; the share of positives alone has {float(prevalence):.3f}."
        )
    tuned = [row["set"] for row in measured.get("quality", ()) if row["metric"] == "average_precision"]
    if len(set(tuned)) > 2:  # sets, and all of them together
        said.append(
            f"Tuned: differences to this package's focal loss over {len(set(tuned)) - 1} sets, with as many trials each."
        )
    return " ".join(said)


def better_than_ours(of_all: list[Row]) -> str:
    """Who is better at what, beyond the interval over sets."""
    found = [row for row in of_all if row["verdict"] == "better" and row["metric"] in CONTESTED]
    listed = ", ".join(f"{packaged(row['candidate'])} ({CONTESTED[row['metric']]})" for row in found)
    if not any(row["metric"] in CONTESTED for row in of_all):
        return ""
    return f"Better than this package's focal loss beyond the interval: {listed or 'none'}. "


def by_costs(of_all: list[Row]) -> str:
    """A sentence on decisions by costs of each row."""
    saved = {row["candidate"]: row for row in of_all if row["metric"] == "savings"}
    rivals = [name for name in saved if name.startswith("empulse") or name.endswith("built-in by costs")]
    if not rivals:
        return ""

    (ours,) = (row for row in saved.values() if row["candidate"] == row["of"])
    listed = ", ".join(f"{between(saved[name])} with {name.replace(', ', ' ')}" for name in rivals)
    return (
        f"Decided by the costs of each row, on the {ours['runs']} sets that empulse brings, this package saves "
        f"{float(ours['mean']):.3f} of what no model costs. The difference to that is {listed}." + faster_at_costs()
    )


def faster_at_costs() -> str:
    """How long empulse's gradient of the expected cost takes."""
    found = [row for row in part("speed") if row["loss"] == "costs of each row" and row["candidate"] == "empulse"]
    return "".join(
        f" empulse computes the gradient of an expected cost in {float(row['times']):.2f} of the time." for row in found
    )


def packaged(candidate: str) -> str:
    """The package that a candidate is of."""
    known = {f"{OURS} focal": OURS, f"{OURS} default": "this package, cross-entropy", "jaxboost focal_loss": "jaxboost"}
    return known.get(candidate, candidate)


def between(row: Row) -> str:
    """A difference whose interval is given by its ends; a mean where it would be to itself."""
    if row["candidate"] == row["of"]:
        return f"{float(row['mean']):.3f}"
    text = f"{float(row['difference']):+.3f} ± {(float(row['high']) - float(row['low'])) / 2:.3f}"
    return text if row["verdict"] == "tie" else f"**{text}**"


def theirs() -> list[tuple[str, str]]:
    """Other packages' losses, each with a library that it was trained with."""
    rows = read("evidence.csv", study="defaults", task="binary", metric="log loss")
    return [(row["candidate"], row["library"]) for name in PEERS for row in rows if row["candidate"] == name]


def peers_table() -> str:
    rows = []
    for name in (*PEERS, "focal", "asymmetric", "class-balanced"):
        cells = []
        for library in LIBRARIES:
            if name in PEERS and (name, library) not in theirs():
                cells += ["", "", ""]
                continue
            found = [interval(evidence(name, metric, library)) for metric in ("average precision", "log loss")]
            cells += [*found, evidence(name, ROUNDS, library)["mean"]]
        rows.append([name if name in PEERS else f"this package: {name}", *cells])
    headings = [f"{title}: {what}" for title in LIBRARIES.values() for what in ("average precision", "log loss", "rounds")]
    return f"""{table(["loss", *headings], rows)}

Eight binary sets; differences to the built-in objective, mean ± half a 95% interval over sets. gbdtCBL's class-balanced
loss does not train on XGBoost: its weights are too small for `min_child_weight`. imbalance-xgboost 0.8.1 does not run
with XGBoost 3."""


# The page


QUESTIONS = {
    "How fast is it?": how_fast,
    "Does it help?": does_it_help,
    "Which defaults, and why?": which_defaults,
    "Against whom?": against_whom,
}


def text() -> str:
    """BENCHMARKS.md."""
    parts = [f"## {question}\n\n{answer().strip()}" for question, answer in QUESTIONS.items()]
    return wrapped(f"""# Benchmarks

Four questions, each with a table and a picture. `python benchmarks/summary.py` writes this page from
`benchmarks/results/`; [what was run, when and where](docs/benchmarks/files.md) is there too, and all the tables are
on pages of their own. Unless a page says otherwise, the machine is a virtual x86-64 server with 2 cores and 512-bit
SIMD, shared with others: each comparison was interleaved in one run, and ratios mean more than times.

{chr(10).join(f"{part}{chr(10)}" for part in parts)}""")


def wrapped(page: str) -> str:
    """With paragraphs of even lines, whatever figures are in them."""
    paragraphs = re.split(r"\n{2,}", page.rstrip())
    filled = [
        part
        if part.startswith(("#", "|", "!"))
        else textwrap.fill(part, 125, break_long_words=False, break_on_hyphens=False)
        for part in paragraphs
    ]
    return "\n\n".join(filled) + "\n"


# Pictures


def forest(ax: Any, names: Sequence[str], metric: str, colors: Sequence[str]) -> None:
    """Differences with their intervals, a line for each candidate."""
    for place, (library, color) in enumerate(zip(LIBRARIES, colors, strict=False)):
        found = {
            row["candidate"]: row
            for row in read("evidence.csv", study="defaults", task="binary", library=library, metric=metric)
        }
        rows = [(i, found[name]) for i, name in enumerate(names) if name in found]
        ax.errorbar(
            [float(row["difference"]) for _, row in rows],
            [i + 0.3 * (place - 0.5) for i, _ in rows],
            xerr=[float(row["half"]) for _, row in rows],
            fmt="os"[place],
            color=color,
            markersize=4,
            elinewidth=1.2,
            capsize=2,
            label=LIBRARIES[library],
        )
    ax.axvline(0.0, color="0.5", linestyle=":", linewidth=1.2)
    ax.set(title=metric, yticks=range(len(names)), yticklabels=names, xlabel="difference to built-in")
    ax.set_ylim(len(names) - 0.5, -0.5)


def draw(folder: pathlib.Path) -> None:
    """A picture for each question."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    from boost_imbalance.plots.drawing import PALETTE

    plt.rcParams |= {"axes.grid": True, "grid.alpha": 0.25, "axes.axisbelow": True, "font.size": 8.5}

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.7), layout="constrained", width_ratios=(1.3, 1))
    cases = {
        "focal": FOCAL,
        "asymmetric": "asymmetric 0, 4, 0.05",
        "class weights": "weighted",
        "softmax, 10 classes": SOFTMAX,
    }
    own = {loss: f"{OURS}, row-major" if loss == SOFTMAX else OURS for loss in cases.values()}
    contest = {
        OURS: {loss: nanoseconds(loss, name) for loss, name in own.items()},
        "NumPy": {loss: nanoseconds(loss, "NumPy") for loss in own},
        "fastest other package": {loss: found for loss in own if (found := fastest(loss))},
        "copy of the same bytes": {loss: nanoseconds(loss, "copy of the same bytes") for loss in own},
    }
    for k, (label, found) in enumerate(contest.items()):
        places = [i + 0.2 * (k - 1.5) for i, loss in enumerate(own) if loss in found]
        left.barh(places, list(found.values()), 0.19, color=PALETTE[k], label=label)
    left.set(xscale="log", yticks=range(len(cases)), yticklabels=cases, xlabel="ns per margin, one thread")
    left.invert_yaxis()
    left.legend(loc="lower center", bbox_to_anchor=(0.35, 1.0), ncols=2, frameon=False)
    trained = [(library, classes) for library in LIBRARIES for classes in (2, 5)]
    names = [f"{LIBRARIES[library]}, {classes} classes" for library, classes in trained]
    names += [f"GPU, {rows:.0e} rows, {max(2, columns)} classes".replace("e+0", "e") for rows, columns in GPU_CASES]
    for k, objective in enumerate(("focusing 0", "focal, gamma 2")):
        times = [ratio(library, classes, objective) for library, classes in trained]
        times += [float(gpu_round(*case, objective)["ratio"]) for case in GPU_CASES]
        label = {"focusing 0": "same trees", "focal, gamma 2": "focal loss"}[objective]
        right.plot(
            times,
            [i + 0.24 * (k - 0.5) for i in range(len(names))],
            "os"[k],
            color=PALETTE[(0, 4)[k]],
            markersize=5,
            label=label,
        )
    right.axvline(1.0, color="0.5", linestyle=":", linewidth=1.2, label="built-in objective")
    right.set(yticks=range(len(names)), yticklabels=names, xlabel="time, times the built-in objective's", xlim=(0.7, None))
    right.invert_yaxis()
    right.legend(loc="lower center", bbox_to_anchor=(0.35, 1.0), ncols=2, frameon=False)
    save(figure, folder / "speed.png")

    figure, axes = plt.subplots(1, 3, figsize=(8.5, 3.4), layout="constrained", sharey=True)
    for ax, metric in zip(axes, ("average precision", "log loss", "macro F1"), strict=True):
        forest(ax, (*BASELINES, *LOSSES), metric, PALETTE)
    axes[0].set_xlim(-0.08, 0.03)
    axes[1].legend(loc="lower right", framealpha=0.9)
    save(figure, folder / "helps.png")

    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.2), layout="constrained", sharey=True)
    for ax, library in zip(axes, LIBRARIES, strict=True):
        found = read("trees.csv", task="binary", library=library, size="small", loss="cross-entropy")
        for k, name in enumerate(OBJECTIVES):
            rows = sorted((row for row in found if row["objective"] == name), key=lambda row: float(row["rate"]))
            x, y, half = (
                [float(row[key]) for row in rows] for key in ("rounds", "average_precision", "average_precision_half")
            )
            ax.errorbar(
                x, y, yerr=half, marker="osD^"[k], color=PALETTE[k], markersize=4, elinewidth=0.9, capsize=2, label=name
            )
        ax.axhline(0.0, color="0.5", linestyle=":", linewidth=1.2)
        ax.set(
            xscale="log",
            ylim=(-0.03, 0.01),
            title=LIBRARIES[library],
            xlabel="rounds, as a part of the built-in's at rate 0.05",
        )
        ax.set_xticks([0.1, 0.2, 0.5, 1.0, 2.0], ["0.1", "0.2", "0.5", "1", "2"], minor=False)
        ax.minorticks_off()
    axes[0].set_ylabel("average precision, difference")
    axes[0].legend(loc="lower right", framealpha=0.9, title="learning rates 0.5 to 0.05")
    save(figure, folder / "defaults.png")

    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.0), layout="constrained", sharey=True)
    for ax, metric in zip(axes, ("average precision", "log loss"), strict=True):
        shown = [name for name in PEERS if name != "gbdtCBL class-balanced"]
        forest(ax, (*shown, "focal", "asymmetric"), metric, PALETTE)
    axes[1].legend(loc="lower right", framealpha=0.9)
    labels = [*shown, "focal, this package", "asymmetric, this package"]
    axes[0].set_yticks(range(len(labels)), labels)
    save(figure, folder / "peers.png")


def save(figure: Any, path: pathlib.Path) -> None:
    """As a PNG of few colours, a third as large as matplotlib's own."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110)
    Image.open(drawn).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", action="store_true", help="without the pictures")
    options = parser.parse_args()
    PAGE.write_text(text(), encoding="utf-8")
    if not options.text:
        draw(PICTURES)


if __name__ == "__main__":
    main()
