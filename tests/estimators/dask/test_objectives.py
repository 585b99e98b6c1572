"""Losses in a Dask training, and what is said where Dask is missing or not expected."""

import pickle
import re

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")


class TestOneMachineRefusesDask:
    """Both libraries would collect all rows in this process."""

    @pytest.mark.parametrize("name", ["XGB", "LGBM"])
    def test_in_words(self, name, rows, spread):
        pytest.importorskip({"XGB": "xgboost", "LGBM": "lightgbm"}[name])
        X, y, weight = rows("binary")
        own, other = f"Imbalanced{name}Classifier", f"ImbalancedDask{name}Classifier"
        model = getattr(bi, own)(n_estimators=2)
        told = rf"is a Dask Array, all of which {own} would load into this process; write {other}\(\.\.\.\)"
        with pytest.raises(TypeError, match=f"^X {told}"):
            model.fit(spread(X), y)
        with pytest.raises(TypeError, match=f"^y {told}.*or give y.compute"):
            model.fit(X, spread(y))
        with pytest.raises(TypeError, match=f"^sample_weight {told}"):
            model.fit(X, y, sample_weight=spread(weight))
        with pytest.raises(TypeError, match=r"is a Dask (Array|DataFrame)"):
            model.fit(X, y, eval_set=[(spread(X), spread(y))])
        with pytest.raises(TypeError, match=r"^X is a Dask DataFrame"):
            model.fit(spread(pd.DataFrame(X)), y)
        model.fit(X, y)
        for method in (model.predict, model.predict_proba, model.decision_function):
            with pytest.raises(TypeError, match=f"^X {told}"):
                method(spread(X))
        with pytest.raises(TypeError, match="is a Dask Array"):
            model.score(spread(X), spread(y))


class TestObjectives:
    """``obj=objective`` in the libraries' own functions for Dask."""

    def test_counts_are_enough(self, make_data):
        for task in ("binary", "multiclass", "multilabel"):
            y = make_data(task).y
            objective = bi.weighted_objective("balanced", tau=1.0)
            if task == "multilabel":
                small, counts = [[0] * 3, [1] * 3], [(1 - y).sum(axis=0), y.sum(axis=0)]
            else:
                small, counts = np.unique(y, return_counts=True)
            by_label, by_count = objective.fit(y), objective.fit(small, sample_weight=counts)
            margin = np.linspace(-3, 3, 3 if task != "binary" else 1)[None].repeat(5, 0).squeeze()
            np.testing.assert_allclose(by_count.probability(margin), by_label.probability(margin), rtol=1e-12)
            np.testing.assert_allclose(by_count.fitted.start, by_label.fitted.start, rtol=1e-12)

    def train(self, library, client, X, y, objective, y_known=None):
        if library == "xgboost":
            xgboost = pytest.importorskip("xgboost")
            params = {"objective": "binary:logistic", "base_score": 0.1, "nthread": 1}
            if y_known is not None:
                params = {**objective.xgboost_params(*y_known), "nthread": 1}
            from xgboost import dask as training

            data = training.DaskQuantileDMatrix(client, X, y)
            assert xgboost
            return training.train(client, params, data, 3, obj=objective)["booster"]
        lightgbm = pytest.importorskip("lightgbm")
        model = lightgbm.DaskLGBMRegressor(objective=objective, n_estimators=3, verbose=-1, metric="None", client=client)
        return model.fit(X, y).booster_

    @pytest.mark.filterwarnings("ignore::UserWarning")
    @pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
    def test_probability_on_the_client_asks_for_the_counts(self, library, rows, spread, client):
        X, y, _ = rows("binary")
        objective = bi.logit_adjusted_objective(1.0)
        n1 = int(y.sum())
        counted = objective.fit([0, 1], sample_weight=[600 - n1, n1])
        if library == "lightgbm":
            with pytest.raises(ValueError, match="fit"):
                self.train(library, client, spread(X), spread(y), bi.logit_adjusted_objective(1.0))
        else:
            booster = self.train(library, client, spread(X), spread(y), objective)
            with pytest.raises(ValueError, match=re.escape("objective = objective.fit([0, 1], sample_weight=[n0, n1])")):
                objective.predict_probability(booster, X)
        booster = self.train(library, client, spread(X), spread(y), counted, ([0, 1], [600 - n1, n1]))
        if library == "xgboost":
            assert abs(counted.predict_probability(booster, X).mean() - y.mean()) < 0.02

    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_an_earlier_training_does_not_answer_for_a_distributed_one(self, rows, spread, client):
        xgboost = pytest.importorskip("xgboost")
        X, y, _ = rows("binary")
        objective = bi.logit_adjusted_objective(1.0)
        other = np.r_[1.0, 0.0, np.zeros(598)]
        xgboost.train(objective.xgboost_params(other), xgboost.DMatrix(X, other), 2, obj=objective)
        assert objective.probability([0.0])[0] == pytest.approx(1 / 600)
        self.train("xgboost", client, spread(X), spread(y), objective)
        with pytest.raises(ValueError, match="has trained on other workers, whose labels are not known here"):
            objective.probability([0.0])
        # What is said of the labels for this training is known.
        self.train("xgboost", client, spread(X), spread(y), objective, ([0, 1], [600 - y.sum(), y.sum()]))
        assert objective.probability([0.0])[0] == pytest.approx(y.mean())
        # But not for the next one.
        self.train("xgboost", client, spread(X), spread(y), objective)
        with pytest.raises(ValueError, match=r"objective\.fit\(\[0, 1\], sample_weight=\[n0, n1\]\)"):
            objective.probability([0.0])
        xgboost.train(objective.xgboost_params(other), xgboost.DMatrix(X, other), 2, obj=objective)
        with pytest.raises(ValueError, match="has trained here and on other workers"):
            objective.probability([0.0])
        fresh = bi.logit_adjusted_objective(1.0)
        self.train("xgboost", client, spread(X), spread(y), fresh)
        with pytest.raises(ValueError, match=r"objective\.fit\(range\(3\), sample_weight=counts\)"):
            fresh.probability([[0.0, 0.0, 0.0]])

    def test_pickling_by_others_is_no_training(self):
        objective = bi.logit_adjusted_objective(1.0)
        objective.start([0, 0, 0, 1])
        pickle.dumps(objective)
        assert objective.probability([0.0])[0] == pytest.approx(0.25)


def test_dask_is_not_imported_before_it_is_used(fresh_python):
    pytest.importorskip("xgboost")
    code = (
        "import sys, boost_imbalance as bi\n"
        "bi.ImbalancedXGBClassifier(n_estimators=1, n_jobs=1).fit([[0], [1]] * 9, [0, 1] * 9)\n"
        "print('dask' in sys.modules)"
    )
    assert fresh_python(code) == "False"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "library"), [("XGB", "xgboost"), ("LGBM", "lightgbm")])
def test_without_dask_the_error_names_the_extra(fresh_python, name, library):
    pytest.importorskip(library)
    code = (
        "import sys\n"
        "import boost_imbalance as bi\n"
        "for missing in ('dask', 'distributed', 'dask.dataframe'):\n"
        "    sys.modules[missing] = None\n"
        "    try:\n"
        f"        bi.ImbalancedDask{name}Classifier\n"
        "    except ImportError as error:\n"
        "        print(error)\n"
        "    del sys.modules[missing]"
    )
    expected = f"needs {library}, dask and scikit-learn; install it with pip install 'boost-imbalance[{library},dask]'."
    assert fresh_python(code).splitlines() == [f"ImbalancedDask{name}Classifier {expected}"] * 3
