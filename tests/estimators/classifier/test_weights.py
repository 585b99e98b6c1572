"""Sample weights and class weights: repeated rows, parents, forms, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn.utils.class_weight import compute_sample_weight

from tests.estimators.classifier.common import CROSS_ENTROPY, WORDS, divergence, library_of, two_classes

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:Unknown data type.*trying to convert it to csr_matrix"),
    pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix"),
]


# Sample weights and class weights


@pytest.fixture
def coarse(make_data):
    """Features with few values, which both libraries divide alike whatever the rows weigh."""

    def make(task, n=600):
        data = make_data(task, n)
        return data._replace(X=np.round(2 * data.X) / 2)

    return make


# Trees of few, large leaves, so that rounding decides between no two splits, and no limit on the number of rows.
FEW_LEAVES = {
    "xgboost": {"max_depth": 2},
    "lightgbm": {"max_depth": 2, "min_child_samples": 0, "min_data_in_bin": 1, "min_child_weight": 1.0},
}


def test_whole_weights_are_repeated_rows(library, coarse, task):
    data = coarse(task)
    times = np.random.default_rng(0).integers(1, 4, size=600)
    params = {"loss": bi.focal_objective(weights="balanced"), "n_estimators": 4, **FEW_LEAVES[library.name]}
    weighted = library.make(**params).fit(data.X, data.y, sample_weight=times)
    repeated = library.make(**params).fit(np.repeat(data.X, times, axis=0), np.repeat(data.y, times, axis=0))
    np.testing.assert_allclose(weighted.class_prior_, repeated.class_prior_, rtol=1e-6)
    np.testing.assert_allclose(weighted.predict_proba(data.X), repeated.predict_proba(data.X), rtol=0, atol=1e-6)


def test_rows_of_weight_zero_are_no_rows(library, coarse, task):
    data = coarse(task)
    kept = np.random.default_rng(0).random(600) < 0.7
    params = {"loss": bi.focal_objective(weights="balanced"), "n_estimators": 4, **FEW_LEAVES[library.name]}
    weighted = library.make(**params).fit(data.X, data.y, sample_weight=kept.astype(float))
    fewer = library.make(**params).fit(data.X[kept], data.y[kept])
    np.testing.assert_allclose(weighted.class_prior_, fewer.class_prior_, rtol=1e-6)
    np.testing.assert_allclose(weighted.predict_proba(data.X), fewer.predict_proba(data.X), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("weight", "error"),
    [
        (lambda n: -np.ones(n), ValueError),
        (lambda n: np.full(n, np.nan), ValueError),
        (lambda n: np.full(n, np.inf), ValueError),
        (lambda n: np.ones(n + 1), ValueError),
        (lambda n: np.zeros(n), ValueError),
        (lambda n: np.ones((n, 2)), ValueError),
        (lambda n: np.array(["a"] * n), TypeError),
    ],
)
def test_sample_weights_that_are_refused(library, binary, weight, error):
    with pytest.raises(error, match="sample_weight"):
        library.make().fit(binary.X, binary.y, sample_weight=weight(500))


@pytest.mark.parametrize("rows", [499, 501])
def test_sample_weights_must_fit_rows_without_a_label_too(library, binary, rows):
    y = np.where(np.arange(500) % 3 > 0, binary.y, np.nan)
    with pytest.raises(ValueError, match=r"sample_weight|inconsistent numbers of samples"):
        library.make().fit(binary.X, y, sample_weight=np.ones(rows))


@pytest.mark.parametrize("form", ["list", "series", "column"])
def test_forms_of_sample_weights(library, binary, form):
    forms = {"list": list, "series": pd.Series, "column": lambda w: w[:, None]}
    own = library.make().fit(binary.X, binary.y, sample_weight=forms[form](binary.weight))
    reference = library.make().fit(binary.X, binary.y, sample_weight=binary.weight)
    np.testing.assert_array_equal(own.predict_proba(binary.X), reference.predict_proba(binary.X))


@pytest.mark.parametrize("by", ["balanced", {"no": 1.0, "yes": 4.0}, {"yes": 4.0}, {"no": 0.5, "yes": 1.5}], ids=repr)
def test_class_weights_are_those_of_the_parent(library, coarse, by):
    data = coarse("binary")
    y = WORDS[data.y.astype(int)]
    loss = CROSS_ENTROPY.replace(hessian="exact", scale=1.0)
    own = library.make(loss=loss, class_weight=by).fit(data.X, y)
    weight = compute_sample_weight(by if by == "balanced" else {"no": 1.0, **by}, y)
    parent = library.plain().fit(data.X, data.y, sample_weight=weight)
    np.testing.assert_allclose(own.decision_function(data.X), library.margin(parent, data.X), rtol=0, atol=1e-5)


def test_class_weights_are_weights_of_the_loss(library, make_data, task):
    data = make_data(task, 400)
    loss = bi.focal_objective(gamma=1.0)
    cases = [("balanced", "balanced")]
    if task == "binary":
        cases += [({1: 4.0}, 4.0), ({0: 0.5, 1: 2.0}, [0.5, 2.0])]
    elif task == "multiclass":
        cases += [({1: 4.0}, [1.0, 4.0, 1.0]), ({2: 3.0, 0: 0.5}, [0.5, 1.0, 3.0])]
    else:
        cases += [
            ({1: 4.0, 2: 2.0}, [1.0, 4.0, 2.0]),
            ({0: {0: 0.5, 1: 3.0}, 2: 2.0}, [[0.5, 3.0], [1.0, 1.0], [1.0, 2.0]]),
            ([{1: 4.0}] * 3, 4.0),
            ([{1: 4.0}, {0: 0.5}, {}], [[1.0, 4.0], [0.5, 1.0], [1.0, 1.0]]),
            ([4.0, (0.5, 1.0), {}], [[1.0, 4.0], [0.5, 1.0], [1.0, 1.0]]),
        ]
    for class_weight, weights in cases:
        own = library.make(loss=loss, class_weight=class_weight).fit(data.X, data.y)
        reference = library.make(loss=loss.replace(weights=weights)).fit(data.X, data.y)
        np.testing.assert_allclose(own.decision_function(data.X), reference.decision_function(data.X), rtol=0, atol=1e-12)
        np.testing.assert_allclose(own.predict_proba(data.X), reference.predict_proba(data.X), rtol=0, atol=1e-12)


def test_class_weights_move_decisions_but_not_probabilities(library, make_data, task):
    data, test = make_data(task, 3000), make_data(task, 2000, seed=1)
    settings = {"loss": CROSS_ENTROPY, "n_estimators": 40, "learning_rate": 0.1, "max_depth": 3}
    favoured = 2 if task == "multiclass" else 1
    class_weight = [{favoured: 5.0}] * 3 if task == "multilabel" else {favoured: 5.0}
    weighted = library.make(class_weight=class_weight, **settings).fit(data.X, data.y)
    plain = library.make(**settings).fit(data.X, data.y)
    chosen, before = (weighted.predict(test.X) == favoured).mean(), (plain.predict(test.X) == favoured).mean()
    assert chosen > before + 0.05
    probability = weighted.predict_proba(test.X)
    assert divergence(test.posterior, probability) < divergence(test.posterior, plain.predict_proba(test.X)) + 0.01
    if task == "multilabel":
        expected = (5.0 * probability > 1.0 - probability).astype(int)
    else:
        expected = (probability * np.where(np.arange(probability.shape[1]) == favoured, 5.0, 1.0)).argmax(axis=1)
    np.testing.assert_array_equal(weighted.predict(test.X), expected)


def test_scale_pos_weight_is_a_class_weight(library, binary):
    own = library.make(scale_pos_weight=4.0).fit(binary.X, binary.y)
    reference = library.make(class_weight={1: 4.0}).fit(binary.X, binary.y)
    np.testing.assert_array_equal(own.decision_function(binary.X), reference.decision_function(binary.X))
    np.testing.assert_array_equal(own.predict_proba(binary.X), reference.predict_proba(binary.X))
    np.testing.assert_array_equal(own.predict(binary.X), reference.predict(binary.X))
    neutral = library.make(scale_pos_weight=1.0).fit(binary.X, binary.y)
    plain = library.make().fit(binary.X, binary.y)
    np.testing.assert_array_equal(neutral.predict_proba(binary.X), plain.predict_proba(binary.X))


def test_scale_pos_weight_is_of_the_positive_class(library, binary):
    y = WORDS[binary.y.astype(int)]
    for label in ("no", "yes"):
        own = library.make(scale_pos_weight=4.0, pos_label=label).fit(binary.X, y)
        reference = library.make(class_weight={label: 4.0}).fit(binary.X, y)
        np.testing.assert_allclose(own.predict_proba(binary.X), reference.predict_proba(binary.X), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(own.predict(binary.X), reference.predict(binary.X))
    with pytest.raises(ValueError, match=r"pos_label is None.*'no', 'yes'"):
        library.make(scale_pos_weight=4.0).fit(binary.X, y)


def test_weights_that_are_refused(library, make_data):
    data, several = make_data("binary", 300), make_data("multiclass", 300)
    weighted = bi.weighted_objective(weights=2.0)
    with pytest.raises(ValueError, match=r"class_weight is .*loss has weights"):
        library.make(loss=weighted, class_weight="balanced").fit(data.X, data.y)
    with pytest.raises(ValueError, match=r"scale_pos_weight is .*loss has weights"):
        library.make(loss=weighted, scale_pos_weight=3.0).fit(data.X, data.y)
    with pytest.raises(ValueError, match="class_weight and scale_pos_weight"):
        library.make(class_weight="balanced", scale_pos_weight=3.0).fit(data.X, data.y)
    with pytest.raises(ValueError, match=r"scale_pos_weight is .*class_weight"):
        library.make(scale_pos_weight=3.0).fit(several.X, several.y)
    with pytest.raises(ValueError, match=r"class_weight holds 7.*0, 1.*classes="):
        library.make(class_weight={7: 2.0}).fit(data.X, data.y)
    with pytest.raises(ValueError, match=r"class_weight is 0\.0; it must be positive"):
        library.make(class_weight={1: 0.0}).fit(data.X, data.y)
    with pytest.raises(ValueError, match="class_weight is 'even'"):
        library.make(class_weight="even").fit(data.X, data.y)
    with pytest.raises(TypeError, match="class_weight is 3"):
        library.make(class_weight=3).fit(data.X, data.y)
    with pytest.raises(ValueError, match="class_weight has 2 entries"):
        library.make(class_weight=[{1: 2.0}, {}]).fit(data.X, make_data("multilabel", 300).y)


@pytest.mark.parametrize(
    ("class_weight", "error", "words"),
    [
        ({"rare": 9.0}, ValueError, "class_weight has the key 'rare', which is no label of y; .*columns 0 to 2"),
        ({3: 9.0}, ValueError, "class_weight has the key 3, "),
        ({-1: 9.0}, ValueError, "class_weight has the key -1, "),
        ([{1: 2.0}, {2: 5.0}, {}], ValueError, r"class_weight\[1\] has the key 2; .* 0 or 1"),
        (["balanced", 1.0, 1.0], ValueError, r"class_weight\[0\] is 'balanced'; give a number"),
        ({2: [1.0, 2.0, 3.0]}, ValueError, r"class_weight\[2\] is .*; give a number"),
        ([1.0, -2.0, 1.0], ValueError, r"class_weight\[1\] is -2.0; it must be positive"),
        (3.0, TypeError, "class_weight is 3.0; .*dict by label"),
    ],
)
def test_weights_of_labels_that_are_refused(library, make_data, class_weight, error, words):
    data = make_data("multilabel", 100)
    with pytest.raises(error, match=words):
        library.make(class_weight=class_weight).fit(data.X, data.y)


@pytest.mark.parametrize("decision", ["posterior", "f1"])
def test_weights_by_the_names_of_labels(library, make_data, decision):
    """Also of a frame with rows that have no label, and in the folds of a tuned decision."""
    data = make_data("multilabel", 200)
    y = data.y.copy()
    y[:5] = np.nan
    for names, weights in ((["a", "b", "c"], {"c": 5.0, "a": 2.0}), ([7, 0, 1], {1: 5.0, 7: 2.0})):
        own = library.make(decision=decision, class_weight=weights).fit(data.X, pd.DataFrame(y, columns=names))
        reference = library.make(decision=decision, class_weight=[2.0, 1.0, 5.0]).fit(data.X, y)
        np.testing.assert_array_equal(own.decision_function(data.X), reference.decision_function(data.X))
        np.testing.assert_array_equal(own.thresholds_, reference.thresholds_)
    with pytest.raises(ValueError, match=r"class_weight has the key 2, .*labels are 7, 0, 1"):
        library.make(class_weight={2: 5.0}).fit(data.X, pd.DataFrame(y, columns=[7, 0, 1]))


def test_a_class_weight_for_a_class_that_a_fold_lacks(library):
    X, y = two_classes()
    with pytest.raises(ValueError, match=r"class_weight holds 2.*name all classes in classes="):
        library.make(class_weight={2: 5.0}).fit(X, y)
    model = library.make(class_weight={2: 5.0}, classes=[0, 1, 2]).fit(X, y)
    assert not (model.predict(X) == 2).any()


@pytest.mark.parametrize("name", ["is_unbalance", "unbalance", "unbalanced_sets"])
def test_is_unbalance_is_refused(binary, name):
    library = library_of("lightgbm")
    with pytest.raises(ValueError, match=rf"{name} is True.*class_weight='balanced'"):
        library.make(**{name: True}).fit(binary.X, binary.y)
    library.make(**{name: False}).fit(binary.X, binary.y)
