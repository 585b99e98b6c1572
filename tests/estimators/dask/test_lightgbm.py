"""Training on Dask by LightGBM."""

import pickle

import numpy as np
import pytest

import boost_imbalance as bi
from tests.estimators.dask.common import COMMON, LOSSES

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")


QUIET = {**COMMON, "verbose": -1}


class TestLightGBM:
    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("lightgbm")

    def test_plain_cross_entropy_is_the_librarys_own_model(self, rows, spread, client):
        import lightgbm

        X, y, _ = rows("binary")
        settings = {**QUIET, "boost_from_average": False}
        builtin = lightgbm.DaskLGBMClassifier(**settings, client=client, n_jobs=1)
        with pytest.warns(UserWarning, match="n_jobs will be ignored"):
            builtin.fit(spread(X, (400, 200), (0, 1)), spread(y, (400, 200), (0, 1)))
        loss = bi.weighted_objective(None, hessian="exact")
        model = bi.ImbalancedDaskLGBMClassifier(loss=loss, **settings)
        model.fit(spread(X, (400, 200), (0, 1)), spread(y, (400, 200), (0, 1)))
        np.testing.assert_allclose(model.predict_proba(X)[:, 1], builtin.booster_.predict(X), atol=1e-7)

    @pytest.mark.parametrize("loss", ["focal", "balanced", "adjusted"])
    @pytest.mark.parametrize("task", ["binary", "multiclass"])
    def test_counts_start_and_scale_are_those_of_all_rows(self, rows, spread, task, loss):
        """No row of the rarest class on the second worker; trees with one leaf show the start, others the scale."""
        X, y, weight = rows(task)
        order = np.argsort(-y, kind="stable")
        X, names, weight = X[order], np.array(["usual", "rare", "rarer"])[y[order].astype(int)], weight[order]
        one = bi.ImbalancedLGBMClassifier(loss=LOSSES[loss](), **QUIET).fit(X, names, sample_weight=weight)
        two = bi.ImbalancedDaskLGBMClassifier(loss=LOSSES[loss](), **QUIET)
        two.fit(spread(X), spread(names), sample_weight=spread(weight))
        assert two.loss_ == one.loss_
        assert two.classes_.tolist() == one.classes_.tolist()
        # The Hessians of all rows at the start, which the scale multiplies, and the values of the first leaves.
        first = [booster.trees_to_dataframe().query("tree_index == 0") for booster in (one.booster_, two.booster_)]
        np.testing.assert_allclose(*(tree["weight"].iloc[0] for tree in first), rtol=1e-5)
        assert np.abs(two.predict_proba(X).mean(axis=0) - one.predict_proba(X).mean(axis=0)).max() < 0.01
        np.testing.assert_array_equal(two.predict_proba(spread(X)).compute(), two.to_local().predict_proba(X))
        assert two.predict(spread(X)).compute().tolist() == two.to_local().predict(X).tolist()
        np.testing.assert_array_equal(two.predict(spread(X), raw_score=True).compute(), two.decision_function(X))

    def test_frames_decisions_and_files(self, rows, spread, tmp_path):
        X, y, weight = rows("binary")
        frame = pd.DataFrame(X, columns=list("abcd"))
        y = y.copy()
        y[7] = np.nan
        model = bi.ImbalancedDaskLGBMClassifier(decision="f1", decision_cv=2, **QUIET)
        model.fit(spread(frame), spread(pd.Series(y)), sample_weight=spread(pd.Series(weight)))
        assert 0 < model.thresholds_[0] < 1
        assert model.feature_names_in_.tolist() == list("abcd")
        local = pickle.loads(pickle.dumps(model)).to_local()
        assert type(local) is bi.ImbalancedLGBMClassifier
        np.testing.assert_array_equal(local.predict(frame), model.predict(spread(frame)).compute())
        model.save_model(tmp_path / "model.txt")
        loaded = bi.ImbalancedDaskLGBMClassifier()
        loaded.load_model(tmp_path / "model.txt")
        np.testing.assert_allclose(loaded.predict_proba(spread(frame)).compute(), local.predict_proba(frame), atol=1e-12)
        assert (
            model.score(
                spread(frame[8:].reset_index(drop=True), (300, 292), (0, 1)), spread(pd.Series(y[8:]), (300, 292), (0, 1))
            )
            > 0.5
        )

    def test_what_lightgbm_does_not_do_there_is_refused(self, rows, spread):
        X, y, _ = rows("binary")
        X, y = spread(X), spread(y)
        make = bi.ImbalancedDaskLGBMClassifier
        for name in ("eval_set", "eval_metric", "callbacks"):
            with pytest.raises(ValueError, match=rf"{name} is given, but LightGBM evaluates the rows of each worker.*#6351"):
                make().fit(X, y, **{name: [(X, y)]})
        with pytest.raises(ValueError, match="early_stopping_round is given"):
            make(early_stopping_round=5).fit(X, y)
        for name in ("init_score", "init_model"):
            with pytest.raises(ValueError, match=f"{name} is given, which is not supported on Dask"):
                make().fit(X, y, **{name: y})
        with pytest.raises(ValueError, match="linear_tree is True, which LightGBM does not distribute"):
            make(linear_tree=True).fit(X, y)
        with pytest.raises(ValueError, match="keeps one label per row; take ImbalancedDaskXGBClassifier"):
            make().fit(X, spread(rows("multilabel")[1]))
        with pytest.raises(ValueError, match=r"loss is adaptive_objective\(.*which LightGBM does not add up"):
            make(loss=bi.adaptive_objective()).fit(X, y)
        model = make(**QUIET).fit(X, y)
        with pytest.raises(ValueError, match="pred_leaf is for arrays and data frames of one machine"):
            model.predict(X, pred_leaf=True)
