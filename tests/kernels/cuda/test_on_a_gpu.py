"""What needs a GPU."""

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.losses.fitted import CURVATURES
from tests.kernels.cuda.common import CONSTRUCTORS, SIMULATED, TASKS, check, inputs

cuda = pytest.importorskip("numba.cuda")
if not arrays.is_usable():
    pytest.skip("numba-cuda finds no GPU and does not simulate one", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore:.* encountered in scalar:RuntimeWarning")  # a GPU says nothing of them


@pytest.mark.skipif(SIMULATED, reason="there is no GPU here")
@pytest.mark.parametrize("mode", CURVATURES)
@pytest.mark.parametrize("name", CONSTRUCTORS)
@pytest.mark.parametrize("task", TASKS)
def test_on_a_gpu_to_1e_5_of_float64(task, name, mode):
    margin, label, weight = inputs(task, np.float32, rows=1_000_001)
    check(CONSTRUCTORS[name](hessian=mode).fit(label), mode, margin, label, weight)


@pytest.mark.skipif(SIMULATED, reason="there is no GPU here")
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_a_booster_on_the_gpu_is_served_there(task, strategy):
    xgboost = pytest.importorskip("xgboost")
    if strategy == "multi_output_tree" and task == "binary":
        pytest.skip("there is one output")
    _, label, weight = inputs(task, rows=6000)
    shift = label if label.ndim == 1 else label[:, 0]
    X = np.random.default_rng(0).normal(size=(6000, 3)) + shift[:, None]
    margins = []
    for device in ("cpu", "auto"):
        objective, places = bi.focal_objective(2.0, device=device), []

        def spy(margin, data, objective=objective, places=places):
            answer = objective(margin, data)
            places.append([arrays.is_on_device(array) for array in answer])
            return answer

        data = xgboost.QuantileDMatrix(X, label, weight=weight)
        params = {**objective.xgboost_params(label), "device": "cuda", "max_depth": 2, "multi_strategy": strategy}
        booster = xgboost.train(params, data, 3, obj=spy, evals=[(data, "train")], custom_metric=objective.metric)
        assert places == [[device == "auto"] * 2] * 3
        margins.append(booster.predict(data, output_margin=True))
    np.testing.assert_allclose(*margins, rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(SIMULATED, reason="there is no GPU here")
@pytest.mark.parametrize("options", [{}, {"sampling_method": "gradient_based", "subsample": 0.3}], ids=str)
def test_cupy_all_the_way(options):
    cupy = pytest.importorskip("cupy")
    xgboost = pytest.importorskip("xgboost")
    margin, label, weight = inputs("binary", rows=6000)
    objective = bi.focal_objective(2.0)
    on_host = objective.gradient_hessian(margin, label, weight)
    for own, expected in zip(objective.gradient_hessian(*map(cupy.asarray, (margin, label, weight))), on_host, strict=True):
        assert isinstance(own, cupy.ndarray)
        np.testing.assert_allclose(cupy.asnumpy(own), expected, rtol=1e-4, atol=1e-6)
    X = cupy.asarray(np.random.default_rng(0).normal(size=(6000, 3)) + label[:, None])
    data = xgboost.QuantileDMatrix(X, cupy.asarray(label), weight=cupy.asarray(weight))
    params = {**objective.xgboost_params(label), "device": "cuda", "max_depth": 3, **options}
    booster = xgboost.train(params, data, 10, obj=objective)
    start = objective.mean_loss(np.full(6000, objective.start(label, weight)), label, weight)
    assert objective.mean_loss(booster.predict(data, output_margin=True), label, weight) < 0.9 * start


@pytest.mark.skipif(SIMULATED, reason="there is no GPU here")
def test_the_next_process_need_not_compile(fresh_python, tmp_path):
    code = """
import numpy as np
import boost_imbalance as bi
from boost_imbalance.kernels import cache
y = np.resize([0.0, 1.0, 0.0], 99)
gradient, hessian = bi.focal_objective(2.0, device="cuda").bind(y)(np.linspace(-9, 9, 99))
print([kernel.compiled for kernel in cache.kernels if kernel.name.startswith("cuda_")], gradient.sum(), hessian.sum())
"""
    first, second = (fresh_python(code, timeout=300.0, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert first.startswith("[True]")
    assert second == first.replace("True", "False")
