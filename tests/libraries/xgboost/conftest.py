"""One thread for XGBoost."""

import pytest


@pytest.fixture(autouse=True)
def one_thread():
    with pytest.importorskip("xgboost").config_context(nthread=1):
        yield
