"""Every metric against scikit-learn, or against its definition where scikit-learn has none."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import softmax

import boost_imbalance as bi
from boost_imbalance import metrics

sk = pytest.importorskip("sklearn.metrics")

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning"),
    pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true"),
    pytest.mark.filterwarnings("ignore:No positive class found"),
]


class Case:
    """Margins that have something to do with the labels, some of them tied."""

    def __init__(self, task, weighted, dtype, seed=0, n=400):
        rng = np.random.default_rng(seed)
        self.task = task
        if task == "binary":
            self.label = (rng.random(n) < 0.2).astype(int)
            signal = self.label
        elif task == "multilabel":
            self.label = (rng.random((n, 3)) < [0.1, 0.3, 0.6]).astype(int)
            signal = self.label
        else:
            self.label = rng.choice(4, p=[0.5, 0.3, 0.15, 0.05], size=n)
            signal = np.eye(4)[self.label]
        margin = 2.0 * signal - 1.0 + rng.normal(size=signal.shape)
        self.margin = np.where(rng.random(signal.shape) < 0.4, np.round(margin), margin).astype(dtype)
        self.weight = rng.choice([0.5, 1.0, 3.25], size=n) if weighted else None

    def columns(self):
        """Pairs (label, margin) of each binary task in it."""
        if self.task == "binary":
            return [(self.label, self.margin)]
        if self.task == "multilabel":
            return [(self.label[:, k], self.margin[:, k]) for k in range(3)]
        return [(self.label == k, softmax(self.margin.astype(np.float64), axis=1)[:, k]) for k in range(4)]

    def decisions(self, threshold=0.5):
        """Pairs (label, decision) whose score is averaged."""
        if self.task == "multiclass":
            return [(self.label, self.margin.argmax(axis=1))]
        return [(y, 1.0 / (1.0 + np.exp(-m.astype(np.float64))) > threshold) for y, m in self.columns()]


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


@pytest.fixture(params=["binary", "multiclass", "multilabel"])
def task(request):
    return request.param


@pytest.fixture(params=[(False, np.float64), (True, np.float32)], ids=["plain", "weighted"])
def case(request, task):
    return Case(task, *request.param)


def mean_over_columns(score, pairs, weight, **options):
    return np.mean([score(y, z, sample_weight=weight, **options) for y, z in pairs])


def recalls(label, decision, weight=None):
    weight = np.ones(len(label)) if weight is None else weight
    return [np.average((decision == k)[label == k], weights=weight[label == k]) for k in np.unique(label)]


def geometric_mean(label, decision, sample_weight=None):
    shares = recalls(label, decision, sample_weight)
    return math.prod(shares) ** (1 / len(shares))


def test_average_precision(case):
    value = metrics.average_precision().value(case.margin, case.label, case.weight)
    assert value == pytest.approx(mean_over_columns(sk.average_precision_score, case.columns(), case.weight), rel=1e-12)


THRESHOLDS = [0.2, 0.9]


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize(
    ("metric", "score"),
    [
        (metrics.balanced_accuracy, sk.balanced_accuracy_score),
        (metrics.matthews_correlation, sk.matthews_corrcoef),
        (metrics.geometric_mean, geometric_mean),
    ],
    ids=["balanced_accuracy", "matthews_correlation", "geometric_mean"],
)
def test_scores_of_decisions(case, metric, score, threshold):
    value = metric(threshold=threshold).value(case.margin, case.label, case.weight)
    assert value == pytest.approx(mean_over_columns(score, case.decisions(threshold), case.weight), rel=1e-12)


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("average", ["macro", "binary", 0, 1])
def test_f1(case, average, threshold):
    if case.task == "multiclass" and average == "binary":
        with pytest.raises(ValueError, match="average is 'binary' but there are 4 classes"):
            metrics.f1(average, threshold=threshold).value(case.margin, case.label, case.weight)
        return
    if case.task == "multilabel":
        scores = [sk.f1_score(y, z, sample_weight=case.weight) for y, z in case.decisions(threshold)]
        expected = np.mean(scores) if isinstance(average, str) else scores[average]
    else:
        ((label, decision),) = case.decisions(threshold)
        which = (
            {"average": "macro"}
            if average == "macro"
            else {"average": None, "labels": [1 if average == "binary" else average]}
        )
        expected = np.ravel(sk.f1_score(label, decision, sample_weight=case.weight, **which))[0]
    value = metrics.f1(average, threshold=threshold).value(case.margin, case.label, case.weight)
    assert value == pytest.approx(expected, rel=1e-12)


def calibrated(objective, case):
    """The objective for a case's labels, and the probabilities of its margins."""
    fitted = objective.fit(case.label, n_classes=4 if case.task == "multiclass" else None)
    probability = fitted.probability(case.margin)
    assert probability.shape == case.margin.shape
    return fitted, probability


