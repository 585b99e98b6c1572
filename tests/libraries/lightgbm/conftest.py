"""Data of both kinds that LightGBM has objectives for."""

import pytest


@pytest.fixture(params=["binary", "multiclass"])
def data(request, make_data):
    return make_data(request.param)
