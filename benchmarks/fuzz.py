"""Coverage-guided fuzzing of what comes from outside: arrays, labels, parameters, records in model files, command lines.

    python benchmarks/fuzz.py [rounds|labels|records|options] [-max_total_time=120] [other options of libFuzzer]

Needs ``pip install atheris`` (Linux; Python 3.11 to 3.13). Whatever is given, the answer is finite numbers of the right
shape, or a ``ValueError`` or ``TypeError`` with a message; anything else ends the run, and leaves the input in a file
``crash-...``.
"""

from __future__ import annotations

import pathlib
import sys
import warnings
from typing import Any

import atheris
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent / "boost_imbalance"
# numba compiles the kernels, and cannot compile what counts branches.
NOT = [f"boost_imbalance.kernels.{path.stem}" for path in (ROOT / "kernels").glob("*.py")]
with atheris.instrument_imports(include=["boost_imbalance"], exclude=NOT):
    import boost_imbalance as bi
    from boost_imbalance import _cli
    from boost_imbalance.estimators import portable, targets

KINDS = ["f4", "f8", "i1", "i8", "u1", "b", "f2", ">f4", "O", "U3", "c8", "M8[s]"]
NUMBERS = [0.0, 1.0, -1.0, 0.5, 2.0, 1e-45, 1e30, -1e30, 3e38, float("nan"), float("inf"), 2.0**24, 1e-300, 700.0, -88.0]
LOSSES = [bi.focal_objective, bi.asymmetric_objective]  # of more, compiling would take most of the time
counts = {"answered": 0, "refused": 0}


def array(data: Any, rows: int, shapes: list[tuple[int, ...]]) -> Any:
    """Any array, of about so many rows."""
    shape = data.PickValueInList([*shapes, (rows + 1,), (rows, 0), (rows, 2, 2), ()])
    size = int(np.prod(shape))
    special = [data.ConsumeBool() for _ in range(size)]
    values = [data.PickValueInList(NUMBERS) if one else float(data.ConsumeIntInRange(0, 2)) for one in special]
    kind = data.PickValueInList(KINDS) if data.ConsumeIntInRange(0, 3) == 0 else data.PickValueInList(["f4", "f8"])
    with np.errstate(all="ignore"):
        found = np.array(values).reshape(shape).astype(kind)
    turn = data.ConsumeIntInRange(0, 4)
    if turn == 1 and found.ndim:
        found = found[::-1]
    elif turn == 2:
        found = np.asfortranarray(found)
    elif turn == 3 and found.ndim:
        found = np.repeat(found, 2, axis=0)[::2]
    elif turn == 4:
        found = found.tolist()
    return found


def rounds(data: Any) -> None:
    """One round of a loss, and what it makes of the margins."""
    rows, columns = data.ConsumeIntInRange(1, 6), data.ConsumeIntInRange(1, 4)
    shapes = [(rows,), (rows, columns), (rows, 1)]
    margin, label = array(data, rows, shapes), array(data, rows, shapes)
    weight = array(data, rows, shapes) if data.ConsumeBool() else None
    options: dict[str, Any] = {}
    if data.ConsumeBool():
        options["weights"] = data.PickValueInList(["balanced", 2.0, [1.0, 2.0], [1e-30, 1e30, 1.0], -1.0, "x", {1: 3.0}])
    if data.ConsumeBool():
        options["tau"] = data.PickValueInList(NUMBERS)
    if data.ConsumeBool():
        options["smoothing"] = data.PickValueInList(NUMBERS)
    name = "gamma" if (made := data.PickValueInList(LOSSES)) is bi.focal_objective else "gamma_neg"
    options[name] = data.PickValueInList([1e-3, 2.0, 50.0, 1000.0, -1.0, float("nan")])
    n_classes = data.PickValueInList([None, None, 2, 3, 0, 2.5])
    training = made(**options).bind(label, weight, n_classes)
    gradient, hessian = training(margin)
    assert gradient.shape == hessian.shape == np.shape(margin), (gradient.shape, np.shape(margin))
    assert np.isfinite([gradient, hessian]).all()
    assert (hessian >= 0).all()
    probability = training.loss.fit_counts(training.fitted.counts).probability(margin)
    assert ((probability >= 0) & (probability <= 1)).all()


THINGS = [
    *(0, 1, 2, -1, True, False, 1.0, 0.5, float("nan"), None, "a", "b", ""),
    *(b"a", (1, 2), [1], {}, np.float32(1), 10**30, 1j, object),
]


def labels(data: Any) -> None:
    """A column of anything, as the classifiers read it."""
    y = np.empty(data.ConsumeIntInRange(0, 8), object)
    for i in range(len(y)):
        y[i] = data.PickValueInList(THINGS)
    given: Any = y.tolist() if data.ConsumeBool() else y
    sentinel = data.PickValueInList([None, float("nan"), -1, "a"])
    target = targets.Target.of(given, None, sentinel)
    code, observed = target.encode(given, "y")
    assert np.isfinite(code).all()
    assert len(code) == len(y)
    whole = np.ones(len(y), bool) if observed is None else observed
    if code.ndim == 1:
        assert list(target.decode(code)[whole]) == list(y[whole]), (y, target, code)


def records(data: Any) -> None:
    """What a model file says of its classifier, changed."""
    text = _RECORD
    for _ in range(data.ConsumeIntInRange(1, 6)):
        at = data.ConsumeIntInRange(0, len(text))
        text = text[:at] + data.ConsumeUnicode(6) + text[at + data.ConsumeIntInRange(0, 6) :]
    model = bi.ImbalancedXGBClassifier()
    try:
        portable.restore(model, text)
    except (LookupError, OverflowError, AttributeError):
        if text == _RECORD:
            raise


def options(data: Any) -> None:
    """Parameters of a loss on the command line."""
    _cli._assigned("x", data.ConsumeUnicode(40))


def _record() -> str:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    model = bi.ImbalancedXGBClassifier(n_estimators=1, n_jobs=1).fit(X, (X[:, 0] > 1).astype(int))
    return portable.record(model, None)


def one(target: Any) -> Any:
    """A target whose refusals are counted."""

    def run(content: bytes) -> None:
        try:
            target(atheris.FuzzedDataProvider(content))
            counts["answered"] += 1
        except (ValueError, TypeError) as error:
            if not str(error):
                raise AssertionError from error
            counts["refused"] += 1
        if sum(counts.values()) % 20_000 == 0:
            print(counts, flush=True)

    return run


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    chosen = {"rounds": rounds, "labels": labels, "records": records, "options": options}
    name = sys.argv.pop(1) if sys.argv[1:] and sys.argv[1] in chosen else "rounds"
    _RECORD = _record() if name == "records" else ""
    atheris.Setup(sys.argv, one(chosen[name]))
    atheris.Fuzz()