@pytest.mark.parametrize(
    "make",
    [
        lambda: bi.focal_objective(gamma=2.0),
        lambda: bi.weighted_objective("balanced"),
        lambda: bi.logit_adjusted_objective(tau=1.0),
        lambda: bi.asymmetric_objective(),
    ],
    ids=["focal", "weighted", "logit_adjusted", "asymmetric"],
)
def test_log_loss_of_calibrated_probabilities(case, make):
    objective = make()
    objective, probability = calibrated(objective, case)
    probability = probability.astype(np.float64)
    value = metrics.log_loss(objective).value(case.margin, case.label, case.weight)
    if case.task == "multilabel":
        pairs = [(case.label[:, k], probability[:, k]) for k in range(3)]
    else:
        if case.task == "multiclass":
            probability = probability / probability.sum(axis=1, keepdims=True)  # float32 rows do not quite sum to 1
        pairs = [(case.label, probability)]
    assert value == pytest.approx(mean_over_columns(sk.log_loss, pairs, case.weight), rel=1e-6)


def test_log_loss_of_cross_entropy_is_its_loss(case):
    objective = bi.weighted_objective(None).fit(case.label)
    value = metrics.log_loss(objective).value(case.margin, case.label, case.weight)
    assert value == pytest.approx(objective.mean_loss(case.margin, case.label, case.weight), rel=1e-5)


@pytest.mark.parametrize("margin", [10.0, 20.0, 30.0])
def test_log_loss_of_confident_mistakes_does_not_depend_on_the_format(margin, dtype):
    objective = bi.weighted_objective(None)
    value = metrics.log_loss(objective).value(np.array([margin, -margin], dtype), [0, 1])
    assert value == pytest.approx(margin, rel=1e-4)


@pytest.mark.parametrize(
    "metric", [metrics.balanced_accuracy, metrics.matthews_correlation, metrics.geometric_mean, metrics.f1]
)
@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_decisions_by_calibrated_probability(case, metric, threshold):
    objective = bi.weighted_objective("balanced", gamma=1.0)
    objective, probability = calibrated(objective, case)
    score = {
        "balanced_accuracy": sk.balanced_accuracy_score,
        "matthews_correlation": sk.matthews_corrcoef,
        "geometric_mean": geometric_mean,
        "f1": lambda y, z, sample_weight: sk.f1_score(y, z, average="macro", sample_weight=sample_weight),
    }[metric.__name__]
    if case.task == "multiclass":
        pairs = [(case.label, probability.argmax(axis=1))]
    elif case.task == "binary":
        pairs = [(case.label, probability > threshold)]
    else:
        pairs = [(case.label[:, k], probability[:, k] > threshold) for k in range(3)]
        if metric is metrics.f1:
            score = sk.f1_score
    value = metric(threshold=threshold, objective=objective).value(case.margin, case.label, case.weight)
    assert value == pytest.approx(mean_over_columns(score, pairs, case.weight), rel=1e-12)
    raw = metric(threshold=threshold).value(case.margin, case.label, case.weight)
    assert raw != value


def test_objective_metric_is_the_weighted_mean_of_its_loss(case, any_constructor):
    objective = any_constructor().fit(case.label)
    loss = objective.loss(case.margin, case.label).astype(np.float64)
    per_row = loss.mean(axis=1) if case.task == "multilabel" else loss
    expected = np.average(per_row, weights=case.weight)
    assert objective.metric.value(case.margin, case.label, case.weight) == pytest.approx(expected, rel=1e-5)
    assert objective.mean_loss(case.margin, case.label, case.weight) == pytest.approx(expected, rel=1e-5)
    weighted = objective.loss(case.margin, case.label, case.weight)
    w = np.ones(len(loss)) if case.weight is None else case.weight
    np.testing.assert_allclose(weighted, (w * loss.T).T, rtol=1e-5)


