"""Metrics of held-out data: on calibrated probabilities, of decisions, with weights; early stopping."""

import numpy as np
import pandas as pd
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk

from tests.estimators.classifier.common import WORDS, library_of, mean_log_loss, positive

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:Unknown data type.*trying to convert it to csr_matrix"),
    pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix"),
]


# Evaluation sets


@pytest.mark.parametrize("loss", [bi.focal_objective(), bi.weighted_objective()], ids=["focal", "weighted"])
@pytest.mark.parametrize("weighted", [False, True])
def test_default_metric_is_log_loss_of_the_probabilities(library, make_data, task, loss, weighted):
    data, first, second = make_data(task, 400), make_data(task, 300, seed=1), make_data(task, 200, seed=2)
    pairs = [(one.X, one.y) for one in (first, second)]
    weights = [one.weight for one in (first, second)] if weighted else None
    model, curves = library.evaluated(data.X, data.y, pairs, weights=weights, params={"loss": loss})
    for one, curve in zip((first, second), curves, strict=True):
        assert list(curve) == ["log_loss"]
        assert len(curve["log_loss"]) == 10
        for k in (1, 10):
            expected = mean_log_loss(
                one.y, model.predict_proba(one.X, **library.rounds(k)), one.weight if weighted else None
            )
            assert curve["log_loss"][k - 1] == pytest.approx(expected, abs=2e-6)


def test_evaluation_on_the_training_set(library, make_data, task):
    data = make_data(task, 400)
    model, (curve,) = library.evaluated(data.X, data.y, [(data.X, data.y)])
    assert curve["log_loss"][-1] == pytest.approx(mean_log_loss(data.y, model.predict_proba(data.X)), abs=2e-6)


def test_evaluation_sets_do_not_change_the_model(library, make_data, task):
    data, test = make_data(task, 400), make_data(task, 200, seed=1)
    model, _ = library.evaluated(data.X, data.y, [(test.X, test.y)])
    np.testing.assert_array_equal(model.predict_proba(test.X), library.make().fit(data.X, data.y).predict_proba(test.X))


def test_our_metrics_are_those_of_the_predictions(library, make_data, task):
    data, test = make_data(task, 500), make_data(task, 400, seed=1)
    names = ("average_precision", "balanced_accuracy", "f1", "matthews_correlation", "geometric_mean", "log_loss")
    given = [getattr(bi.metrics, name)() for name in names]
    weight = np.round(test.weight)
    model, (curve,) = library.evaluated(
        data.X, data.y, [(test.X, test.y)], given, [weight], {"loss": bi.weighted_objective()}
    )
    probability, decided = model.predict_proba(test.X), model.predict(test.X)

    def by_column(score, of):
        pairs = [(test.y, of)] if task != "multilabel" else zip(test.y.T, of.T, strict=True)
        return np.mean([score(y, one, sample_weight=weight) for y, one in pairs])

    assert curve["log_loss"][-1] == pytest.approx(mean_log_loss(test.y, probability, weight), abs=2e-6)
    assert curve["balanced_accuracy"][-1] == pytest.approx(by_column(sk.balanced_accuracy_score, decided), abs=2e-6)
    assert curve["matthews_correlation"][-1] == pytest.approx(by_column(sk.matthews_corrcoef, decided), abs=2e-6)
    expected = sk.f1_score(test.y, decided, average="macro", sample_weight=weight)
    assert curve["f1_macro"][-1] == pytest.approx(expected, abs=2e-6)


def test_average_precision_is_that_of_the_probabilities(library, make_data, task):
    data, test = make_data(task, 500), make_data(task, 400, seed=1)
    model, (curve,) = library.evaluated(data.X, data.y, [(test.X, test.y)], bi.metrics.average_precision())
    truth = np.eye(3)[test.y.astype(int)] if task == "multiclass" else test.y
    expected = sk.average_precision_score(truth, positive(model.predict_proba(test.X)))
    assert curve["average_precision"][-1] == pytest.approx(expected, abs=2e-6)


def test_names_of_log_loss_are_of_calibrated_probabilities(library, make_data, task):
    data, test = make_data(task, 400), make_data(task, 300, seed=1)
    multiclass, other = ("mlogloss", "logloss") if library.is_xgboost else ("multi_logloss", "binary_logloss")
    name = multiclass if task == "multiclass" else other
    model, (curve,) = library.evaluated(data.X, data.y, [(test.X, test.y)], name, params={"loss": bi.weighted_objective()})
    assert list(curve) == [name]
    assert curve[name][-1] == pytest.approx(mean_log_loss(test.y, model.predict_proba(test.X)), abs=2e-6)


