"""The trees of a booster as one ONNX operator that gives its raw margins."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from boost_imbalance.estimators.onnx_graph import Value, apply, cast, where

Array = npt.NDArray[Any]

_LOGISTIC = ("binary:logistic", "reg:logistic")
_IDENTITY = ("multi:softprob", "multi:softmax", "reg:squarederror", "binary:logitraw")

# LightGBM's decision_type.
_CATEGORICAL = 1
_DEFAULT_LEFT = 2
_MISSING_SHIFT = 2
_ZERO_IS_MISSING = 1
_NAN_IS_MISSING = 2
_ZERO = float(np.float32(1e-35))
"""LightGBM takes features no larger than this for 0."""


class Rule(NamedTuple):
    """How a library decides at a node."""

    mode: str
    """When to go left."""
    member: float
    """What stands for a category of the node's list, where 1/2 is the threshold."""
    truncates: bool
    """Whether -0.5 is category 0; else it is none."""


_XGBOOST = Rule("BRANCH_LT", 1.0, False)
_LIGHTGBM = Rule("BRANCH_LEQ", 0.0, True)


class Tree(NamedTuple):
    """A tree as arrays over its nodes, the root first."""

    feature: Array
    """Number of the feature; plus the number of features where zero is missing; beyond, a list of categories."""
    threshold: Array
    left: Array
    """Number of the child node, -1 in a leaf."""
    right: Array
    missing_left: Array
    value: Array
    """Of shape (nodes, width); only a leaf's counts."""


