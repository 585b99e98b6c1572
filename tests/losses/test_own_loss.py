"""A loss of one's own, in a module outside the package, through everything that a loss can do."""

import copy
import importlib
import math
import pickle
import sys
import textwrap
import types

import numpy as np
import pytest
from mpmath import diff, mp, mpf
from mpmath import exp as mp_exp
from mpmath import log as mp_log

import boost_imbalance as bi
from boost_imbalance import Loss, log_sigmoid, parameter, sigmoid

MODULE = '''
from boost_imbalance import Loss, exp, log_sigmoid, parameter, sigmoid, where

class Poly1(Loss):
    """-log p + epsilon (1 - p)."""
    epsilon: float = parameter(1.0, low=-1.0)
    def positive(self, t):
        return -log_sigmoid(t) + self.epsilon * sigmoid(-t)

class TwoSided(Loss):
    """Missed positives cost cross-entropy, false alarms the square of their probability."""
    price: float = parameter(2.0, above=0.0)
    def positive(self, t):
        return -log_sigmoid(t)
    def negative(self, t):
        return self.price * sigmoid(-t) ** 2 - 0.1 * log_sigmoid(t)

class Mixed(Loss):
    """(1 - p)^gamma times a mean of cross-entropy and the generalised one."""
    gamma: float = parameter(1.5, low=0.0)
    q: float = parameter(0.5, above=0.0, high=1.0)
    def positive(self, t):
        return sigmoid(-t) ** self.gamma * (0.5 * -log_sigmoid(t) + 0.5 * (1 - sigmoid(t) ** self.q) / self.q)
'''
NAMES = ("Poly1", "TwoSided", "Mixed")


REFERENCES = {
    "Poly1": (lambda p, q: -mp_log(p) + 2 * q,) * 2,
    "TwoSided": (lambda p, q: -mp_log(p), lambda p, q: 3 * q**2 - mpf("0.1") * mp_log(p)),
    "Mixed": (lambda p, q: q**2 * (-mp_log(p) / 2 + (1 - p ** mpf("0.25")) / mpf("0.25") / 2),) * 2,
}
PARAMETERS = {"Poly1": {"epsilon": 2.0}, "TwoSided": {"price": 3.0}, "Mixed": {"gamma": 2.0, "q": 0.25}}


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_losses.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("own_losses")
    sys.path.remove(str(folder))
    sys.modules.pop("own_losses", None)


@pytest.fixture(params=NAMES)
def own(request, module):
    return getattr(module, request.param)(**PARAMETERS[request.param])


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_against_forty_digits(module, name):
    objective = getattr(module, name)(**PARAMETERS[name], hessian="exact")
    margins = np.array([sign * m for m in (0.0, 0.25, 1.0, 3.0, 8.0, 20.0, 44.0, 80.0) for sign in (-1, 1)])
    mp.dps = 60
    for label in (0, 1):

        def loss(margin, label=label):
            t = margin if label else -margin
            p, q = 1 / (1 + mp_exp(-t)), 1 / (1 + mp_exp(t))
            return REFERENCES[name][1 - label](p, q)

        y = np.full(len(margins), label)
        gradient, hessian = objective.gradient_hessian(margins, y)
        expected = [[float(diff(loss, mpf(m), n)) if n else float(loss(mpf(m))) for m in margins] for n in (0, 1, 2)]
        np.testing.assert_allclose(objective.loss(margins, y), expected[0], rtol=1e-10)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-10)
        assert (np.abs(hessian - expected[2]) <= 1e-10 * np.maximum(np.abs(expected[2]), np.abs(expected[1]))).all()
        assert (gradient != 0).all()


