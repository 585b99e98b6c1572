"""Each library that is installed, and data of a rare class."""

import pytest

from tests.comparison.common import LIBRARIES


@pytest.fixture(params=LIBRARIES)
def library(request):
    return request.param


@pytest.fixture(scope="session")
def rare():
    """A rare class that can be learnt."""
    from sklearn.datasets import make_classification

    return make_classification(900, n_features=8, n_informative=4, weights=[0.9], class_sep=1.5, random_state=0)


@pytest.fixture(scope="session")
def small():
    """Few rows, as a data frame."""
    import pandas as pd
    from sklearn.datasets import make_classification

    X, y = make_classification(240, n_features=4, n_informative=3, n_redundant=0, weights=[0.8], random_state=0)
    return pd.DataFrame(X, columns=list("abcd")), y
