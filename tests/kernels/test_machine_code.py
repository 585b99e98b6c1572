"""The machine code of every kernel, compiled without a GPU: in the format that was asked for, and with exact division."""

import importlib.util

import pytest

COMPILE = """
import collections, re, types
import numba
import numpy as np
import numba.cuda.dispatcher as dispatcher
from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib
from numba import cuda
import boost_imbalance as bi
from boost_imbalance.kernels.cuda import arrays, runner
from boost_imbalance.kernels.cpu import template_name
from boost_imbalance.losses.fitted import CURVATURES
from boost_imbalance.kernels.loops import DERIVATIVES, LOSS, PROBABILITY
from boost_imbalance.kernels.program import Program

dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=(8, 0))  # asked for by device functions
matrix, table = numba.float32[:, ::1], numba.float64[:, ::1]
kinds = [
    objective.formula
    for objective in (
        bi.focal_objective(0.0), bi.focal_objective(), bi.asymmetric_objective(1.0), bi.robust_focal_objective(),
    )
]
variants = set()
try:
    for library in ("nvvm", "nvrtc"):
        load_nvidia_dynamic_lib(library)
except DynamicLibNotFoundError:
    print("no compiler")
    raise SystemExit
arrays.import_compiler()
for formula in kinds:
    # A curvature puts terms of a formula together, which two formulas show; of the others each term is seen once.
    each_term = [CURVATURES[name] for name in ("expected", "positive_terms", "reweighted")]
    for curvature in CURVATURES.values() if formula in kinds[1:3] else each_term:
        soft = formula is kinds[2] and curvature in (CURVATURES["expected"], CURVATURES["positive_terms"])
        for program in (Program(formula, curvature), *([Program(formula, curvature, soft=True)] if soft else [])):
            variants.add((template_name(program, False), program, DERIVATIVES, 1))
            # How the threads of a row add up is the same for every curvature.
            together = (1, 32) if curvature == CURVATURES["expected"] else (1,)
            variants |= {(template_name(program, True), program, DERIVATIVES, lanes) for lanes in together}
    program = Program(formula)
    variants |= {("sigmoid", program, LOSS, 1), ("softmax_loss", program, LOSS, 1), ("softmax_loss", program, LOSS, 32)}
    variants |= {("sigmoid", program, PROBABILITY, 1)} | {("softmax_probability", program, PROBABILITY, n) for n in (1, 32)}
variants |= {("sigmoid_misses", Program(None), DERIVATIVES, 1), ("softmax_misses", Program(None), DERIVATIVES, 1)}
compiled = 0
for name, program, quantity, lanes in variants:
    wide = quantity == PROBABILITY
    curvature = program.curvature
    kind, coefficients = (np.dtype(np.float64), table) if wide else (np.dtype(np.float32), matrix)
    inputs = (matrix, matrix, matrix, coefficients) + (() if "misses" in name else (matrix, matrix))
    for weighted in (False, True) if not wide and curvature in (None, CURVATURES["expected"]) else (False,):
        kernel = runner._kernel(name, program, runner.Variant(quantity, weighted, False, lanes), kind)
        code, _ = cuda.compile(kernel.py_func, (*inputs, table), device=False, abi="numba", cc=(8, 0), output="ptx")
        operations = re.findall(r"^\\s*(?:@\\S+ )?([a-z][a-z0-9_.:]*)\\s", code, re.M)
        if wide:
            # What reads margins and writes probabilities.
            other, allowed = ".f32", r"(mov|cvt|(ld|st)\\.global).*\\.f32.*"
        else:
            # What counts labels and adds up their weights.
            other, allowed = ".f64", r"(mov|selp|setp|cvt|add|(ld|st)\\.shared|(atom|red)\\.(shared|global)\\.add).*\\.f64.*"
        others = {operation for operation in operations if other in operation}
        assert all(re.fullmatch(allowed, operation) for operation in others), (name, program, others)
        assert not [operation for operation in operations if "approx" in operation or ".ftz" in operation], name
        assert "call" not in operations, name
        compiled += 1
print(compiled)
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda")
def test_formats_stay_what_they_are(fresh_python):
    printed = fresh_python(COMPILE, timeout=600.0, NUMBA_ENABLE_CUDASIM="0")
    if printed == "no compiler":
        pytest.skip("needs NVIDIA's compiler, which the extra cuda brings")
    assert int(printed) > 70


@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda")
def test_the_compiler_can_be_imported_beside_any_numpy(fresh_python):
    code = """
import numpy as np
from boost_imbalance.kernels.cuda import arrays
before = set(vars(np))
arrays.import_compiler()
import numba.cuda.cudaimpl
print((set(vars(np)) - before) & {"row_stack"})
"""
    assert fresh_python(code, NUMBA_ENABLE_CUDASIM="0") == "set()"


KEPT = """
import hashlib, types
import numba
import numba.cuda.codegen as codegen
import numba.cuda.dispatcher as dispatcher
import numpy as np
from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib
from numba import cuda
import boost_imbalance as bi
from boost_imbalance.kernels import cache
from boost_imbalance.kernels.cuda import arrays, runner
from boost_imbalance.kernels.program import Program
from boost_imbalance.losses.fitted import CURVATURES

try:
    for library in ("nvvm", "nvrtc"):
        load_nvidia_dynamic_lib(library)
except DynamicLibNotFoundError:
    print("no compiler")
    raise SystemExit
arrays.import_compiler()
cuda.get_current_device = dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=(9, 0))
codegen.CUDACodeLibrary._ensure_cc = lambda self, cc: (9, 0)
matrix, sums = numba.float32[:, ::1], numba.float64[:, ::1]
arguments = (*[matrix] * 6, sums)
program = Program(bi.focal_objective().formula, CURVATURES["exact"])
ours = runner._kernel("sigmoid", program, runner.Variant(0, False, False, 1), np.dtype(np.float32))
kernel = ours._cache.load_overload(arguments, ours.targetctx)
if kernel is None:
    kernel = dispatcher._Kernel(ours.py_func, arguments)
    kernel._codelibrary.get_cubin(cc=(9, 0))
    ours._cache.save_overload(arguments, kernel)
code = kernel._codelibrary.get_cubin(cc=(9, 0)).code
print(cache.kernels[-1].compiled, kernel.signature, hashlib.sha256(code).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda")
def test_the_next_process_finds_the_machine_code(fresh_python, tmp_path):
    environment = {"NUMBA_ENABLE_CUDASIM": "0", "NUMBA_CACHE_DIR": str(tmp_path)}
    first = fresh_python(KEPT, timeout=300.0, **environment)
    if first == "no compiler":
        pytest.skip("needs NVIDIA's compiler, which the extra cuda brings")
    compiled, what = first.split(maxsplit=1)
    found, again = fresh_python(KEPT, timeout=300.0, **environment).split(maxsplit=1)
    assert (compiled, found) == ("True", "False")
    assert what == again