@pytest.mark.parametrize("hessian", ["expected", "positive_terms", "absolute", "reweighted"])
def test_hessians_for_a_booster_are_positive(own, hessian):
    margins = np.linspace(-20.0, 20.0, 161)
    for label in (0, 1):
        y = np.full(len(margins), label)
        values = own.replace(hessian=hessian).gradient_hessian(margins, y)[1]
        assert (values >= 0).all()
        if hessian == "positive_terms":
            assert (values >= own.replace(hessian="exact").gradient_hessian(margins, y)[1] - 1e-12).all()


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_start_and_probability(own, make_data, task):
    data = make_data(task)
    objective = own.replace(weights="balanced", tau=0.5).fit(data.y)
    start = np.atleast_1d(objective.start(data.y))
    eta = objective.probability(start if task == "binary" else start[None])
    priors = np.bincount(data.y.astype(int)) / len(data.y) if task == "multiclass" else np.atleast_1d(data.y.mean(axis=0))
    np.testing.assert_allclose(np.ravel(eta), priors, rtol=1e-6)
    best = objective.mean_loss(
        np.broadcast_to(start, data.y.shape if task != "multiclass" else (len(data.y), 3)).astype(float), data.y
    )
    for step in (-0.05, 0.05):
        moved = start + step * np.eye(len(start))[0]
        margin = np.broadcast_to(moved, data.y.shape if task != "multiclass" else (len(data.y), 3)).astype(float)
        assert objective.mean_loss(margin, data.y) > best


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_both_libraries_train(own, make_data, task):
    data, objective = make_data(task), own.replace(weights=None if task == "multiclass" else 2.0)
    fitted = objective.fit(data.y)
    start = np.atleast_1d(objective.start(data.y))
    shape = (len(data.y), 3) if task == "multiclass" else data.y.shape
    before = fitted.mean_loss(np.broadcast_to(start, shape).astype(float), data.y)
    xgboost = pytest.importorskip("xgboost")
    matrix = xgboost.DMatrix(data.X, data.y)
    history = {}
    booster = xgboost.train(
        {**objective.xgboost_params(data.y), "nthread": 1}, matrix, 15, obj=objective, custom_metric=objective.metric,
        evals=[(matrix, "train")], evals_result=history, verbose_eval=False,
    )  # fmt: skip
    margin = booster.predict(matrix, output_margin=True)
    assert fitted.mean_loss(margin, data.y) < 0.95 * before
    assert history["train"][objective.metric.name][-1] == pytest.approx(fitted.mean_loss(margin, data.y), rel=1e-4)
    lightgbm = pytest.importorskip("lightgbm")
    dataset = bi.multilabel_dataset(data.X, data.y) if task == "multilabel" else lightgbm.Dataset(data.X, data.y)
    params = {**objective.lightgbm_params(data.y), "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(params, dataset, 15, init_model=objective.lightgbm_start(data.X, data.y))
    assert fitted.mean_loss(booster.predict(data.X, raw_score=True), data.y) < 0.95 * before


def classifier(name, **params):
    module, quiet = {
        "xgboost": ("ImbalancedXGBClassifier", {}),
        "lightgbm": ("ImbalancedLGBMClassifier", {"verbosity": -1}),
    }[name]
    pytest.importorskip(name)
    return getattr(bi, module)(n_estimators=10, n_jobs=1, **quiet, **params)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_classifier_search_file_and_onnx(own, library, make_data, tmp_path, monkeypatch):
    sklearn = pytest.importorskip("sklearn.model_selection")
    data = make_data("binary")
    name = next(iter(PARAMETERS[type(own).__name__]))
    values = [0.5, 1.0]
    search = sklearn.GridSearchCV(
        classifier(library, loss=own), {f"loss__{name}": values}, scoring="neg_log_loss", cv=2
    ).fit(data.X, data.y)  # fmt: skip
    model = search.best_estimator_
    assert model.loss.parameters[name] == search.best_params_[f"loss__{name}"]
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    expected = model.predict_proba(data.X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(data.X), expected)
    file = tmp_path / ("model.json" if library == "xgboost" else "model.txt")
    model.save_model(file)
    again = classifier(library)
    again.load_model(file)
    assert again.loss_.replace(n_threads=None) == model.loss
    np.testing.assert_allclose(again.predict_proba(data.X), expected, rtol=1e-6)
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(model.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(["probability"], {"X": data.X.astype(np.float32)})[0], expected, atol=2e-6)
    # Where the module is missing, the file says which, and gives the plain link's probabilities.
    monkeypatch.delitem(sys.modules, "own_losses")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "own" not in entry])
    plain = classifier(library)
    told = f"the loss {type(own).__name__} of the module 'own_losses' is not here; write import own_losses before the model"
    with pytest.warns(UserWarning, match=told):
        plain.load_model(file)
    np.testing.assert_allclose(plain.predict_proba(data.X), model.predict_proba(data.X, calibrated=False), rtol=1e-6)
    monkeypatch.setitem(sys.modules, "own_losses", types.ModuleType("own_losses"))  # which has no such class
    with pytest.warns(UserWarning, match="is not here; define its class before the model is loaded"):
        classifier(library).load_model(file)