class Ensemble:
    """Trees, and the constant that their sum starts from."""

    def __init__(self, features: int, base: Array, rule: Rule) -> None:
        self.features, self.base, self.rule = features, base, rule
        self.trees: list[tuple[int, Tree]] = []
        self._lists: dict[tuple[int, tuple[int, ...]], int] = {}

    @property
    def columns(self) -> int:
        """Number of margins of a row."""
        return len(self.base)

    def add(self, column: int, tree: Tree) -> None:
        """A tree whose values count from output ``column`` on."""
        if len(tree.left) == 1:
            self.base[column : column + tree.value.shape[1]] += tree.value[0]
        else:
            self.trees.append((column, tree))

    def categories(self, feature: int, members: Any) -> int:
        """What to write into :attr:`Tree.feature` for the question whether a feature is one of some categories."""
        key = feature, tuple(sorted(members))
        return 2 * self.features + self._lists.setdefault(key, len(self._lists))

    def margin(self, x: Value) -> Value:
        """Raw margins, float32 of shape (n, columns), from float32 features."""
        from onnx import numpy_helper

        # As doubles, so that LightGBM's thresholds and the sum over trees keep all their digits.
        wide = cast(x, np.float64)
        inputs, position = self._inputs(wide)
        trees = [*self.trees, (0, _leaf(self.base))]
        sizes = [len(tree.left) for _, tree in trees]
        number = np.repeat(np.arange(len(trees)), sizes)
        node = np.concatenate([np.arange(size) for size in sizes])
        feature, threshold, left, right, missing = (
            np.concatenate([tree[field] for _, tree in trees]) for field in range(len(Tree._fields) - 1)
        )
        leaf = left < 0
        width = np.repeat([tree.value.shape[1] for _, tree in trees], sizes)[leaf]
        outputs = [column + np.tile(np.arange(tree.value.shape[1]), (tree.left < 0).sum()) for column, tree in trees]
        values = [tree.value[tree.left < 0].ravel() for _, tree in trees]
        return apply(
            "TreeEnsembleRegressor",
            inputs,
            domain="ai.onnx.ml",
            n_targets=self.columns,
            aggregate_function="SUM",
            post_transform="NONE",
            nodes_treeids=number,
            nodes_nodeids=node,
            nodes_featureids=np.where(leaf, 0, position[feature]),
            nodes_modes=np.where(leaf, "LEAF", self.rule.mode).tolist(),
            nodes_values_as_tensor=numpy_helper.from_array(np.where(leaf, 0.0, threshold), "thresholds"),
            nodes_truenodeids=np.where(leaf, 0, left),
            nodes_falsenodeids=np.where(leaf, 0, right),
            nodes_missing_value_tracks_true=np.where(leaf, 0, missing).astype(np.int64),
            target_treeids=np.repeat(number[leaf], width),
            target_nodeids=np.repeat(node[leaf], width),
            target_ids=np.concatenate(outputs),
            target_weights_as_tensor=numpy_helper.from_array(np.concatenate(values), "leaves"),
        )

    def _inputs(self, x: Value) -> tuple[Value, Array]:
        """The columns that nodes look at, and where those are that :attr:`Tree.feature` numbers."""
        features, lists = self.features, sorted(self._lists)
        parts = [x]
        if any((tree.feature[tree.left >= 0] // features == 1).any() for _, tree in self.trees):
            parts.append(where(apply("Abs", x) <= _ZERO, np.nan, x))
        position = np.arange(2 * features + len(lists))
        for place, key in enumerate(lists, features * len(parts)):
            position[2 * features + self._lists[key]] = place
        for feature in sorted({feature for feature, _ in lists}):
            parts.append(self._membership(x, feature, [members for f, members in lists if f == feature]))
        return (apply("Concat", *parts, axis=1) if len(parts) > 1 else x), position

    def _membership(self, x: Value, feature: int, lists: list[tuple[int, ...]]) -> Value:
        """One column for each list of categories, for nodes to compare with 1/2."""
        # A table, because BRANCH_MEMBER takes ai.onnx.ml 5, whose trees have no vector leaves.
        unknown = 1 + max(max(members, default=0) for members in lists)
        table = np.full((unknown + 2, len(lists)), 1.0 - self.rule.member, np.float32)
        table[unknown + 1] = np.nan
        for j, members in enumerate(lists):
            table[list(members), j] = self.rule.member
        code = apply("Gather", x, np.array(feature), axis=1)
        known = ((code > -1.0) if self.rule.truncates else (code >= 0.0)) & (code < float(unknown))
        row = where(known, cast(where(known, code, 0.0), np.int64), np.array(unknown))
        row = where(apply("IsNaN", code), np.array(unknown + 1), row)
        return cast(apply("Gather", table, row, axis=0), np.float64)


def ensemble(booster: Any, iterations: int | None) -> Ensemble:
    """Read the trees of an ``xgboost.Booster`` or a ``lightgbm.Booster``."""
    if hasattr(booster, "save_raw"):
        return _from_xgboost(booster, iterations)
    if hasattr(booster, "model_to_string"):
        return _from_lightgbm(booster, iterations)
    raise TypeError(
        f"booster is {type(booster).__name__}; give an xgboost.Booster or a lightgbm.Booster: a scikit-learn class has it "
        f"in get_booster() or booster_."
    )


def _from_xgboost(booster: Any, iterations: int | None) -> Ensemble:
    learner = json.loads(booster.save_raw("json"))["learner"]
    part = learner["gradient_booster"]
    if part["name"] == "gblinear":
        raise NotImplementedError("A gblinear booster has no trees; train with booster='gbtree'.")
    trees = part["gbtree"]["model"] if "gbtree" in part else part["model"]
    # What DART multiplies each tree by. From XGBoost 3.4 on it is a setting of gbtree, and kept with the trees.
    drops = part.get("weight_drop") or trees.get("weight_drop") or np.ones(len(trees["trees"]))
    parameters = learner["learner_model_param"]
    columns = max(int(parameters["num_class"]), int(parameters["num_target"]), 1)
    base = _xgboost_base(json.loads(parameters["base_score"]), learner["objective"]["name"])
    made = Ensemble(int(parameters["num_feature"]), np.array(np.broadcast_to(base, columns), np.float64), _XGBOOST)
    until = trees["iteration_indptr"][_checked(iterations, len(trees["iteration_indptr"]) - 1)]
    for tree, column, weight in zip(trees["trees"][:until], trees["tree_info"], drops, strict=False):
        made.add(column, _xgboost_tree(made, tree, weight))
    return made


def _xgboost_base(base_score: Any, objective: str) -> Array:
    base = np.asarray(base_score, np.float32)
    if objective in _LOGISTIC:
        return np.asarray(-np.log(1.0 / base - 1.0))
    if objective in _IDENTITY:
        return base
    raise NotImplementedError(
        f"What base_score means to {objective!r} is not known here; train with the parameters of objective.xgboost_params()."
    )


def _xgboost_tree(made: Ensemble, tree: dict[str, Any], weight: float) -> Tree:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    reached = [0]
    for node in reached:  # pruned nodes stay in the file
        if left[node] >= 0:
            reached += [left[node], right[node]]
    width = int(tree["tree_param"]["size_leaf_vector"])
    value = np.array(tree["split_conditions"], np.float32)
    if width > 1:
        # XGBoost 3.2 keeps the values of leaves only, and their place as the right child.
        only = "leaf_weights" in tree
        values = np.array(tree["leaf_weights" if only else "base_weights"], np.float32).reshape(-1, width)
        values = values[np.where(left < 0, right, 0)] if only else values
    else:
        values = value[:, None]
    feature = np.array(tree["split_indices"])
    threshold = value.astype(np.float64)
    for node, first, size in zip(
        tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
    ):
        feature[node] = made.categories(int(feature[node]), tree["categories"][first : first + size])
        threshold[node] = 0.5
    place = np.full(len(left) + 1, -1)
    place[reached] = np.arange(len(reached))
    left, right = place[left], np.where(left < 0, -1, place[right])
    # float32 times float32, as XGBoost multiplies
    scaled = (values * np.float32(weight)).astype(np.float64)
    missing = np.array(tree["default_left"], bool)
    return Tree(*(array[reached] for array in (feature, threshold, left, right, missing, scaled)))


def _from_lightgbm(booster: Any, iterations: int | None) -> Ensemble:
    # The text, because the dump as a dictionary nests as deep as the trees and has no infinite thresholds.
    _checked(iterations, booster.current_iteration())
    header, *trees = booster.model_to_string(num_iteration=iterations).partition("\nend of trees")[0].split("\nTree=")
    columns = booster.num_model_per_iteration()
    made = Ensemble(booster.num_feature(), np.zeros(columns), _LIGHTGBM)
    if "\naverage_output" in header:
        raise NotImplementedError(
            "LightGBM trains no random forest with an objective of this package; train with boosting='gbdt'."
        )
    for index, text in enumerate(trees):
        fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if fields.get("is_linear") == "1":
            raise NotImplementedError("Linear models in leaves have no ONNX form; train with linear_tree=False.")
        made.add(index % columns, _lightgbm_tree(made, fields))
    return made


def _lightgbm_tree(made: Ensemble, fields: dict[str, str]) -> Tree:
    leaves = _numbers(fields["leaf_value"], float)
    if len(leaves) == 1:
        return _leaf(leaves)
    decision, feature = _numbers(fields["decision_type"], int), _numbers(fields["split_feature"], int)
    threshold = _numbers(fields["threshold"], float)
    categorical, missing = decision & _CATEGORICAL > 0, decision >> _MISSING_SHIFT & 3
    if categorical.any():
        bounds, words = _numbers(fields["cat_boundaries"], int), _numbers(fields["cat_threshold"], int).astype("<u4")
        for node in np.flatnonzero(categorical):
            which = int(threshold[node])
            bits = np.unpackbits(words[bounds[which] : bounds[which + 1]].view(np.uint8), bitorder="little")
            feature[node] = made.categories(int(feature[node]), np.flatnonzero(bits).tolist())
        threshold[categorical] = 0.5
    # No feature lies between 0 and _ZERO, so a threshold there may lie anywhere else there.
    near = np.abs(threshold) <= _ZERO
    threshold[near] = np.where(threshold[near] < 0.0, np.nextafter(-_ZERO, -1.0), _ZERO)
    feature += made.features * (~categorical & (missing == _ZERO_IS_MISSING))
    # Where nothing is missing, NaN counts as 0; among categories, as none of the list.
    known = (missing == _ZERO_IS_MISSING) | (missing == _NAN_IS_MISSING)
    missing_left = ~categorical & np.where(known, decision & _DEFAULT_LEFT > 0, threshold >= 0.0)
    inner, ends = len(feature), np.full(len(leaves), -1)
    # A negative child is the complement of a leaf's number.
    children = [_numbers(fields[name], int) for name in ("left_child", "right_child")]
    left, right = (np.concatenate([np.where(child < 0, inner + ~child, child), ends]) for child in children)
    values = np.concatenate([np.zeros(inner), leaves])[:, None]
    feature, threshold, missing_left = (np.append(array, ends > 0) for array in (feature, threshold, missing_left))
    return Tree(feature, threshold, left, right, missing_left, values)


def _leaf(values: Array) -> Tree:
    zero = np.zeros(1, int)
    return Tree(zero, np.zeros(1), zero - 1, zero - 1, zero > 0, values[None, :])


def _numbers(text: str, kind: Any) -> Array:
    return np.array(text.split(), dtype=kind)


def _checked(iterations: int | None, most: int) -> int:
    if iterations is None:
        return most
    if not 1 <= iterations <= most:
        raise ValueError(f"iterations is {iterations}; this model has {most}.")
    return iterations
