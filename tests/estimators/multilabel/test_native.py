"""LightGBM's own interface with several labels."""

import numpy as np
import pandas as pd
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.model_selection import KFold

from tests.estimators.multilabel.common import CROSS_ENTROPY, NATIVE, library_of, masked, native

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:Overriding the parameters from Reference Dataset"),
]


@pytest.mark.parametrize("begins", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_native_training(lgb, data, test, begins, weighted):
    weight = data.weight.astype(np.float32) if weighted else None
    start = CROSS_ENTROPY.lightgbm_start(data.X, data.y, weight) if begins else None
    booster = native(lgb, data.X, data.y, weight=weight, init_model=start)
    raw = booster.predict(test.X, raw_score=True)
    for k in range(3):
        params = {**NATIVE, "objective": "binary", "boost_from_average": begins}
        alone = lgb.train(params, lgb.Dataset(data.X, data.y[:, k], weight=weight), 12)
        np.testing.assert_allclose(raw[:, k], alone.predict(test.X, raw_score=True), rtol=0, atol=1e-12 if begins else 0)


def test_the_classifier_is_the_native_training(lgb, data, test):
    objective = bi.focal_objective(weights="balanced")
    start = objective.lightgbm_start(data.X, data.y)
    booster = native(lgb, data.X, data.y, objective, rounds=8, init_model=start)
    model = library_of("lightgbm").make(loss=objective).fit(data.X, data.y)
    np.testing.assert_array_equal(model.decision_function(test.X), booster.predict(test.X, raw_score=True))
    np.testing.assert_array_equal(
        model.predict_proba(test.X), objective.probability(booster.predict(test.X, raw_score=True))
    )


def test_native_validation_sets(lgb, data, test):
    objective = bi.focal_objective()
    params = {**objective.lightgbm_params(data.y), **NATIVE}
    train = bi.multilabel_dataset(data.X, data.y, data.weight, free_raw_data=False)
    valid = bi.multilabel_dataset(test.X, test.y, test.weight, reference=train, free_raw_data=False)
    names = ("log_loss", "average_precision", "f1")
    metrics = [bi.metrics.log_loss(objective), bi.metrics.average_precision(), bi.metrics.f1()]
    found = {}
    booster = lgb.train(
        params, train, 12, valid_sets=[valid, train], valid_names=["valid", "train"], feval=metrics,
        init_model=objective.lightgbm_start(data.X, data.y, data.weight), callbacks=[lgb.record_evaluation(found)],
    )  # fmt: skip
    for name, one in (("valid", test), ("train", data)):
        raw = booster.predict(one.X, raw_score=True)
        probability = objective.probability(raw)
        expected = [
            np.mean([sk.log_loss(one.y[:, k], probability[:, k], sample_weight=one.weight) for k in range(3)]),
            sk.average_precision_score(one.y, raw, sample_weight=one.weight),
            np.mean([sk.f1_score(one.y[:, k], raw[:, k] > 0, sample_weight=one.weight) for k in range(3)]),
        ]
        for metric, value in zip(names, expected, strict=True):
            found_name = "f1_macro" if metric == "f1" else metric
            assert found[name][found_name][-1] == pytest.approx(value, abs=1e-6)


def test_native_early_stopping(lgb, data, test):
    objective = bi.focal_objective()
    params = {**objective.lightgbm_params(data.y), **NATIVE, "learning_rate": 0.4}
    train = bi.multilabel_dataset(data.X, data.y)
    booster = lgb.train(
        params, train, 100, valid_sets=[bi.multilabel_dataset(test.X, test.y, reference=train)],
        feval=bi.metrics.log_loss(objective), init_model=objective.lightgbm_start(data.X, data.y),
        callbacks=[lgb.early_stopping(4, verbose=False)],
    )  # fmt: skip
    assert 1 < booster.best_iteration < 97
    probability = objective.probability(booster.predict(test.X, raw_score=True))
    expected = np.mean([sk.log_loss(test.y[:, k], probability[:, k]) for k in range(3)])
    assert booster.best_score["valid_0"]["log_loss"] == pytest.approx(expected, abs=1e-9)


def test_cross_validation(lgb, data, test):
    folds = list(KFold(3, shuffle=True, random_state=0).split(data.X))
    params = {**CROSS_ENTROPY.lightgbm_params(data.y), **NATIVE}
    found = lgb.cv(
        params, bi.multilabel_dataset(data.X, data.y), 12, folds=folds, feval=bi.metrics.log_loss(CROSS_ENTROPY),
        return_cvbooster=True,
    )  # fmt: skip
    alone = [
        lgb.cv(
            {**NATIVE, "objective": "binary", "boost_from_average": False}, lgb.Dataset(data.X, data.y[:, k]), 12,
            folds=folds, return_cvbooster=True,
        )
        for k in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(
        found["valid log_loss-mean"], np.mean([one["valid binary_logloss-mean"] for one in alone], axis=0), rtol=0, atol=1e-9
    )
    for i, booster in enumerate(found["cvbooster"].boosters):
        raw = booster.predict(test.X, raw_score=True)
        for k in range(3):
            expected = alone[k]["cvbooster"].boosters[i].predict(test.X, raw_score=True)
            np.testing.assert_array_equal(raw[:, k], expected)


def test_cross_validation_with_shuffled_folds(lgb, data):
    """Folds that LightGBM makes itself."""
    params = {**CROSS_ENTROPY.lightgbm_params(data.y), **NATIVE}
    found = lgb.cv(
        params, bi.multilabel_dataset(data.X, data.y, data.weight), 5, nfold=3, stratified=False, seed=1,
        feval=bi.metrics.log_loss(CROSS_ENTROPY),
    )  # fmt: skip
    alone = [
        lgb.cv(
            {**NATIVE, "objective": "binary", "boost_from_average": False},
            lgb.Dataset(data.X, data.y[:, k], weight=data.weight), 5, nfold=3, stratified=False, seed=1,
        )["valid binary_logloss-mean"]
        for k in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(found["valid log_loss-mean"], np.mean(alone, axis=0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("depth", [1, 2])
def test_subsets_keep_their_labels(lgb, data, test, depth):
    outer, inner = np.arange(0, 600, 2), np.arange(0, 300, 3)

    def part(dataset):
        first = dataset.subset(outer)
        return first if depth == 1 else first.subset(inner)

    weight = data.weight.astype(np.float32)
    params = {**CROSS_ENTROPY.lightgbm_params(data.y), **NATIVE, "min_data_in_leaf": 5}
    booster = lgb.train(params, part(bi.multilabel_dataset(data.X, data.y, weight, free_raw_data=False)), 5)
    raw = booster.predict(test.X, raw_score=True)
    for k in range(3):
        dataset = lgb.Dataset(data.X, data.y[:, k], weight=weight, free_raw_data=False)
        alone_params = {**NATIVE, "objective": "binary", "boost_from_average": False, "min_data_in_leaf": 5}
        alone = lgb.train(alone_params, part(dataset), 5)
        np.testing.assert_allclose(raw[:, k], alone.predict(test.X, raw_score=True), rtol=0, atol=1e-12)


def test_forms_of_native_labels(lgb, data):
    expected = native(lgb, data.X, data.y, rounds=3).predict(data.X, raw_score=True)
    for label in (data.y.astype(int), data.y > 0, data.y.tolist(), pd.DataFrame(data.y)):
        np.testing.assert_array_equal(native(lgb, data.X, label, rounds=3).predict(data.X, raw_score=True), expected)
    frame = pd.DataFrame(data.X, columns=["a", "b", "c", "d"])
    np.testing.assert_array_equal(native(lgb, frame, data.y, rounds=3).predict(frame, raw_score=True), expected)


def test_native_labels_that_are_refused(lgb, data):
    with pytest.raises(ValueError, match="label has shape"):
        bi.multilabel_dataset(data.X, data.y[:, 0])
    with pytest.raises(ValueError, match="label is 2"):
        bi.multilabel_dataset(data.X, data.y * 2)
    with pytest.raises(TypeError, match="label has dtype"):
        bi.multilabel_dataset(data.X, np.where(data.y > 0, "a", "b"))
    with pytest.raises(ValueError, match="sample_weight has shape"):
        bi.multilabel_dataset(data.X, data.y, np.ones(5))
    empty = data.y.copy()
    empty[:, 1] = np.nan
    with pytest.raises(ValueError, match="label"):
        bi.multilabel_dataset(data.X, empty)


@pytest.mark.parametrize("begins", [False, True])
def test_missing_labels_in_a_native_data_set(lgb, data, test, observed, begins):
    y = masked(data.y, observed)
    params = {**CROSS_ENTROPY.lightgbm_params(y), **NATIVE}
    start = CROSS_ENTROPY.lightgbm_start(data.X, y) if begins else None
    booster = lgb.train(params, bi.multilabel_dataset(data.X, y), 12, init_model=start)
    raw = booster.predict(test.X, raw_score=True)
    for k in range(3):
        params = {**NATIVE, "objective": "binary", "boost_from_average": begins}
        weight = observed[:, k].astype(np.float32)
        alone = lgb.train(params, lgb.Dataset(data.X, data.y[:, k], weight=weight), 12)
        np.testing.assert_allclose(raw[:, k], alone.predict(test.X, raw_score=True), rtol=0, atol=1e-12)