ALL = [
    metrics.average_precision(),
    metrics.balanced_accuracy(),
    metrics.f1(),
    metrics.f1(1),
    metrics.matthews_correlation(),
    metrics.geometric_mean(),
    metrics.log_loss(bi.weighted_objective(None)),
]


@pytest.mark.parametrize("metric", ALL, ids=repr)
def test_whole_weights_are_repeated_rows(task, metric):
    case = Case(task, True, np.float64)
    times = np.ceil(case.weight).astype(int)
    if metric.name == "log_loss":
        metric = metrics.log_loss(bi.weighted_objective(None).fit(case.label))
    repeated = metric.value(np.repeat(case.margin, times, axis=0), np.repeat(case.label, times, axis=0))
    assert metric.value(case.margin, case.label, times) == pytest.approx(repeated, rel=1e-12)


@pytest.mark.parametrize("metric", ALL, ids=repr)
def test_order_of_rows_and_scale_of_weights_do_not_matter(task, metric):
    case = Case(task, True, np.float64)
    if metric.name == "log_loss":
        metric = metrics.log_loss(bi.weighted_objective(None).fit(case.label))
    value = metric.value(case.margin, case.label, case.weight)
    order = np.random.default_rng(3).permutation(len(case.label))
    assert metric.value(case.margin[order], case.label[order], case.weight[order]) == pytest.approx(value, rel=1e-12)
    assert metric.value(case.margin, case.label, 7.0 * case.weight) == pytest.approx(value, rel=1e-12)
    assert metric.value(np.asfortranarray(case.margin), case.label.astype(np.float32), case.weight) == value


@pytest.mark.parametrize("metric", ALL, ids=repr)
def test_weight_per_label_is_the_weight_of_each_column(metric):
    case = Case("multilabel", False, np.float64)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, size=case.label.shape)
    columns = [metric.value(case.margin[:, k], case.label[:, k], weight[:, k]) for k in range(3)]
    if metric.name == "log_loss":
        metric = metrics.log_loss(bi.weighted_objective(None).fit(case.label))
        expected = np.average(columns, weights=weight.sum(axis=0))
    elif metric.name == "f1_macro":  # of one column: the mean over its two classes; of several: over labels
        expected = np.mean([metrics.f1("binary").value(case.margin[:, k], case.label[:, k], weight[:, k]) for k in range(3)])
    elif metric.name == "f1_1":  # of label 1, which in one column alone is the positive class
        expected = columns[1]
    else:
        expected = np.mean(columns)
    assert metric.value(case.margin, case.label, weight) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("constant", [0, 1])
