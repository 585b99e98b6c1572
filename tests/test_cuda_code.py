"""The machine code of every kernel, compiled without a GPU: float32 stays float32, and division is exact."""

import importlib.util

import pytest

COMPILE = """
import collections, re, types
import numba
import numpy as np
import numba.cuda.dispatcher as dispatcher
from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib
from numba import cuda
from boost_imbalance import _formulas as formulas
from boost_imbalance._engine.cuda import runner
from boost_imbalance._engine.runner import template_name
from boost_imbalance._formulas.curvature import CURVATURES

dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=(8, 0))  # asked for by device functions
matrix, table = numba.float32[:, ::1], numba.float64[:, ::1]
kinds = [getattr(formulas, name) for name in ("CROSS_ENTROPY", "FOCAL", "ASYMMETRIC", "HALF_FOCAL_ASYMMETRIC")]
variants = set()
try:
    for library in ("nvvm", "nvrtc"):
        load_nvidia_dynamic_lib(library)
except DynamicLibNotFoundError:
    print("no compiler")
    raise SystemExit
for formula in kinds:
    for curvature in CURVATURES.values():
        variants.add((template_name(formula, curvature, False), formula, curvature, 1))
        variants |= {(template_name(formula, curvature, True), formula, curvature, lanes) for lanes in (1, 32)}
    variants |= {("sigmoid_loss", formula, None, 1), ("softmax_loss", formula, None, 1), ("softmax_loss", formula, None, 32)}
variants |= {("sigmoid_misses", None, None, 1), ("softmax_misses", None, None, 1)}
compiled = 0
for name, formula, curvature, lanes in variants:
    inputs = (matrix,) * 4 if "misses" in name else (matrix,) * 6
    for weighted in (False, True) if curvature in (None, CURVATURES["expected"]) else (False,):
        kernel = runner._kernel(name, formula, curvature, weighted, np.dtype(np.float32), lanes)
        code, _ = cuda.compile(kernel.py_func, (*inputs, table), device=False, abi="numba", cc=(8, 0), output="ptx")
        operations = re.findall(r"^\\s*(?:@\\S+ )?([a-z][a-z0-9_.:]*)\\s", code, re.M)
        wide = {operation for operation in operations if ".f64" in operation}
        # What counts labels and adds up their weights.
        counting = r"(mov|selp|setp|cvt|add|(ld|st)\\.shared|(atom|red)\\.(shared|global)\\.add).*\\.f64.*"
        assert all(re.fullmatch(counting, operation) for operation in wide), (name, formula, curvature, wide)
        assert not [operation for operation in operations if "approx" in operation or ".ftz" in operation], name
        assert "call" not in operations, name
        compiled += 1
print(compiled)
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda")
def test_float32_stays_float32(fresh_python):
    printed = fresh_python(COMPILE, timeout=600.0, NUMBA_ENABLE_CUDASIM="0")
    if printed == "no compiler":
        pytest.skip("needs NVIDIA's compiler, which the extra cuda brings")
    assert int(printed) > 70
