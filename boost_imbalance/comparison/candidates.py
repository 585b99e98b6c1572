"""Candidates: the library as it is, what people do about imbalance with it, and the losses of this package."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sklearn.base import clone

from boost_imbalance import losses as constructors
from boost_imbalance.losses.base import Loss as Objective
from boost_imbalance.losses.labels import Task

Suggest = Callable[[Any, str], Any]
"""A function of an Optuna trial and a parameter's name there that suggests the parameter's value."""

Train = Callable[[Any, Any, int], tuple[Any, int]]
"""A function of a part to fit on, one to stop on and a seed; it returns a model with ``predict_proba`` and its rounds."""

BASELINE = "built-in"


@dataclass(frozen=True)
class Candidate:
    """A way to train on imbalanced data."""

    name: str
    about: str
    loss: Objective | None = None
    """The loss to train; None for the library's own classifier."""
    balance: str | None = None
    """How a baseline makes the classes equal: ``weights``, ``over`` or ``under``."""
    thresholds: str | None = None
    """The rule of decision whose thresholds a baseline tunes on the rows to stop on."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the library that make the candidate what it is, over those of all."""
    space: Mapping[str, Suggest] | None = None
    """Parameters of the loss that a study may choose, each with how it is suggested."""
    train: Train | None = None
    """How a model is trained that is neither a baseline nor a loss."""

    @property
    def source(self) -> str:
        """Name of the candidate whose fits this one decides upon: its own, unless it only moves thresholds."""
        return BASELINE if self.thresholds else self.name


HIGH_RATE = 0.4
"""A learning rate at which a few trees do, if their steps are kept short where a class is rare."""

_FAST = {"learning_rate": HIGH_RATE, "reg_lambda": 1.0}
"""With the penalty on leaves that XGBoost has by itself, and LightGBM does not."""

BASELINES = {
    candidate.name: candidate
    for candidate in (
        Candidate(BASELINE, "the library's own objective"),
        Candidate("tuned threshold", "built-in, with thresholds tuned for F1", thresholds="f1"),
        Candidate(
            "max_delta_step",
            f"built-in at a learning rate of {HIGH_RATE}, no step of a leaf longer than 1 before it, reg_lambda 1",
            params={**_FAST, "max_delta_step": 1.0},
        ),
        Candidate("class weights", "built-in, classes weighted to equal shares", balance="weights"),
        Candidate("over-sampling", "built-in, rows of rare classes repeated at random", balance="over"),
        Candidate("under-sampling", "built-in, rows of frequent classes left out at random", balance="under"),
    )
}


def _between(low: float, high: float) -> Suggest:
    return lambda trial, name: trial.suggest_float(name, low, high)


def _one_of(*values: Any) -> Suggest:
    return lambda trial, name: trial.suggest_categorical(name, values)


_GAMMA = _between(0.0, 4.0)
_CHOICES: dict[str, tuple[Callable[[], Objective], str, dict[str, Suggest]]] = {
    "weighted": (
        constructors.weighted_objective,
        "cross-entropy, classes weighted to equal shares",
        {"weights": _one_of("balanced", None)},
    ),
    "class-balanced": (
        constructors.class_balanced_objective,
        "cross-entropy, weights by effective numbers",
        {"beta": _one_of(0.9, 0.99, 0.999, 0.9999)},
    ),
    "focal": (constructors.focal_objective, "well classified rows count less", {"gamma": _GAMMA}),
    "asymmetric": (
        functools.partial(constructors.asymmetric_objective, gamma_neg=2.0, margin=0.0),
        "easy negatives count less",
        {"gamma_pos": _between(0.0, 2.0), "gamma_neg": _GAMMA, "margin": _between(0.0, 0.1)},
    ),
    "logit-adjusted": (
        constructors.logit_adjusted_objective,
        "margins moved by the log of the class shares",
        {"tau": _between(0.0, 2.0)},
    ),
    "adaptive": (constructors.adaptive_objective, "weights that follow each class's false-negative rate", {}),
}
"""The losses by name: constructor, what it does, and what a study may choose."""