def test_a_name_and_functions_together(library, binary, make_data):
    test = make_data("binary", 300, seed=1)

    def brier(y, probability):
        value = float(np.mean((y - probability) ** 2))
        return value if library.is_xgboost else ("brier", value, False)

    model, (curve,) = library.evaluated(binary.X, binary.y, [(test.X, test.y)], ["auc", brier, bi.metrics.f1("binary")])
    probability = model.predict_proba(test.X)[:, 1]
    assert set(curve) == {"auc", "brier", "f1_binary"}
    assert curve["auc"][-1] == pytest.approx(sk.roc_auc_score(test.y, probability), abs=1e-6)
    assert curve["brier"][-1] == pytest.approx(sk.brier_score_loss(test.y, probability), abs=2e-6)
    assert curve["f1_binary"][-1] == pytest.approx(sk.f1_score(test.y, model.predict(test.X)), abs=2e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_user_functions_are_given_calibrated_probabilities(library, make_data, task, weighted):
    data, test = make_data(task, 300), make_data(task, 200, seed=1)
    calls = []

    def spy(y, probability, sample_weight=None):
        calls.append((np.array(y), np.array(probability), sample_weight))
        return 0.0 if library.is_xgboost else ("spy", 0.0, False)

    model, _ = library.evaluated(data.X, data.y, [(test.X, test.y)], spy, [test.weight] if weighted else None)
    assert len(calls) == 10
    label, probability, weight = calls[-1]
    np.testing.assert_array_equal(label, test.y)
    expected = model.predict_proba(test.X)
    np.testing.assert_allclose(probability, expected[:, 1] if task == "binary" else expected, rtol=0, atol=1e-7)
    if weighted:
        np.testing.assert_allclose(weight, test.weight, rtol=1e-6)
    else:
        assert weight is None


@pytest.mark.parametrize("metric", [None, "ours"])
def test_early_stopping(library, make_data, task, metric):
    data, test = make_data(task, 300), make_data(task, 300, seed=1)
    params, options = library.early_stopping(4)
    params |= {"n_estimators": 100, "learning_rate": 0.5}
    given, name, sign = (
        (None, "log_loss", -1) if metric is None else (bi.metrics.average_precision(), "average_precision", 1)
    )
    model, (curve,) = library.evaluated(data.X, data.y, [(test.X, test.y)], given, params=params, **options)
    values = sign * np.array(curve[name])
    assert len(values) < 100
    best = int(np.argmax(values)) + 1
    assert len(values) == best + 4
    assert (model.best_iteration + 1 if library.is_xgboost else model.best_iteration_) == best
    np.testing.assert_array_equal(model.predict_proba(test.X), model.predict_proba(test.X, **library.rounds(best)))
    if metric is None:
        assert -values.max() == pytest.approx(mean_log_loss(test.y, model.predict_proba(test.X)), abs=2e-6)
    shorter = library.make(
        **{**params, "n_estimators": best, **({"early_stopping_rounds": None} if library.is_xgboost else {})}
    )
    shorter.fit(data.X, data.y)
    np.testing.assert_allclose(model.predict_proba(test.X), shorter.predict_proba(test.X), rtol=0, atol=1e-6)


def test_evaluation_labels_are_read_like_training_labels(library, binary, make_data):
    test = make_data("binary", 200, seed=1)
    y, y_test = WORDS[binary.y.astype(int)], WORDS[test.y.astype(int)]
    _, (curve,) = library.evaluated(binary.X, y, [(test.X, pd.Series(y_test))])
    _, (reference,) = library.evaluated(binary.X, binary.y, [(test.X, test.y)])
    assert curve["log_loss"] == reference["log_loss"]
    y_test = y_test.astype(object)
    y_test[3] = "maybe"
    with pytest.raises(ValueError, match=r"eval_set\[1\] holds .*maybe.*'no', 'yes'"):
        library.evaluated(binary.X, y, [(binary.X, y), (test.X, y_test)])
    with pytest.raises(ValueError, match=r"eval_set\[0\] has shape"):
        library.evaluated(binary.X, y, [(test.X, np.zeros((200, 2)))])


def test_rows_without_a_label_do_not_count_in_evaluation(library, make_data, task):
    data, test = make_data(task, 400), make_data(task, 300, seed=1)
    y = test.y.copy()
    y[::3] = np.nan
    kept = np.arange(300) % 3 > 0
    for weight in (None, test.weight):
        metrics = [bi.metrics.log_loss(), bi.metrics.average_precision(), bi.metrics.f1()]
        weights = None if weight is None else [weight]
        _, (curve,) = library.evaluated(data.X, data.y, [(test.X, y)], metrics, weights)
        shorter = None if weight is None else [weight[kept]]
        _, (reference,) = library.evaluated(data.X, data.y, [(test.X[kept], y[kept])], metrics, shorter)
        assert set(curve) == set(reference)
        for name, values in reference.items():
            np.testing.assert_allclose(curve[name], values, rtol=0, atol=2e-6)


@pytest.mark.parametrize("metric", [3, [3], {"auc"}, pytest.param(object(), id="object")], ids=repr)
def test_metrics_that_are_refused(library, binary, metric):
    with pytest.raises(TypeError, match="eval_metric"):
        library.evaluated(binary.X, binary.y, [(binary.X, binary.y)], metric)


@pytest.mark.parametrize(
    ("weight", "error"),
    [
        (lambda n: -np.ones(n), ValueError),
        (lambda n: np.full(n, np.nan), ValueError),
        (lambda n: np.ones(n - 1), ValueError),
    ],
)
def test_evaluation_weights_that_are_refused(library, binary, weight, error):
    name = "sample_weight_eval_set" if library.is_xgboost else "eval_sample_weight"
    pairs = [(binary.X, binary.y.copy())] * 2
    with pytest.raises(error, match=rf"{name}\[1\]"):
        library.evaluated(binary.X, binary.y, pairs, weights=[np.ones(500), weight(500)])


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_metrics_of_decisions_are_of_those_that_predict_makes(library, make_data, task):
    """By their names in the library: they are refused, or they are right."""
    data, test = make_data(task, 500), make_data(task, 400, seed=1)
    name = {"binary": ("error", "binary_error"), "multiclass": ("merror", "multi_error")}[task][not library.is_xgboost]
    message, curve = "", {}
    try:
        model, (curve,) = library.evaluated(
            data.X, data.y, [(test.X, test.y)], name, params={"loss": bi.weighted_objective()}
        )
    except ValueError as error:
        message = str(error)
    if curve:
        assert curve[name][-1] == pytest.approx((model.predict(test.X) != test.y).mean(), abs=2e-6)
    else:
        assert "eval_metric" in message


def test_fewer_evaluation_weights_than_sets_are_as_in_the_parent(make_data):
    """LightGBM gives no weights to the sets that are left."""
    library = library_of("lightgbm")
    data, test = make_data("binary", 300), make_data("binary", 200, seed=1)
    pairs = [(test.X, test.y), (test.X.copy(), test.y.copy())]
    _, curves = library.evaluated(data.X, data.y, pairs, weights=[test.weight])
    _, reference = library.evaluated(data.X, data.y, pairs, weights=[test.weight, None])
    assert curves == reference


def test_lightgbm_names_and_forms_of_evaluation_sets(make_data, task):
    library = library_of("lightgbm")
    data, first, second = make_data(task, 400), make_data(task, 300, seed=1), make_data(task, 200, seed=2)
    _, (a, b) = library.evaluated(data.X, data.y, [(first.X, first.y), (second.X, second.y)])
    options = {"eval_X": (first.X, second.X), "eval_y": (first.y, second.y), "eval_names": ["one", "two"]}
    found = library.make().fit(data.X, data.y, **options).evals_result_
    assert list(found) == ["one", "two"]
    assert found["one"]["log_loss"] == a["log_loss"]
    assert found["two"]["log_loss"] == b["log_loss"]
    alone = library.make().fit(data.X, data.y, eval_X=first.X, eval_y=first.y).evals_result_
    assert next(iter(alone.values()))["log_loss"] == a["log_loss"]
    with pytest.raises(ValueError, match="eval_set and eval_X"):
        library.make().fit(data.X, data.y, eval_set=[(first.X, first.y)], eval_X=first.X, eval_y=first.y)
    with pytest.raises(ValueError, match="eval_X and eval_y"):
        library.make().fit(data.X, data.y, eval_X=first.X)


def test_lightgbm_weighs_evaluation_rows_by_class(binary, make_data):
    library = library_of("lightgbm")
    test = make_data("binary", 300, seed=1)
    y, y_test = WORDS[binary.y.astype(int)], WORDS[test.y.astype(int)]
    pairs, by_class = [(test.X, y_test)], [{"no": 1.0, "yes": 5.0}]
    model, (curve,) = library.evaluated(binary.X, y, pairs, weights=[test.weight], eval_class_weight=by_class)
    weight = test.weight * np.where(test.y > 0, 5.0, 1.0)
    assert curve["log_loss"][-1] == pytest.approx(sk.log_loss(test.y, model.predict_proba(test.X), sample_weight=weight))


def test_lightgbm_evaluation_margins_are_not_ignored(binary, make_data):
    """Without margins for the training rows they are refused, or used."""
    library = library_of("lightgbm")
    test = make_data("binary", 300, seed=1)
    _, (reference,) = library.evaluated(binary.X, binary.y, [(test.X, test.y)])
    message, curve = "", {}
    try:
        _, (curve,) = library.evaluated(
            binary.X, binary.y, [(test.X, test.y)], eval_init_score=[np.linspace(-3.0, 3.0, 300)]
        )
    except ValueError as error:
        message = str(error)
    assert "eval_init_score" in message or np.abs(np.subtract(curve["log_loss"], reference["log_loss"])).min() > 0.01


@pytest.mark.parametrize("metric", ["binary_error", "l2", "cross_entropy"])
def test_lightgbm_metrics_of_probabilities_are_refused(binary, metric):
    library = library_of("lightgbm")
    with pytest.raises(ValueError, match=r"eval_metric.*raw scores"):
        library.evaluated(binary.X, binary.y, [(binary.X, binary.y)], metric)
