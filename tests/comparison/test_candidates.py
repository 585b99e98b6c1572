"""What is compared: sampling, thresholds, losses by name and by object."""

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

from sklearn import metrics as sk
from sklearn.model_selection import StratifiedKFold, train_test_split

from boost_imbalance.comparison import candidates, experiment, fitting
from boost_imbalance.losses.labels import Task
from tests.comparison.common import RATES, TASKS, compared


@pytest.mark.parametrize("how", ["over", "under"])
def test_sampling_makes_classes_equal(make_data, how):
    data = make_data("multiclass", 500)
    part = fitting._resampled(fitting.Part(np.arange(500), data.y.astype(int)), how, seed=0)
    counts, before = np.bincount(part.label), np.bincount(data.y.astype(int))
    assert (counts == (before.max() if how == "over" else before.min())).all()
    assert (data.y[part.X] == part.label).all()


def test_the_built_in_objective_is_the_library_trained_by_hand(library, rare):
    X, y = rare
    found = compared(X, y, library=library, losses=["focal"], seed=5)
    train, test = next(StratifiedKFold(3, shuffle=True, random_state=5).split(X, y))
    fit, stop = train_test_split(train, test_size=0.2, random_state=5, stratify=y[train])
    if library == "xgboost":
        import xgboost

        model = xgboost.XGBClassifier(
            n_estimators=1000, learning_rate=0.1, max_depth=4, early_stopping_rounds=30, n_jobs=1
        ).fit(X[fit], y[fit], eval_set=[(X[stop], y[stop])], verbose=False)
    else:
        import lightgbm

        model = lightgbm.LGBMClassifier(
            n_estimators=1000, learning_rate=0.05, num_leaves=15, feature_pre_filter=False, verbosity=-1, n_jobs=1
        ).fit(X[fit], y[fit], eval_X=X[stop], eval_y=y[stop], callbacks=[lightgbm.early_stopping(30, verbose=False)])
    p = model.predict_proba(X[test])[:, 1]
    record = next(r for r in found.records if r["candidate"] == "built-in" and r["fold"] == 0)
    assert record["average_precision"] == pytest.approx(sk.average_precision_score(y[test], p))
    assert record["mcc"] == pytest.approx(sk.matthews_corrcoef(y[test], p > 0.5))
    kept = found.out_of_fold("built-in")
    np.testing.assert_allclose(kept["probability"][np.isin(kept["rows"], test)], p, rtol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_cross_entropy_ties_with_the_built_in_objective(library, make_data, task):
    """The same loss, so nothing but the last digits may differ."""
    data = make_data(task, 600)
    found = compared(data.X, data.y, library=library, losses={"same": bi.weighted_objective(weights=None, hessian="exact")})
    for name in RATES:
        np.testing.assert_allclose(found.values("same", name), found.values("built-in", name), atol=2e-3)
    assert found.recommended() == "built-in"


def test_a_tuned_threshold_is_a_decision_on_the_same_model(library, rare):
    found = compared(*rare, library=library, losses=["focal"], baselines=["tuned threshold"])
    one, other = found.out_of_fold("built-in"), found.out_of_fold("tuned threshold")
    assert np.array_equal(one["probability"], other["probability"])
    assert not np.array_equal(one["decided"], other["decided"])
    assert np.array_equal(found.values("tuned threshold", "macro_f1"), found.values("built-in", "macro_f1_tuned"))


def test_what_helps_is_seen_to_help(library, make_data):
    """Logit adjustment raises balanced accuracy by construction, and class weights spoil the log loss."""
    data = make_data("binary", 2500)
    found = compared(
        data.X, data.y, library=library, losses=["logit-adjusted"], baselines=["class weights"], folds=5, repeats=2
    )
    assert found.difference("logit-adjusted", "balanced_accuracy").verdict(True) == "better"
    assert found.difference("class weights", "log_loss").verdict(False) == "worse"
    assert found.wins("balanced_accuracy") == ["logit-adjusted"]


def test_losses_by_name_by_object_and_by_a_name_of_ones_own():
    mine = bi.focal_objective(gamma=1.0)
    names = [c.name for c in candidates.chosen(Task.BINARY, {"mine": mine, "theirs": bi.adaptive_objective()}, [])]
    assert names == ["built-in", "mine", "theirs"]
    assert [c.name for c in candidates.chosen(Task.BINARY, [mine], [])] == ["built-in", "focal_objective(gamma=1.0)"]
    assert [c.name for c in candidates.chosen(Task.BINARY, "focal", [])] == ["built-in", "focal"]
    assert [c.name for c in candidates.chosen(Task.MULTILABEL)][:2] == ["built-in", "tuned threshold"]
    for name in ("weighted_objective", "focal_objective", "asymmetric_objective", "class_balanced_objective"):
        assert any(c.loss and c.loss.constructor_name == name for c in candidates.losses().values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"losses": ["focus"]}, "losses holds 'focus'"),
        ({"losses": {"built-in": bi.focal_objective()}}, "names one 'built-in'"),
        ({"baselines": ["smote"]}, "baselines holds 'smote'"),
        ({"library": "catboost"}, "library is 'catboost'"),
        ({"folds": 1}, "folds is 1"),
        ({"repeats": 0}, "repeats is 0"),
        ({"tune": -1}, "tune is -1"),
        ({"tune_for": "accuracy"}, "tune_for is 'accuracy'"),
        ({"precision": 1.0}, "precision is 1.0"),
        ({"confidence": 95}, "confidence is 95"),
        ({"pos_label": 7}, "pos_label holds 7"),
        ({"folds": 300}, "folds is 300, but the class 1 has"),
        ({"params": {"xgboost": {}, "max_depth": 3}}, "params holds names of libraries beside others"),
        ({"params": {"xgboost": 3}}, "params holds 3 as 'xgboost'"),
        ({"params": {"objective": "binary:logistic"}}, "params holds 'objective'"),
        ({"params": {"eval_metric": "auc"}}, "params holds 'eval_metric'"),
        ({"params": {"scale_pos_weight": 3}}, "params holds 'scale_pos_weight'"),
        ({"params": {"eta": 0.3}}, "params holds 'eta'; write 'learning_rate'"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_arguments_that_are_refused(rare, options, message, monkeypatch):
    monkeypatch.setattr(experiment, "train", None)  # nothing may be trained
    with pytest.raises(ValueError, match=message):
        compared(*rare, **options)


def test_arguments_of_a_wrong_type(rare):
    with pytest.raises(TypeError, match=r"folds is 3\.0"):
        compared(*rare, folds=3.0)
    with pytest.raises(TypeError, match="seed is None"):
        compared(*rare, seed=None)
    with pytest.raises(TypeError, match="confidence is"):
        compared(*rare, confidence="0.9")
    with pytest.raises(TypeError, match=r"params is \[1\]"):
        compared(*rare, params=[1])
    with pytest.raises(TypeError, match="losses holds 3"):
        compared(*rare, losses={"mine": 3})
    with pytest.raises(ValueError, match="multi-label"):
        compared(rare[0], np.column_stack([rare[1]] * 2), baselines=["over-sampling"])
