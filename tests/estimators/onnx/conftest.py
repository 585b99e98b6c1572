"""Both libraries."""

import pytest


@pytest.fixture(params=["xgboost", "lightgbm"])
def library(request):
    pytest.importorskip(request.param)
    return request.param
