"""The threshold that a reader moves."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("xgboost")

from boost_imbalance.comparison.report import threshold
from tests.comparison.report.common import CHROMIUM, in_chromium


@pytest.mark.parametrize("goal", ["f1", "cost:fn=9,fp=1,tp=2,tn=-1"])
def test_the_chosen_threshold_does_what_was_measured(found, monkeypatch, goal):
    """Of class weights too, whose probabilities are calibrated in the classifier; costs are all that there are."""
    comparison = found["binary"].for_goal(goal)
    for name in ("built-in", "class weights", "focal"):
        monkeypatch.setattr(type(comparison), "recommended", lambda self, library=None, name=name: name)
        (slider,) = threshold.sliders(comparison, comparison.libraries[0])
        p = comparison.calibrated(name, comparison.out_of_fold(name)["probability"])
        y = comparison.label[comparison.out_of_fold(name)["rows"]]
        cut = comparison.decision(name)["threshold"] if goal == "f1" else 2.0 / 9.0
        assert (slider.chosen["found"], slider.chosen["false"]) == ((y[p > cut] == 1).sum(), (y[p > cut] == 0).sum())
        if goal != "f1":
            paid = slider.base + 1000 * (
                slider.miss * slider.chosen["missed"] + slider.alarm * slider.chosen["false"]
            ) / len(y)
            cost = np.array([[-1.0, 1.0], [9.0, 2.0]])[y, (p > cut).astype(int)]
            assert paid == pytest.approx(1000.0 * cost.mean())


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_threshold_moves(found, pages, tmp_path):
    """What the page says after each step, against scikit-learn's figures of the predictions of rows that were held out."""
    tasks = ["binary", "multilabel", "multiclass"]
    seen = in_chromium(tmp_path, [pages[task] for task in tasks], dark=False)[::2]
    assert [len(one["sliders"]) for one in seen] == [1, 3, 0]
    for task, one in zip(tasks[:2], seen, strict=False):
        comparison = found[task]
        held_out = comparison.out_of_fold(comparison.recommended())
        columns = [0] if task == "binary" else np.argsort(comparison.settings["counts"], kind="stable")[:3]
        threshold = np.atleast_1d(comparison.decision(comparison.recommended())["threshold"])
        for k, slider in zip(columns, one["sliders"], strict=True):
            y, p = (values.reshape(len(values), -1)[:, k] for values in (comparison.label, held_out["probability"]))
            y = y[held_out["rows"]]
            y, p = y[np.isfinite(y)], p[np.isfinite(y)].astype(float)
            assert slider["points"][slider["at"]][0] == pytest.approx(threshold[k], rel=1e-4)
            assert slider["steps"][0] == {**slider["again"], "cost": slider["steps"][0]["cost"]}
            assert slider["drawn"] == len(slider["points"])
            costs = []
            for cut, hits, wrong in slider["points"]:
                _, fp, _, tp = confusion_matrix(y, p > cut, labels=[0, 1]).ravel()
                if np.abs(p - cut).min() > 1e-4 * cut:  # the page has five digits
                    assert (hits, wrong) == (tp, fp)
                costs.append(1000.0 * (7.5 * (y.sum() - hits) + wrong) / len(y))
            assert float(slider["best"]["cost"]) == pytest.approx(min(costs), abs=0.06)
            for step in slider["steps"][1:]:
                cut, tp, fp = slider["points"][step["place"]]
                numbers = {name: float(step[name].replace(",", "").rstrip("%")) for name in step if name in (
                    "found", "false", "missed", "left", "recall", "alarms")}  # fmt: skip
                alarms = 1000.0 * (tp + fp) / len(y)
                assert numbers == pytest.approx(
                    {"found": tp, "false": fp, "missed": y.sum() - tp, "left": (y == 0).sum() - fp,
                     "recall": 100.0 * tp / y.sum(), "alarms": alarms}, abs=0.06,
                )  # fmt: skip
                precision = f"{100.0 * tp / (tp + fp):.1f}%" if tp + fp else "\N{EN DASH}"
                assert step["precision"] == precision
                assert step["spoken"].endswith(f", {numbers['alarms']:.1f} alarms in 1000 rows")
                assert float(step["threshold"]) == pytest.approx(cut, rel=0.01)