def test_values_and_copies(own):
    again = type(own)(**own.parameters)
    assert own == again
    assert hash(own) == hash(again)
    assert own != own.replace(weights=2.0)
    assert own.fit([0, 1]) != own
    for other in (pickle.loads(pickle.dumps(own)), copy.deepcopy(own), copy.copy(own)):
        assert other == own
        assert other is not own
    assert repr(own).startswith(f"{type(own).__name__}(")
    assert eval(repr(own), {type(own).__name__: type(own)}) == own
    with pytest.raises(AttributeError, match="does not change"):
        own.weights = 2.0


@pytest.mark.slow
def test_plots_and_comparison(own, make_data, tmp_path):
    pytest.importorskip("matplotlib")
    from boost_imbalance import plots

    assert len(plots.plot_loss([own]).lines) == 1
    assert len(plots.plot_curvature(own).lines) == 7 + 1  # and the zero line
    pytest.importorskip("xgboost")
    pytest.importorskip("jinja2")
    data = make_data("binary")
    found = bi.compare(
        data.X[:400], data.y[:400].astype(int), library="xgboost", losses={"mine": own}, baselines=["built-in"], folds=2,
        repeats=1, progress=False,
    )  # fmt: skip
    assert "mine" in found.table().to_string()
    code = found.code("mine")
    assert f"from own_losses import {type(own).__name__}" in code
    compile(code, "code", "exec")
    found.to_html(tmp_path / "report.html")
    assert type(own).__name__ in (tmp_path / "report.html").read_text()


def define(formula, **attributes):
    """Make a loss of one formula, in lines that a traceback can show."""
    return type("Wrong", (Loss,), {"positive": formula, **attributes})


class TestRefused:
    """What is wrong with a loss is said where it is defined, or made."""

    def test_functions_of_other_modules(self):
        def positive(self, t):
            return -math.log(sigmoid(t))

        with pytest.raises(TypeError, match=r"Wrong.positive cannot be compiled, line \d+ \(return -math.log"):
            define(positive)

    def test_branches(self):
        def positive(self, t):
            return -log_sigmoid(t) if t > 0 else 1 - t

        with pytest.raises(TypeError, match=r"Wrong.positive cannot be compiled, line \d+ .*write where\(condition, a, b\)"):
            define(positive)

    def test_a_loss_that_rises(self):
        with pytest.raises(ValueError, match=r"Wrong.positive of Wrong\(\) rises at t = [3-8]\d\S*, with slope 1"):
            define(lambda self, t: -log_sigmoid(-t))

    def test_a_loss_that_is_not_finite(self):
        with pytest.raises(ValueError, match="has the loss inf at t = -80"):
            define(lambda self, t: 1 / (sigmoid(t) - sigmoid(-80.0)))

    def test_parameters_that_make_it_rise(self):
        tilted = define(lambda self, t: -log_sigmoid(t) + self.slope * t, slope=parameter(0.0))
        tilted(slope=-0.5)
        with pytest.raises(ValueError, match="rises at t"):
            tilted(slope=0.5)

    @pytest.mark.parametrize(
        ("name", "kind"), [("weights", "a parameter that every loss has"), ("fit", "a name that every")]
    )
    def test_names_that_are_taken(self, name, kind):
        with pytest.raises(TypeError, match=f"has a parameter '{name}', which is {kind}"):
            define(lambda self, t: -log_sigmoid(t), **{name: parameter(1.0)})

    def test_values_out_of_range(self, module):
        with pytest.raises(ValueError, match=r"epsilon is -2.0; it must be at least -1"):
            module.Poly1(epsilon=-2.0)
        with pytest.raises(TypeError, match=r"epsilon is 'a'; it must be a number"):
            module.Poly1(epsilon="a")
        with pytest.raises(TypeError, match="gamma"):
            module.Poly1(gamma=1.0)

    def test_no_formula(self):
        class Empty(Loss):
            pass

        with pytest.raises(NotImplementedError, match="Empty has no formula"):
            Empty()
        with pytest.raises(TypeError, match="Loss has no formula"):
            Loss()


@pytest.mark.slow
def test_the_kernel_on_disk_belongs_to_the_formula(fresh_python, tmp_path):
    code = textwrap.dedent(
        """
        import sys, numpy as np
        from boost_imbalance import Loss, log_sigmoid
        class Mine(Loss):
            def positive(self, t):
                return -{factor} * log_sigmoid(t)
        print(float(Mine().loss(np.array([0.5], "f4"), np.array([1]))[0]))
        """
    )
    once, twice = (float(fresh_python(code.format(factor=f), NUMBA_CACHE_DIR=str(tmp_path))) for f in (1.0, 2.0))
    assert twice == pytest.approx(2 * once)


