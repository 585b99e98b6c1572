"""One library missing, what is imported later, and what the package says to the log."""

import logging

import pytest

import boost_imbalance as bi

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


LIBRARIES = ("xgboost", "lightgbm")


MISSING = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import numpy
import boost_imbalance as bi
from boost_imbalance import *

for name in dir(bi):
    getattr(bi, name)
print(sorted({"ImbalancedXGBClassifier", "ImbalancedLGBMClassifier", "compare", "Comparison"} & set(dir(bi))))
X = numpy.eye(2)
for call in (
    lambda: focal_objective().lightgbm_start(X, [0, 1]),
    lambda: multilabel_dataset(X, X),
    lambda: bi.ImbalancedLGBMClassifier,
):
    try:
        call()
    except ImportError as error:
        print(error)
"""


@pytest.mark.parametrize("missing", [*LIBRARIES, "sklearn"])
def test_star_import_and_completion_with_a_library_missing(fresh_python, missing):
    pytest.importorskip("sklearn")
    for kept in {*LIBRARIES} - {missing}:
        pytest.importorskip(kept)
    lines = fresh_python(MISSING, missing).splitlines()
    if missing == "sklearn":
        assert lines[0] == "[]"
        return
    own = "ImbalancedXGBClassifier" if missing == "lightgbm" else "ImbalancedLGBMClassifier"
    assert lines[0] == str(sorted(["Comparison", own, "compare"]))
    for line in lines[1:]:
        assert "install it with pip install 'boost-imbalance[lightgbm]'" in line
    assert len(lines[1:]) == (3 if missing == "lightgbm" else 0)


def test_completion_shows_what_is_imported_later():
    assert set(bi.__all__) <= set(dir(bi))


def test_compiling_says_nothing_at_debug(fresh_python, tmp_path):
    code = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
import boost_imbalance as bi
bi.focal_objective(gamma=2.0).gradient_hessian([0.0], [1])
assert logging.getLogger("numba").level == logging.NOTSET
"""
    printed = fresh_python(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert not [line for line in printed.splitlines() if "numba" in line]


def test_a_level_of_numba_s_own_is_left_alone():
    from boost_imbalance.kernels.cache import quiet

    logger = logging.getLogger("numba")
    before = logger.level
    try:
        for level, during in ((logging.NOTSET, logging.WARNING), (logging.DEBUG, logging.DEBUG)):
            logger.setLevel(level)
            with quiet():
                assert logger.level == during
            assert logger.level == level
    finally:
        logger.setLevel(before)
