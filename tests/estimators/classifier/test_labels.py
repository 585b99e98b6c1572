"""Labels of any type, classes that do not occur, rows without a label, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk

from tests.estimators.classifier.common import WORDS, two_classes

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:Unknown data type.*trying to convert it to csr_matrix"),
    pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix"),
]


LABELS = {
    "strings": (lambda y: WORDS[y], ["no", "yes"]),
    "list of strings": (lambda y: WORDS[y].tolist(), ["no", "yes"]),
    "objects": (lambda y: WORDS[y].astype(object), ["no", "yes"]),
    "-1 and 1": (lambda y: 2 * y - 1, [-1, 1]),
    "floats": (lambda y: 3.0 * y, [0.0, 3.0]),
    "bools": (lambda y: y > 0, [False, True]),
    "unsigned": (lambda y: y.astype(np.uint8), [0, 1]),
    "column": (lambda y: WORDS[y][:, None], ["no", "yes"]),
    "series": (lambda y: pd.Series(WORDS[y], index=np.arange(len(y)) + 7), ["no", "yes"]),
    "categorical series": (lambda y: pd.Series(WORDS[y]).astype("category"), ["no", "yes"]),
    "nullable series": (lambda y: pd.Series(y).astype("Int64"), [0, 1]),
    "data frame of one column": (lambda y: pd.DataFrame({"label": WORDS[y]}), ["no", "yes"]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_any_labels(library, kind):
    X, y = two_classes()
    write, classes = LABELS[kind]
    model = library.make().fit(X, write(y))
    reference = library.make().fit(X, y)
    assert model.classes_.tolist() == classes
    np.testing.assert_array_equal(model.predict_proba(X), reference.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), np.array(classes)[reference.predict(X)])
    assert model.predict(X).dtype == model.classes_.dtype
    assert model.score(X, np.asarray(write(y)).ravel()) == reference.score(X, y)


def test_polars_labels(library):
    polars = pytest.importorskip("polars")
    X, y = two_classes()
    reference = library.make().fit(X, y).predict_proba(X)
    for label in (polars.Series(WORDS[y]), polars.DataFrame({"label": WORDS[y]})):
        model = library.make().fit(X, label)
        assert model.classes_.tolist() == ["no", "yes"]
        np.testing.assert_array_equal(model.predict_proba(X), reference)


def test_several_classes_with_names(library, make_data):
    data = make_data("multiclass", 400)
    names = np.array(["b", "c", "a"])
    model = library.make().fit(data.X, names[data.y.astype(int)])
    reference = library.make().fit(data.X, data.y)
    assert model.classes_.tolist() == ["a", "b", "c"]
    probability = reference.predict_proba(data.X)[:, [2, 0, 1]]
    np.testing.assert_allclose(model.predict_proba(data.X), probability, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(model.predict(data.X), np.array(["a", "b", "c"])[probability.argmax(axis=1)])


def blanked(y, rows, blank):
    column = y.astype(object)
    column[rows] = blank
    return column


MISSING = {
    "None": (lambda y, rows: blanked(WORDS[y], rows, None), ["no", "yes"], {}),
    "NaN among strings": (lambda y, rows: blanked(WORDS[y], rows, np.nan), ["no", "yes"], {}),
    "NaN among floats": (lambda y, rows: np.where(rows, np.nan, y), [0, 1], {}),
    "nullable integers": (lambda y, rows: pd.Series(y).astype("Int64").mask(rows), [0, 1], {}),
    "nullable bools": (lambda y, rows: pd.Series(y > 0).astype("boolean").mask(rows), [False, True], {}),
    "nullable strings": (lambda y, rows: pd.Series(WORDS[y]).astype("string").mask(rows), ["no", "yes"], {}),
    "categorical": (lambda y, rows: pd.Series(WORDS[y]).astype("category").mask(rows), ["no", "yes"], {}),
    "a number": (lambda y, rows: np.where(rows, -1, y), [0, 1], {"missing_label": -1}),
    "a word": (lambda y, rows: np.where(rows, "?", WORDS[y]), ["no", "yes"], {"missing_label": "?"}),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_row_without_a_label_is_left_out(library, kind):
    X, y = two_classes()
    rows = np.arange(len(y)) % 7 == 0
    write, classes, params = MISSING[kind]
    model = library.make(**params).fit(X, write(y, rows))
    reference = library.make().fit(X[~rows], y[~rows])
    assert model.classes_.tolist() == classes
    np.testing.assert_array_equal(model.predict_proba(X), reference.predict_proba(X))
    assert model.class_prior_ == pytest.approx(y[~rows].mean())


@pytest.mark.parametrize("classes", [["maybe", "no", "yes"], ("yes", "maybe", "no"), np.array(["no", "yes", "maybe"])])
def test_a_class_that_does_not_occur_gets_a_column(library, classes):
    X, y = two_classes()
    model = library.make(classes=classes).fit(X, WORDS[y])
    assert model.classes_.tolist() == ["maybe", "no", "yes"]
    probability = model.predict_proba(X)
    assert probability.shape == (300, 3)
    assert probability[:, 0].max() < 1e-4
    assert set(model.predict(X)) <= {"no", "yes"}
    assert sk.log_loss(WORDS[y], probability, labels=["maybe", "no", "yes"]) < sk.log_loss(y, np.full(300, y.mean()))


def test_one_class_in_a_fold(library):
    X, y = two_classes()
    model = library.make(classes=[0, 1]).fit(X[y == 0], y[y == 0])
    assert model.predict_proba(X).shape == (300, 2)
    assert model.predict_proba(X)[:, 1].max() < 1e-4
    assert not model.predict(X).any()


LONG_TAIL = [
    bi.weighted_objective("balanced"),
    bi.class_balanced_objective(0.99),
    bi.logit_adjusted_objective(),
    bi.ldam_objective(),
    bi.adaptive_objective(),
    bi.focal_objective(gamma=1.0, weights="balanced"),
]


@pytest.mark.parametrize("loss", LONG_TAIL, ids=repr)
def test_weights_are_of_the_classes_that_are_there(library, make_data, loss):
    """As where a fold of a cross-validation lacks a class."""
    data = make_data("multiclass", 300)
    model = library.make(loss=loss, classes=[0, 1, 2, 3]).fit(data.X, data.y)
    probability = model.predict_proba(data.X)
    assert probability[:, 3].max() < 1e-4
    assert not (model.predict(data.X) == 3).any()
    assert not (model.decision_function(data.X).argmax(axis=1) == 3).any()
    if library.is_xgboost:  # LightGBM's factor on Hessians depends on the number of classes
        without = library.make(loss=loss).fit(data.X, data.y).predict_proba(data.X)
        np.testing.assert_allclose(probability[:, :3], without, atol=1e-4)


@pytest.mark.parametrize("loss", [*LONG_TAIL[:4], bi.vector_scaling_objective()], ids=repr)
def test_weights_where_there_is_one_class(library, loss):
    X, y = two_classes()
    model = library.make(loss=loss, classes=[0, 1]).fit(X[y == 0], y[y == 0])
    assert model.predict_proba(X)[:, 1].max() < 1e-4
    assert not model.predict(X).any()
    labels = np.column_stack([y, np.zeros(300), np.ones(300)]).astype(int)
    model = library.make(loss=loss).fit(X, labels)
    probability = model.predict_proba(X)
    assert probability[:, 1].max() < 1e-4
    assert probability[:, 2].min() > 1 - 1e-4
    alone = library.make(loss=loss).fit(X, y).predict_proba(X)[:, 1]
    np.testing.assert_allclose(probability[:, 0], alone, atol=1e-6)


def test_balanced_class_weights_without_rows_of_a_class(library, make_data):
    data = make_data("multiclass", 300)
    model = library.make(class_weight="balanced", classes=[0, 1, 2, 3]).fit(data.X, data.y)
    assert not (model.predict(data.X) == 3).any()
    with_three = library.make(class_weight="balanced").fit(data.X, data.y)
    if library.is_xgboost:
        np.testing.assert_array_equal(model.predict(data.X), with_three.predict(data.X))


@pytest.mark.parametrize(
    ("label", "error", "words"),
    [
        (lambda y: None, ValueError, "y"),
        (lambda y: y[:-1], ValueError, "inconsistent numbers of samples"),
        (lambda y: y[:0], ValueError, "inconsistent numbers of samples"),
        (lambda y: np.zeros(len(y)), ValueError, "y holds one class"),
        (lambda y: np.full(len(y), np.nan), ValueError, "y holds no label"),
        (lambda y: np.where(y > 0, np.inf, 0.0), ValueError, "y contains infinity"),
        (lambda y: np.array([("a" if one else 1) for one in y], dtype=object), TypeError, "y mixes"),
        (lambda y: np.random.default_rng(0).normal(size=len(y)), ValueError, "Unknown label type"),
        (lambda y: y * 1j, ValueError, "y is complex"),
        (lambda y: np.zeros((len(y), 2, 2)), ValueError, "y has shape"),
        (lambda y: np.stack([y, y + 1], axis=1), ValueError, "y is .*multi-label"),
    ],
)
def test_labels_that_are_refused(library, label, error, words):
    X, y = two_classes()
    with pytest.raises(error, match=words):
        library.make().fit(X, label(y))


def test_classes_that_are_refused(library):
    X, y = two_classes()
    with pytest.raises(ValueError, match=r"y holds 'yes'.*'maybe', 'no'.*classes="):
        library.make(classes=["no", "maybe"]).fit(X, WORDS[y])
    with pytest.raises(ValueError, match=r"classes is \['no'\], one class only"):
        library.make(classes=["no"]).fit(X, WORDS[y])
    with pytest.raises(ValueError, match="classes"):
        library.make(classes=[0, 1]).fit(X, np.stack([y, y], axis=1))