@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0, 0.5])])
def test_one_class_only(constant, weight):
    margin, label = np.array([-1.0, 0.5, 2.0]), np.full(3, constant)
    decision = margin > 0
    assert metrics.average_precision().value(margin, label, weight) == float(constant)
    assert metrics.matthews_correlation().value(margin, label, weight) == 0.0
    (recall,) = recalls(label, decision, weight)
    assert metrics.balanced_accuracy().value(margin, label, weight) == pytest.approx(recall)
    assert metrics.geometric_mean().value(margin, label, weight) == pytest.approx(recall)
    expected = sk.f1_score(label, decision, average="macro", sample_weight=weight)
    assert metrics.f1().value(margin, label, weight) == pytest.approx(expected)
    assert metrics.f1("binary").value(margin, label, weight) == pytest.approx(
        sk.f1_score(label, decision, sample_weight=weight, zero_division=0.0)
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_classes_that_do_not_occur(weighted):
    case = Case("multiclass", weighted, np.float64)
    margin = np.column_stack([case.margin, np.full(len(case.label), -50.0), case.margin[:, 0] + 0.1])
    label, decision = case.label, margin.argmax(axis=1)
    assert 4 not in decision
    assert 5 in decision
    one_vs_rest = [(label == k, softmax(margin, axis=1)[:, k]) for k in range(4)]
    expected = mean_over_columns(sk.average_precision_score, one_vs_rest, case.weight)
    assert metrics.average_precision().value(margin, label, case.weight) == pytest.approx(expected)
    value = metrics.balanced_accuracy().value(margin, label, case.weight)
    assert value == pytest.approx(sk.balanced_accuracy_score(label, decision, sample_weight=case.weight))
    value = metrics.f1().value(margin, label, case.weight)
    assert value == pytest.approx(sk.f1_score(label, decision, average="macro", sample_weight=case.weight))
    value = metrics.matthews_correlation().value(margin, label, case.weight)
    assert value == pytest.approx(sk.matthews_corrcoef(label, decision, sample_weight=case.weight))
    value = metrics.geometric_mean().value(margin, label, case.weight)
    assert value == pytest.approx(geometric_mean(label, decision, case.weight))


def test_a_label_that_never_occurs():
    case = Case("multilabel", False, np.float64)
    label = case.label.copy()
    label[:, 1] = 0
    pairs = [(label[:, k], case.margin[:, k]) for k in (0, 2)]
    expected = mean_over_columns(sk.average_precision_score, pairs, None)
    assert metrics.average_precision().value(case.margin, label) == pytest.approx(expected)
    everything = [(label[:, k], case.margin[:, k] > 0) for k in range(3)]
    expected = mean_over_columns(sk.balanced_accuracy_score, everything, None)
    assert metrics.balanced_accuracy().value(case.margin, label) == pytest.approx(expected)


def test_a_class_that_is_never_right_has_geometric_mean_zero():
    assert metrics.geometric_mean().value([-1.0, -1.0, -1.0], [0, 0, 1]) == 0.0


def test_two_softmax_columns_are_the_binary_task():
    case = Case("binary", True, np.float64)
    two = np.column_stack([np.zeros(len(case.label)), case.margin])
    for metric in (metrics.balanced_accuracy(), metrics.matthews_correlation(), metrics.geometric_mean(), metrics.f1()):
        one = metric.value(case.margin, case.label, case.weight)
        assert metric.value(two, case.label, case.weight) == pytest.approx(one)
        assert metric.value(case.margin[:, None], case.label, case.weight) == one


def scores(draw_from):
    return hnp.arrays(np.float64, st.integers(1, 60), elements=draw_from)


@settings(max_examples=300, deadline=None)
@given(
    score=st.one_of(
        scores(st.integers(-2, 2).map(float)),
        scores(st.floats(-1e6, 1e6)),
        scores(st.sampled_from([0.0, -0.0, 1.0, 1.0 + 2**-52, 5e-324, -5e-324])),
    ),
    data=st.data(),
)
def test_average_precision_with_any_ties(score, data):
    share = data.draw(st.sampled_from([2, 40]))  # rare positives take another path
    label = data.draw(hnp.arrays(np.int64, len(score), elements=st.integers(1, share).map(lambda k: int(k == 1))))
    weight = data.draw(st.none() | hnp.arrays(np.float64, len(score), elements=st.sampled_from([0.0, 0.25, 1.0, 3.0])))
    if weight is not None:
        assume((weight * label).sum() > 0)
    expected = sk.average_precision_score(label, score, sample_weight=weight) if label.any() else 0.0
    assert metrics.average_precision().value(score, label, weight) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("positives", [1, 3, 40])
@pytest.mark.parametrize("levels", [1, 2, 7, 10**6])
def test_average_precision_of_rare_positives_with_ties(positives, levels):
    rng = np.random.default_rng(positives)
    label = np.zeros(1000, int)
    label[rng.choice(1000, positives, replace=False)] = 1
    score = rng.integers(levels, size=1000) / levels + 0.2 * label * (levels > 2)
    value = metrics.average_precision().value(score, label)
    assert value == pytest.approx(sk.average_precision_score(label, score), rel=1e-12)
    assert value == pytest.approx(metrics.average_precision().value(score, label, np.ones(1000)), rel=1e-12)


@pytest.mark.parametrize("metric", ALL, ids=repr)
def test_wrong_input_is_named(metric):
    with pytest.raises(ValueError, match=r"label is 2(\.0)? in row 1"):
        metric.value([0.0, 1.0], [0, 2])
    with pytest.raises(ValueError, match="margin is nan in row 1"):
        metric.value([0.0, np.nan], [0, 1])
    with pytest.raises(ValueError, match="3 rows but label has 2"):
        metric.value([0.0, 1.0, 2.0], [0, 1])
    with pytest.raises(ValueError, match="sample_weight"):
        metric.value([0.0, 1.0], [0, 1], [1.0])


@pytest.mark.parametrize("metric", ALL, ids=repr)
@pytest.mark.parametrize("weight", [[1.0, -1.0, 1.0], [1.0, np.nan, 1.0], [0.0, 0.0, 0.0]])
def test_weights_that_are_no_weights_are_refused(metric, weight):
    with pytest.raises(ValueError, match="sample_weight"):
        metric.value([0.0, 1.0, -1.0], [0, 1, 1], weight)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, np.nan])
