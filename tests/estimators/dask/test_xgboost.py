"""Training on Dask by XGBoost: the model of one machine, whatever the partitions."""

import pickle

import numpy as np
import pytest
from scipy import sparse

import boost_imbalance as bi
from boost_imbalance import metrics
from tests.estimators.dask.common import COMMON, LOSSES, SIZES, da, dask, dd, distributed

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")


PARTITION = np.repeat(range(len(SIZES)), SIZES)


def _misaligned(block):
    """Numbers that begin at an odd address, as those may that came over a network."""
    made = np.frombuffer(b"-" + block.tobytes(), block.dtype, offset=1).reshape(block.shape)
    assert not (made.size and made.flags.aligned)
    return made


def _brier(label, probability):
    return float(np.mean((label - probability[:, 1]) ** 2))


class TestXGBoost:
    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("xgboost")

    # How a tree grows is the library's own business, of which a loss and the weights of rows know nothing.
    @pytest.mark.parametrize(("weighted", "strategy"), [(False, "one_output_per_tree"), (True, "multi_output_tree")])
    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
    def test_two_workers_give_the_model_of_one_machine(self, rows, spread, task, loss, weighted, strategy):
        from xgboost import collective
        from xgboost.callback import TrainingCallback

        class Workers(TrainingCallback):
            def after_training(self, model):
                model.set_attr(workers=str(collective.get_world_size()))
                return model

        X, y, weight = rows(task)
        weight = weight if weighted else None
        settings = {**COMMON, "loss": LOSSES[loss](), "multi_strategy": strategy, "n_jobs": 1}
        one = bi.ImbalancedXGBClassifier(**settings).fit(X, y, sample_weight=weight)
        two = bi.ImbalancedDaskXGBClassifier(callbacks=[Workers()], **settings)
        two.fit(spread(X), spread(y), sample_weight=spread(weight))
        assert two.get_booster().attr("workers") == "2"
        assert isinstance(two, bi.ImbalancedXGBClassifier)
        assert two.loss_ == one.loss_
        np.testing.assert_array_equal(two.class_prior_, one.class_prior_)
        np.testing.assert_array_equal(two.predict_proba(X), one.predict_proba(X))
        np.testing.assert_array_equal(two.predict_proba(spread(X)).compute(), one.predict_proba(X))
        np.testing.assert_array_equal(two.predict(spread(X)).compute(), one.predict(X))

    @pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
    def test_early_stopping_is_on_the_metric_of_all_rows(self, rows, spread, task):
        """The second worker has validation rows without a positive, and no worker has rows of both sets alone."""
        X, y, weight = rows(task, 900)
        train, valid = slice(0, 600), slice(600, 900)
        order = np.argsort(-y[valid].reshape(300, -1)[:, 0], kind="stable")
        X_valid, y_valid, w_valid = X[valid][order], y[valid][order], weight[valid][order]
        settings = {
            "n_estimators": 60, "max_depth": 4, "learning_rate": 0.5, "n_jobs": 1, "early_stopping_rounds": 4,
            "eval_metric": [metrics.balanced_accuracy(), metrics.average_precision()], "loss": bi.focal_objective(1.0),
        }  # fmt: skip
        one = bi.ImbalancedXGBClassifier(**settings).fit(
            X[train], y[train], eval_set=[(X_valid, y_valid)], sample_weight_eval_set=[w_valid], verbose=False
        )
        parts = {"sizes": (200, 40, 60), "places": (0, 1, 1)}
        two = bi.ImbalancedDaskXGBClassifier(**settings).fit(
            spread(X[train]),
            spread(y[train]),
            eval_set=[(spread(X_valid, **parts), spread(y_valid, **parts))],
            sample_weight_eval_set=[spread(w_valid, **parts)],
            verbose=False,
        )
        assert two.best_iteration == one.best_iteration < 55
        (found,), (expected,) = two.evals_result().values(), one.evals_result().values()
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, atol=2e-6, err_msg=name)
        np.testing.assert_array_equal(two.predict_proba(spread(X_valid, **parts)).compute(), one.predict_proba(X_valid))

    @pytest.mark.parametrize("kind", ["array", "frame"])
    @pytest.mark.parametrize("places", [(0, 0, 0), (1, 1, 1)])
    def test_a_worker_may_have_rows_of_one_set_only(self, rows, spread, places, kind):
        X, y, _ = rows("binary")
        if kind == "frame":
            X = pd.DataFrame(X, columns=pd.MultiIndex.from_product([["a", "b"], [1, 2]]))
        settings = {**COMMON, "n_jobs": 1, "eval_metric": ["logloss", metrics.average_precision()]}
        one = bi.ImbalancedXGBClassifier(**settings).fit(X, y, eval_set=[(X[:100], y[:100])], verbose=False)
        train = {"sizes": (300, 200, 100), "places": places}
        valid = {"sizes": (100,), "places": (1,)}
        two = bi.ImbalancedDaskXGBClassifier(**settings).fit(
            spread(X, **train),
            spread(y, **train),
            eval_set=[(spread(X[:100], **valid), spread(y[:100], **valid))],
            verbose=False,
        )
        np.testing.assert_array_equal(two.predict_proba(X), one.predict_proba(X))
        assert two.get_booster().feature_names == one.get_booster().feature_names
        for name, values in one.evals_result()["validation_0"].items():
            np.testing.assert_allclose(two.evals_result()["validation_0"][name], values, atol=2e-6)

    def test_the_training_data_may_be_an_evaluation_set(self, rows, spread):
        X, y, _ = rows("binary")
        given = spread(X), spread(y)
        two = bi.ImbalancedDaskXGBClassifier(**COMMON, n_jobs=1).fit(*given, eval_set=[given], verbose=False)
        one = bi.ImbalancedXGBClassifier(**COMMON, n_jobs=1).fit(X, y, eval_set=[(X, y)], verbose=False)
        np.testing.assert_allclose(
            two.evals_result()["validation_0"]["log_loss"], one.evals_result()["validation_0"]["log_loss"], atol=2e-6
        )

    @pytest.mark.parametrize("task", ["binary", "multilabel"])
    def test_missing_labels_do_not_count(self, rows, spread, task):
        X, y, weight = rows(task)
        y = y.copy()
        y[np.random.default_rng(2).random(y.shape) < 0.2] = np.nan
        y[SIZES[0] : SIZES[0] + SIZES[2]] = np.nan  # a whole partition
        settings = {**COMMON, "n_jobs": 1, "loss": bi.weighted_objective("balanced")}
        metric = {"eval_metric": metrics.average_precision()}
        valid = {"sizes": (300, 300), "places": (0, 1)}
        for w in (None, weight):
            eval_rows = np.arange(600) if task == "multilabel" else np.flatnonzero(~np.isnan(y))
            eval_y = y if task == "multilabel" else np.where(np.isnan(y), 0, y)
            one = bi.ImbalancedXGBClassifier(**settings, **metric)
            one.fit(X, y, sample_weight=w, eval_set=[(X[eval_rows], eval_y[eval_rows])], verbose=False)
            two = bi.ImbalancedDaskXGBClassifier(**settings, **metric)
            two.fit(
                spread(X),
                spread(y),
                sample_weight=spread(w),
                eval_set=[(spread(X, **valid), spread(y, **valid))],
                verbose=False,
            )
            np.testing.assert_array_equal(two.predict_proba(X), one.predict_proba(X))
            (found,), (expected,) = two.evals_result()["validation_0"].values(), one.evals_result()["validation_0"].values()
            np.testing.assert_allclose(found, expected, atol=2e-6)

    def test_data_frames_with_names_strings_and_categories(self, rows, spread):
        X, y, _ = rows("multiclass")
        frame = pd.DataFrame(X, columns=["a", "b", "c", "d"], index=np.arange(600) * 3)
        frame["kind"] = pd.Categorical(np.array(["p", "q", "r"])[(X[:, 2] > 0).astype(int) + (X[:, 3] > 1)])
        label = pd.Series(np.array(["usual", "rare", "rarer"])[y.astype(int)], index=frame.index, name="label")
        settings = {**COMMON, "n_jobs": 1, "enable_categorical": True, "class_weight": {"rare": 3.0}}
        one = bi.ImbalancedXGBClassifier(**settings).fit(frame, label)
        two = bi.ImbalancedDaskXGBClassifier(**settings).fit(spread(frame), spread(label))
        assert two.classes_.tolist() == ["rare", "rarer", "usual"]
        assert two.feature_names_in_.tolist() == [*"abcd", "kind"]
        probability = two.predict_proba(spread(frame))
        assert isinstance(probability, da.Array)
        np.testing.assert_array_equal(probability.compute(), one.predict_proba(frame))
        assert two.predict(spread(frame)).compute().tolist() == one.predict(frame).tolist()
        # A column of a data frame, in the same partitions.
        lazy = dd.from_pandas(frame, npartitions=3)
        joined = lazy.assign(p=two.predict_proba(lazy)[:, 0]).compute()
        np.testing.assert_array_equal(joined["p"], one.predict_proba(frame)[:, 0])
        with pytest.raises(ValueError, match="give the columns of fit"):
            two.predict_proba(spread(frame[["b", "a", "c", "d", "kind"]]))

    def test_files_of_which_a_filter_leaves_some_empty(self, rows, client, tmp_path):
        X, y, weight = rows("binary")
        frame = pd.DataFrame(X, columns=list("abcd")).assign(y=y, w=weight, day=np.repeat(range(6), 100))
        dd.from_pandas(frame, npartitions=6).to_parquet(tmp_path / "rows")
        lazy = dd.read_parquet(tmp_path / "rows")
        train, train_here, valid, valid_here = (
            one[chosen(one.day)] for chosen in (lambda day: day % 2 == 0, lambda day: day == 3) for one in (lazy, frame)
        )
        columns, settings = list("abcd"), {**COMMON, "n_jobs": 1, "eval_metric": metrics.average_precision()}
        one, two = bi.ImbalancedXGBClassifier(**settings), bi.ImbalancedDaskXGBClassifier(**settings)
        for model, fitted_to, judged_by in ((one, train_here, valid_here), (two, train, valid)):
            model.fit(
                fitted_to[columns],
                fitted_to.y,
                sample_weight=fitted_to.w,
                eval_set=[(judged_by[columns], judged_by.y)],
                verbose=False,
            )
        np.testing.assert_array_equal(two.predict_proba(valid[columns]).compute(), one.predict_proba(valid_here[columns]))
        (found,), (expected,) = two.evals_result()["validation_0"].values(), one.evals_result()["validation_0"].values()
        np.testing.assert_allclose(found, expected, atol=2e-6)

    @pytest.mark.filterwarnings("error:The number of unique classes")
    def test_many_classes(self, rows, spread):
        X, _, _ = rows("binary")
        y = np.arange(600) % 40
        one_partition = {"sizes": (600,), "places": (0,)}
        model = bi.ImbalancedDaskXGBClassifier(n_estimators=1, max_depth=1, n_jobs=1)
        model.fit(spread(X, **one_partition), spread(y, **one_partition))
        assert model.predict_proba(spread(X)).shape == (600, 40)

    def test_sparse_blocks(self, rows, spread):
        X, y, _ = rows("binary")
        y = y.copy()
        y[5] = np.nan
        dense, tree = np.where(X == 0, np.nan, X), {"sizes": (400, 200), "places": (0, 1)}
        blocks = spread(X, **tree).map_blocks(sparse.csr_matrix, meta=sparse.csr_matrix((0, 4)))
        two = bi.ImbalancedDaskXGBClassifier(**COMMON, n_jobs=1).fit(blocks, spread(y, **tree))
        one = bi.ImbalancedXGBClassifier(**COMMON, n_jobs=1).fit(dense, y)
        np.testing.assert_array_equal(two.predict_proba(blocks).compute(), one.predict_proba(dense))

    @pytest.mark.parametrize("kind", ["array", "frame"])
    def test_numbers_may_lie_anywhere_in_memory(self, rows, spread, kind):
        X, y, weight = rows("binary")
        placed = spread(X).map_blocks(_misaligned, dtype=X.dtype)
        if kind == "frame":
            placed = spread(pd.DataFrame(X)).map_partitions(lambda part: pd.DataFrame(_misaligned(part.to_numpy())))
        two = bi.ImbalancedDaskXGBClassifier(**COMMON, n_jobs=1)
        labels = (spread(values).map_blocks(_misaligned, dtype=values.dtype) for values in (y, weight))
        two.fit(placed, next(labels), sample_weight=next(labels))
        one = bi.ImbalancedXGBClassifier(**COMMON, n_jobs=1).fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(two.predict_proba(X), one.predict_proba(X))

    def test_predictions_are_lazy_and_block_by_block(self, rows, spread, client):
        X, y, _ = rows("multilabel")
        model = bi.ImbalancedDaskXGBClassifier(**COMMON, n_jobs=1).fit(spread(X), spread(y))

        def fail(block):
            raise RuntimeError("computed")

        never = da.from_array(X, chunks=(100, 2)).map_blocks(fail, dtype=float, meta=np.empty((0, 4)))
        for method in (model.predict, model.predict_proba, model.decision_function):
            found = method(never)
            assert found.shape == (600, 3)
            assert found.chunks == ((100,) * 6, (3,))
            with pytest.raises(RuntimeError, match="computed"):
                found.compute()
        with pytest.raises(ValueError, match="X has 3 features, but ImbalancedDaskXGBClassifier is expecting 4"):
            model.predict(never[:, :3])
        empty = model.predict_proba(da.from_array(X, chunks=(100, 4))[:0]).compute()
        assert empty.shape == (0, 3)

    def test_margins_to_begin_with(self, rows, spread):
        X, y, _ = rows("multiclass")
        margin = np.random.default_rng(3).choice([-0.5, 0.0, 0.5], (600, 3)).astype(np.float32)
        one = bi.ImbalancedXGBClassifier(**COMMON, n_jobs=1).fit(X, y, base_margin=margin)
        two = bi.ImbalancedDaskXGBClassifier(**COMMON, n_jobs=1).fit(spread(X), spread(y), base_margin=spread(margin))
        expected = one.predict_proba(X, base_margin=margin)
        np.testing.assert_array_equal(two.predict_proba(spread(X), base_margin=spread(margin)).compute(), expected)
        frames = [spread(pd.DataFrame(values)) for values in (X, margin)]
        two = two.set_params(decision={"threshold": [0.2, 0.5, 0.5]})
        one = one.set_params(decision={"threshold": [0.2, 0.5, 0.5]})
        for rounds in (None, (0, 2)):
            decided = two.predict(frames[0], base_margin=frames[1], iteration_range=rounds).compute()
            np.testing.assert_array_equal(decided, one.predict(X, base_margin=margin, iteration_range=rounds))

    def test_a_model_is_continued(self, rows, spread):
        X, y, _ = rows("binary")
        first = bi.ImbalancedDaskXGBClassifier(**COMMON, n_jobs=1).fit(spread(X), spread(y))
        more = bi.ImbalancedDaskXGBClassifier(**COMMON, n_jobs=1).fit(spread(X), spread(y), xgb_model=first)
        whole = bi.ImbalancedXGBClassifier(**{**COMMON, "n_estimators": 10}, n_jobs=1).fit(X, y)
        assert more.get_booster().num_boosted_rounds() == 10
        np.testing.assert_allclose(more.predict_proba(X), whole.predict_proba(X), atol=1e-6)

    def test_weights_that_are_zero_on_one_worker(self, rows, spread):
        X, y, weight = rows("binary")
        weight = np.where(np.isin(PARTITION, (1, 2)), 0.0, weight)
        settings = {**COMMON, "n_jobs": 1, "loss": bi.weighted_objective("balanced")}
        one = bi.ImbalancedXGBClassifier(**settings).fit(X, y, sample_weight=weight)
        two = bi.ImbalancedDaskXGBClassifier(**settings).fit(spread(X), spread(y), sample_weight=spread(weight))
        np.testing.assert_array_equal(two.predict_proba(X), one.predict_proba(X))

    @pytest.mark.parametrize("decision", ["f1", {"recall": 0.8}, "balanced_accuracy"])
    @pytest.mark.parametrize("task", ["binary", "multilabel"])
    def test_decisions_are_tuned_on_held_out_partitions(self, rows, spread, task, decision):
        from sklearn.model_selection import PredefinedSplit

        X, y, weight = rows(task)
        settings = {**COMMON, "n_jobs": 1, "decision": decision, "prevalence": 0.3 if task == "binary" else None}
        one = bi.ImbalancedXGBClassifier(**settings, decision_cv=PredefinedSplit(PARTITION)).fit(X, y, sample_weight=weight)
        two = bi.ImbalancedDaskXGBClassifier(**settings).fit(spread(X), spread(y), sample_weight=spread(weight))
        np.testing.assert_array_equal(two.thresholds_, one.thresholds_)
        np.testing.assert_array_equal(two.predict(spread(X)).compute(), one.predict(X))
        by_position = bi.ImbalancedDaskXGBClassifier(**settings, decision_cv=PredefinedSplit([0, 1, 2]))
        by_position.fit(spread(X), spread(y), sample_weight=spread(weight))
        np.testing.assert_array_equal(by_position.thresholds_, one.thresholds_)
        one.tune_decision(X, y, weight)
        two.tune_decision(spread(X), spread(y), spread(weight))
        np.testing.assert_array_equal(two.thresholds_, one.thresholds_)

    def test_folds_of_partitions_without_one_of_the_classes(self, rows, spread):
        X, y, _ = rows("binary")
        order = np.argsort(y, kind="stable")
        model = bi.ImbalancedDaskXGBClassifier(**COMMON, decision="f1", decision_cv=3)
        sizes = (300, 300 - int(y.sum()), int(y.sum()))
        with pytest.warns(UserWarning, match=r"decision is 'f1', but 1 of the 3 folds of decision_cv are trained on rows"):
            model.fit(spread(X[order], sizes, (0, 1, 0)), spread(y[order], sizes, (0, 1, 0)))
        listed = model.set_params(decision_cv=[([0, 1], [2]), ([1, 2], [0])]).fit(spread(X), spread(y)).thresholds_
        by_array = model.set_params(decision_cv=[(np.array([0, 1]), np.array([2])), (np.array([1, 2]), np.array([0]))])
        np.testing.assert_array_equal(by_array.fit(spread(X), spread(y)).thresholds_, listed)

    def test_several_classes_are_tuned_too(self, rows, spread):
        from sklearn.model_selection import PredefinedSplit

        X, y, _ = rows("multiclass")
        settings = {**COMMON, "n_jobs": 1, "decision": "f1"}
        one = bi.ImbalancedXGBClassifier(**settings, decision_cv=PredefinedSplit(PARTITION)).fit(X, y)
        two = bi.ImbalancedDaskXGBClassifier(**settings).fit(spread(X), spread(y))
        np.testing.assert_array_equal(two.thresholds_, one.thresholds_)

    @pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
    def test_scores_and_shares_are_those_of_one_machine(self, rows, spread, task):
        X, y, weight = rows(task)
        model = bi.ImbalancedDaskXGBClassifier(**COMMON, n_jobs=1).fit(spread(X), spread(y))
        local = model.to_local()
        assert type(local) is bi.ImbalancedXGBClassifier
        cost = np.array([[0.0, 1.0], [7.0, 0.0]]) if task != "multiclass" else np.array([[0, 1, 2], [5, 0, 1], [9, 1, 0.0]])
        for w in (None, weight):
            given = spread(X), spread(y), spread(w)
            assert model.score(*given) == pytest.approx(local.score(X, y, w), abs=1e-12)
            assert model.score(*given, cost=cost) == pytest.approx(local.score(X, y, w, cost=cost), abs=1e-12)
        np.testing.assert_array_equal(model.predict(spread(X), cost=cost).compute(), local.predict(X, cost=cost))
        np.testing.assert_array_equal(model.predict(spread(X), output_margin=True).compute(), local.decision_function(X))
        found, expected = model.estimate_prevalence(spread(X)), local.estimate_prevalence(X)
        assert found == expected if isinstance(expected, dict) else np.array_equal(found, expected)

    def test_what_fit_leaves_is_a_model_for_one_machine(self, rows, spread, client, tmp_path):
        X, y, _ = rows("binary")
        model = bi.ImbalancedDaskXGBClassifier(**COMMON, n_jobs=1, loss=bi.focal_objective(2.0))
        model.client = client
        model.fit(spread(X), spread(y))
        expected = model.predict_proba(X)
        again = pickle.loads(pickle.dumps(model))
        assert again.client is distributed.get_client()  # the default one
        np.testing.assert_array_equal(again.predict_proba(spread(X)).compute(), expected)
        local = pickle.loads(pickle.dumps(model.to_local()))
        assert b"dask" not in pickle.dumps(model.to_local())
        np.testing.assert_array_equal(local.predict_proba(X), expected)
        model.save_model(tmp_path / "model.json")
        loaded = bi.ImbalancedDaskXGBClassifier()
        loaded.load_model(tmp_path / "model.json")
        np.testing.assert_array_equal(loaded.predict_proba(spread(X)).compute(), expected)
        if pytest.importorskip("onnx"):
            assert model.to_onnx().graph.output[1].name == "probability"

    def test_what_cannot_be_distributed_is_refused(self, rows, spread, client):
        from sklearn.model_selection import StratifiedKFold

        X, y, weight = rows("binary")
        X, y = spread(X), spread(y)
        make = bi.ImbalancedDaskXGBClassifier
        with pytest.raises(TypeError, match=r"X is ndarray; give a Dask collection"):
            make().fit(X.compute(), y)
        with pytest.raises(TypeError, match=r"y is ndarray; give a Dask collection, such as dask.array.from_array\(y"):
            make().fit(X, y.compute())
        with pytest.raises(ValueError, match="y has 2 partitions, but X has 4; repartition or rechunk them alike"):
            make().fit(X, da.from_array(y.compute(), chunks=300))
        with pytest.raises(ValueError, match=r"y has 150 rows in partition \d, but X has \d+ there; align their partitions"):
            make().fit(X, da.from_array(y.compute(), chunks=150))
        with pytest.raises(ValueError, match="y is None"):
            make().fit(X, None)
        with pytest.raises(ValueError, match="booster is 'gblinear', which XGBoost does not distribute"):
            make(booster="gblinear").fit(X, y)
        with pytest.raises(ValueError, match="tree_method is 'exact'"):
            make(tree_method="exact").fit(X, y)
        with pytest.raises(ValueError, match=r"eval_metric holds '_brier', a function that would see the rows of one"):
            make(eval_metric=_brier).fit(X, y)
        with pytest.raises(ValueError, match="sample_weight_eval_set has 1 entries, but eval_set has 0"):
            make().fit(X, y, sample_weight_eval_set=[spread(weight)])
        with pytest.raises(ValueError, match=r"sample_weight is -1.0 in partition 2, row 3; weights must be finite"):
            make().fit(X, y, sample_weight=spread(np.where(np.arange(600) == 403, -1.0, weight)))
        with pytest.raises(ValueError, match="sample_weight is zero in every row"):
            make().fit(X, y, sample_weight=spread(0 * weight))
        with pytest.raises(ValueError, match=r"sample_weight has shape \(\d+, 2\) in partition \d.*one weight per row"):
            make().fit(X, y, sample_weight=spread(np.ones((600, 2))))
        with pytest.raises(ValueError, match=r"y holds one class only, .*0\.0"):
            make().fit(X, 0 * y)
        with pytest.raises(ValueError, match="y holds no label at all"):
            make().fit(X, np.nan * y)
        with pytest.raises(ValueError, match="which is tuned on held-out partitions, but X has only one with labels"):
            make(decision="f1").fit(X.rechunk((600, 4)), y.rechunk(600))
        for folds, error in (([([0], [7])], IndexError), (StratifiedKFold(2), TypeError), (1, ValueError)):
            with pytest.raises(error, match=r"decision_cv is .* has to divide the positions 0 to 2 of the partitions"):
                make(decision="f1", decision_cv=folds).fit(X, y)
        with pytest.raises(TypeError, match=r"X is Delayed.*; give a Dask collection"):
            make().fit(dask.delayed(np.eye(4)), y)
        closed = make()
        closed.client = distributed.Client(client.cluster, set_as_default=False)
        closed.client.close()
        with pytest.raises(ValueError, match=r"the Dask client is closed; write model.client = client"):
            closed.fit(X, y)
        with pytest.raises(ValueError, match="whose folds cannot have base_margin"):
            make(decision="f1").fit(X, y, base_margin=0 * y)
        with pytest.raises(ValueError, match=r"y of eval_set\[0\] holds 2.0, which is not one of the classes 0.0, 1.0"):
            make().fit(X, y, eval_set=[(X, 2 * y)])
        with pytest.raises(ValueError, match=r"X of eval_set\[0\] has 3 features, but X has 4; give the columns of X"):
            make().fit(X, y, eval_set=[(X[:, :3], y)])
        with pytest.raises(ValueError, match=r"one of X and X of eval_set\[0\] names its columns"):
            make().fit(X, y, eval_set=[(spread(pd.DataFrame(X.compute())), y)])
        frame = spread(pd.DataFrame(X.compute(), columns=list("abcd")))
        with pytest.raises(ValueError, match=r"X of eval_set\[0\] has the columns \['b', 'a', 'c', 'd'\], but X has \['a'"):
            make().fit(frame, y, eval_set=[(frame[list("bacd")], y)])
        with pytest.raises(TypeError, match=r"client is 'tcp.*give a distributed.Client"):
            make().client = "tcp://127.0.0.1:8786"
        many = spread(np.stack([np.arange(600) % 2, np.arange(600) % 3], axis=1))
        with pytest.raises(ValueError, match=r"y in partition \d is 2 in row \d, column 1"):
            make().fit(X, many)
        with pytest.warns(UserWarning, match=r"eval_metric is 'aucpr', which XGBoost takes of the rows of each worker"):
            model = make(**COMMON, eval_metric="aucpr").fit(X, y)
        with pytest.raises(ValueError, match="which is about all rows together"):
            model.set_params(decision={"top": 5}).predict(X)
        model.set_params(decision="posterior")
        with pytest.raises(ValueError, match="sample_weight is zero in every row"):
            model.score(X, y, sample_weight=spread(0 * weight))
        with pytest.raises(ValueError, match="y holds no label at all; give rows that have one"):
            model.score(X, np.nan * y)
        with pytest.raises(ValueError, match="no thresholds were tuned for it"):
            model.set_params(decision="f1").predict(X)
        with pytest.raises(ValueError, match=r"cost has shape \(600, 2, 2\)"):
            model.predict(X, cost=np.ones((600, 2, 2)))

    @pytest.mark.slow
    def test_processes(self, rows):
        """Of another process than this one, everything is pickled, and partitions may move."""
        X, y, weight = rows("multilabel")
        settings = {**COMMON, "n_jobs": 1, "loss": bi.adaptive_objective(0.1), "early_stopping_rounds": 2}
        metric = {"eval_metric": metrics.average_precision()}
        one = bi.ImbalancedXGBClassifier(**settings, **metric)
        one.fit(X, y, sample_weight=weight, eval_set=[(X[:200], y[:200])], verbose=False)
        two = bi.ImbalancedDaskXGBClassifier(**settings, **metric)
        with (
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            two.client = client
            given = (da.from_array(values, chunks=(100, *values.shape[1:])) for values in (X, y, weight))
            dX, dy, dw = given
            two.fit(dX, dy, sample_weight=dw, eval_set=[(dX[:200], dy[:200])], verbose=False)
            found = client.compute(two.predict_proba(dX)).result()
        np.testing.assert_array_equal(found, one.predict_proba(X))

    @pytest.mark.slow
    def test_a_client_is_needed(self, rows, fresh_python):
        code = (
            "import dask.array as da, numpy as np, boost_imbalance as bi\n"
            "try:\n"
            "    bi.ImbalancedDaskXGBClassifier().fit(da.ones((4, 2)), da.from_array(np.arange(4) % 2))\n"
            "except ValueError as error:\n"
            "    print(error)"
        )
        assert "write client = distributed.Client(...) first, or model.client = client" in fresh_python(code)

    def test_an_asynchronous_client_is_refused(self, rows, spread, client, monkeypatch):
        X, y, _ = rows("binary")
        X, y = spread(X), spread(y)
        monkeypatch.setattr(type(client), "asynchronous", property(lambda self: True))
        with pytest.raises(ValueError, match="the Dask client is asynchronous"):
            bi.ImbalancedDaskXGBClassifier().fit(X, y)

    def test_clone_and_parameters(self):
        from sklearn.base import clone

        model = bi.ImbalancedDaskXGBClassifier(loss=bi.focal_objective(2.0), max_depth=3)
        assert clone(model).set_params(loss__gamma=1.0).get_params()["loss__gamma"] == 1.0
        assert set(model.get_params()) == set(bi.ImbalancedXGBClassifier(loss=bi.focal_objective(2.0)).get_params())
