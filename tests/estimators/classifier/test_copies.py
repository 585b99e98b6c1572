"""Copies by every means predict the same."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")


from tests.estimators.classifier.common import fitted

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:Unknown data type.*trying to convert it to csr_matrix"),
    pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix"),
]


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "joblib": lambda model: joblib.load(io.BytesIO(joblib_bytes(model))),
}


def joblib_bytes(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


@pytest.mark.parametrize("how", COPIES)
def test_copies_predict_the_same(library, make_data, task, how):
    model, X = fitted(library, make_data, task)
    other = COPIES[how](model)
    assert other is not model
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    np.testing.assert_array_equal(other.thresholds_, model.thresholds_)
    np.testing.assert_array_equal(other.classes_, model.classes_)
    assert repr(other.get_params()["loss"]) == repr(model.get_params()["loss"])
    other.set_params(loss__gamma=0.5, n_estimators=2)
    assert model.get_params()["loss__gamma"] == 2.0
    assert model.n_estimators == 10


def test_a_copy_can_be_fitted_again(library, binary):
    loss = bi.focal_objective(weights="balanced")
    model = pickle.loads(pickle.dumps(library.make(loss=loss).fit(binary.X, binary.y)))
    y = 1.0 - binary.y
    np.testing.assert_array_equal(
        model.fit(binary.X, y).predict_proba(binary.X), library.make(loss=loss).fit(binary.X, y).predict_proba(binary.X)
    )


def test_a_pickle_holds_no_training_labels(library, make_data, task):
    def size(n):
        data, test = make_data(task, n), make_data(task, n, seed=1)
        params = {"n_estimators": 2, "max_depth": 2, "loss": bi.adaptive_objective(gamma=1.0)}
        options = {"sample_weight": data.weight, "weights": [test.weight], "params": params}
        model, _ = library.evaluated(data.X, data.y, [(test.X, test.y), (data.X, data.y)][:1], **options)
        return len(pickle.dumps(model))

    assert size(20_000) < size(200) + 10_000  # a byte for every label would be twice as much


def test_skops(library, make_data, task):
    skops = pytest.importorskip("skops.io")
    model, X = fitted(library, make_data, task)
    data = skops.dumps(model)
    unknown = skops.get_untrusted_types(data=data)
    other = skops.loads(data, trusted=unknown)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    np.testing.assert_array_equal(other.thresholds_, model.thresholds_)