def test_threshold_is_a_probability(threshold):
    with pytest.raises(ValueError, match="threshold"):
        metrics.balanced_accuracy(threshold=threshold)


@pytest.mark.parametrize("average", ["micro", -1, 0.5, None])
def test_unknown_average_is_refused(average):
    with pytest.raises(ValueError, match="average"):
        metrics.f1(average)


@pytest.mark.parametrize(("task", "classes"), [("binary", 2), ("multiclass", 4), ("multilabel", 3)])
def test_f1_of_a_class_that_is_not_there_is_refused(task, classes):
    case = Case(task, False, np.float64)
    with pytest.raises(ValueError, match=f"{classes}"):
        metrics.f1(classes).value(case.margin, case.label)


def test_value_for_scikit_learn_classes_is_a_number_and_a_triple():
    value = metrics.average_precision()([0, 0, 1], [0.1, 0.2, 0.9], None)
    assert value == 1.0
    name, number, greater_is_better = value
    assert (name, number, greater_is_better) == ("average_precision", 1.0, True)
    assert len(value) == 3


def with_threshold(y_true, p, threshold=0.3):
    return sk.f1_score(y_true, p > threshold)


def with_keyword(y_true, p, *, threshold=0.3, sample_weight=None):
    return sk.f1_score(y_true, p > threshold, sample_weight=sample_weight)


def with_weights(y_true, p, threshold=0.3, weights=None):
    return sk.f1_score(y_true, p > threshold, sample_weight=weights)


def third_of_any_name(y_true, p, mass):
    return sk.f1_score(y_true, p > 0.3, sample_weight=mass)


def third_by_position(y_true, p, mass, /, threshold=0.3):
    return sk.f1_score(y_true, p > threshold, sample_weight=mass)


def any_arguments(y_true, p, *rest, **options):
    assert not rest
    assert not options
    return sk.f1_score(y_true, p > 0.3)


WEIGHING = {with_keyword, with_weights, third_of_any_name, third_by_position}


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("metric", [with_threshold, any_arguments, *sorted(WEIGHING, key=lambda f: f.__name__)])
def test_only_a_parameter_for_weights_gets_them(metric, missing):
    from boost_imbalance.estimators.evaluation import Evaluation

    case = Case("binary", True, np.float64)
    loss = bi.weighted_objective(None)
    label, weight = case.label, np.where(np.arange(len(case.label)) % 3 == 0, 0.0, case.weight) if missing else case.weight
    p, kept = loss.probability(case.margin), weight > 0
    evaluated = Evaluation(metric, loss)
    expected = sk.f1_score(label[kept], p[kept] > 0.3, sample_weight=weight[kept] if metric in WEIGHING else None)
    assert evaluated(case.margin, label, weight) == pytest.approx(expected)
    assert evaluated(case.margin, label, None) == pytest.approx(sk.f1_score(label, p > 0.3))


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_threshold_of_a_classifier_s_metric_is_no_weight(library, make_data):
    pytest.importorskip(library)
    data, held_out = make_data("binary", n=600), make_data("binary", n=300, seed=1)
    y = held_out.y.copy()
    y[0] = np.nan
    if library == "xgboost":
        model = bi.ImbalancedXGBClassifier(eval_metric=with_threshold, n_estimators=5, n_jobs=1)
        weights = {"sample_weight_eval_set": [held_out.weight]}
        model.fit(data.X, data.y, eval_set=[(held_out.X, y)], verbose=False, **weights)
        value = model.evals_result()["validation_0"]["with_threshold"][-1]
    else:
        model = bi.ImbalancedLGBMClassifier(n_estimators=5, n_jobs=1, verbosity=-1)

        def metric(y_true, p, threshold=0.3):
            return "with_threshold", with_threshold(y_true, p, threshold), True

        weights = {"eval_sample_weight": [held_out.weight]}
        model.fit(data.X, data.y, eval_set=[(held_out.X, y)], eval_metric=metric, **weights)
        value = model.evals_result_["valid_0"]["with_threshold"][-1]
    assert value == pytest.approx(with_threshold(y[1:], model.predict_proba(held_out.X[1:])[:, 1]), abs=1e-6)