def test_parameters_by_column(module):
    margin, label = np.array([[0.5, -1.0], [2.0, 0.0]]), np.array([[1, 0], [0, 1]])
    both = module.Poly1(epsilon=[0.0, 2.0]).fit(label).gradient_hessian(margin, label)
    for k, epsilon in enumerate((0.0, 2.0)):
        one = module.Poly1(epsilon=epsilon).gradient_hessian(margin[:, k], label[:, k])
        for values, column in zip(both, one, strict=True):
            np.testing.assert_allclose(values[:, k], column, rtol=1e-12)
    with pytest.raises(ValueError, match=r"epsilon has shape \(3,\); give one number, or 2"):
        module.Poly1(epsilon=[0.0, 1.0, 2.0]).fit(label)


def test_plain_cross_entropy_is_recognised_however_it_is_written(make_data):
    class Mine(Loss):
        gamma: float = parameter(0.0, low=0.0)

        def positive(self, t):
            from boost_imbalance import log

            return -((1 - sigmoid(t)) ** self.gamma) * log(sigmoid(t))

    data = make_data("binary")
    assert Mine().fit(data.y).fitted.is_built_in
    assert not Mine(gamma=0.5).fit(data.y).fitted.is_built_in


class TestWhatALossGives:
    """What a loss works out from counts or rounds is checked where it is used."""

    def loss(self, value):
        return define(
            lambda self, t: -log_sigmoid(t - self.shift),
            shift=bi.per_class(low=0.0),
            class_parameters=lambda self, counts: value,
        )()

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (
                {"shift": np.full((2, 1), np.nan)},
                "gives 'shift' the values .*nan.*; they must be finite, and between 0 and inf",
            ),
            ({"shift": [[1.0], [-2.0]]}, "between 0 and inf"),
            ({"drift": [1.0, 1.0]}, "gives 'drift'; it must give 'shift'"),
            ({"shift": [1.0, 1.0, 1.0]}, r"gives 'shift' the shape \(3,\); it must be \(2, 1\)"),
        ],
    )
    def test_per_class_numbers(self, value, message):
        with pytest.raises(ValueError, match=message):
            self.loss(value).fit([0, 1])

    def test_moved_weights(self):
        moving = define(
            lambda self, t: -log_sigmoid(t), weights_move=True, moved_weights=lambda self, weights, missed: weights * np.nan
        )
        with pytest.raises(ValueError, match=r"moved_weights gives \[nan, nan\]; class weights must be finite"):
            moving().bind([0, 1])(np.zeros(2))

    @pytest.mark.parametrize(
        ("label", "shape"),
        [([0, 1, 1], (3, 3)), ([0, 1, 1], (4,)), ([0, 1, 2], (3,)), ([0, 1, 2], (4, 3)), ([[0, 1]] * 2, (2, 3))],
    )
    def test_margins_of_another_shape(self, label, shape):
        with pytest.raises(ValueError, match="margin has shape"):
            bi.focal_objective().bind(np.array(label))(np.zeros(shape))

    def test_a_training_can_be_pickled(self):
        training = bi.focal_objective().bind([0, 1])
        expected = training(np.zeros(2))
        for own, values in zip(pickle.loads(pickle.dumps(training))(np.zeros(2)), expected, strict=True):
            np.testing.assert_array_equal(own, values)


def test_comparisons_for_equality_and_numpy_functions_are_refused():
    with pytest.raises(TypeError, match=r"is asked for by is_zero\(self.name\), not by =="):
        define(lambda self, t: sigmoid(-t) if self.gamma == 0 else -log_sigmoid(t), gamma=parameter(1.0))
    with pytest.raises(TypeError, match=r"from boost_imbalance, not numpy\.log"):
        define(lambda self, t: -np.log(sigmoid(t)))
    made = define(lambda self, t: sigmoid(-t) if bi.is_zero(self.gamma) else -log_sigmoid(t), gamma=parameter(1.0, low=0.0))
    assert made(gamma=0.0).loss([0.0], [1])[0] == pytest.approx(0.5)
    assert made(gamma=2.0).loss([0.0], [1])[0] == pytest.approx(np.log(2))
    scaled = define(lambda self, t: np.float64(2.0) * -log_sigmoid(t))
    assert scaled().loss([0.0], [1])[0] == pytest.approx(2 * np.log(2))


def test_a_parameter_that_may_be_left_out():
    made = define(
        lambda self, t: -log_sigmoid(t) if self.power is None else (1 - sigmoid(t)) ** 2 - log_sigmoid(t),
        power=parameter(None),
    )
    assert made().fit([0, 1]).fitted.is_built_in