def built_in() -> Objective:
    """The library's own objective as a loss of this package, which grows the same trees."""
    return constructors.weighted_objective(weights=None, hessian="exact")


def losses() -> dict[str, Candidate]:
    """The losses of this package, as the guide recommends them."""
    found = {name: Candidate(name, about, make(), space=space) for name, (make, about, space) in _CHOICES.items()}
    about = f"cross-entropy at a learning rate of {HIGH_RATE}, under its safeguarded Hessian, reg_lambda 1"
    fewer = Candidate("fewer-trees", about, constructors.weighted_objective(None), params=_FAST)
    return {**found, fewer.name: fewer}


def chosen(
    task: Task,
    wanted_losses: Any = None,
    wanted_baselines: Iterable[str] | None = None,
    others: Mapping[str, Any] | None = None,
) -> list[Candidate]:
    """The baselines, then models of the user's own, then the losses; None: all that fit the task."""
    baselines = [c for c in BASELINES.values() if c.balance is None or task is not Task.MULTILABEL]
    if wanted_baselines is not None:
        names = _names("baselines", wanted_baselines, BASELINES)
        for name in names:
            if BASELINES[name] not in baselines:
                raise ValueError(f"baselines holds {name!r}, which no {task.value} task has; leave it out.")
        baselines = [candidate for candidate in baselines if candidate.name in (BASELINE, *names)]
    found = baselines + [_other(name, model) for name, model in (others or {}).items()] + _losses(wanted_losses)
    names = [candidate.name for candidate in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"losses and others hold two candidates named {name!r}; give one of them another name.")
    return found


def _other(name: str, model: Any) -> Candidate:
    if name in BASELINES or name in losses():
        raise ValueError(f"others names a model {name!r}, as a candidate is called; give it another name.")
    if isinstance(model, Candidate):
        return model
    for method in ("fit", "predict_proba", "get_params"):
        if not hasattr(model, method):
            raise TypeError(f"others holds {model!r} as {name!r}, which has no {method}; give a scikit-learn classifier.")

    def train(fit: Any, stop: Any, seed: int) -> tuple[Any, int]:
        return clone(model).fit(fit.X, fit.label), 0

    # Without addresses in memory, by which the next run would be another comparison.
    return Candidate(name, re.sub(" at 0x[0-9a-fA-F]+", "", " ".join(repr(model).split())), train=train)


def _losses(wanted: Any) -> list[Candidate]:
    known = losses()
    if wanted is None:
        return list(known.values())
    if not isinstance(wanted, Mapping):
        if isinstance(wanted, Objective):
            wanted = [wanted]
        objectives = not isinstance(wanted, str) and [loss for loss in wanted if isinstance(loss, Objective)]
        if not objectives:
            return [known[name] for name in dict.fromkeys(_names("losses", wanted, known))]
        wanted = {repr(loss) if isinstance(loss, Objective) else loss: loss for loss in wanted}
    found = []
    for name, loss in wanted.items():
        if isinstance(loss, str):
            (loss,) = _names("losses", loss, known)
            found.append(replace(known[loss], name=str(name)))
            continue
        if not isinstance(loss, Objective):
            raise TypeError(f"losses holds {loss!r} as {name!r}; give objectives, such as focal_objective(gamma=2.0).")
        if name in BASELINES:
            raise ValueError(f"losses names one {name!r}, as a baseline is called; give it another name.")
        space = next((c.space for c in known.values() if c.loss and c.loss.constructor_name == loss.constructor_name), {})
        found.append(Candidate(str(name), repr(loss), loss.replace(), space=space))
    return found


def _names(parameter: str, wanted: Any, known: Iterable[str]) -> list[str]:
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in known:
            raise ValueError(f"{parameter} holds {name!r}; give some of {', '.join(map(repr, known))}.")
    return names
