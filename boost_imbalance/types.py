"""The types of what functions and classes of this package take and give, for annotations in your own code.

They say what a type checker is to accept: any array that NumPy can read or that lies on a GPU, any data frame, the names of
a choice. XGBoost, LightGBM, scikit-learn and matplotlib need not be installed; their types are then unknown.

Examples
--------
>>> from boost_imbalance import focal_objective
>>> from boost_imbalance.types import ArrayLike, FloatArray
>>> def focal_probability(margin: ArrayLike, gamma: float = 2.0) -> FloatArray:
...     return focal_objective(gamma=gamma).probability(margin)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict, overload

import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels.expressions import Expression

if TYPE_CHECKING:
    import lightgbm
    import matplotlib.axes
    import xgboost
    from typing_extensions import Self

__all__ = [
    "Alarms",
    "Array",
    "ArrayLike",
    "AtTop",
    "Axes",
    "BaselineName",
    "ByCost",
    "ByThreshold",
    "ClassWeight",
    "Classifier",
    "CrossValidation",
    "DMatrix",
    "DaskCollection",
    "Dataset",
    "DecisionLike",
    "Device",
    "Elementwise",
    "EvalMetric",
    "Expression",
    "FalsePositiveRate",
    "FeaturesLike",
    "FloatArray",
    "FloatLike",
    "GpuArray",
    "HasArray",
    "HasDataFrame",
    "Hessian",
    "Label",
    "LabelsLike",
    "LibraryName",
    "LightGBMDataset",
    "LossName",
    "MarginLike",
    "Model",
    "PathLike",
    "Precision",
    "Predictor",
    "Prevalence",
    "ProbabilityModel",
    "Recall",
    "Scale",
    "SparseMatrix",
    "SparsePrediction",
    "Splitter",
    "TaskName",
    "Weights",
    "Where",
]

Array: TypeAlias = npt.NDArray[Any]
"""A NumPy array of any kind."""
FloatArray: TypeAlias = "npt.NDArray[np.floating[Any]]"
"""A NumPy array of float32 or float64. Where a function is given a CUDA array, it gives a CUDA array instead."""
PathLike: TypeAlias = "str | os.PathLike[str]"
"""Where a file lies."""

# What is given ---------------------------------------------------------------------------------------------------------


class HasArray(Protocol):
    """What NumPy can read: its own arrays, pandas' and polars' series and data frames, tensors of PyTorch on the CPU."""

    def __array__(self) -> Array:
        """The values as an array."""


class GpuArray(Protocol):
    """An array in a GPU's memory, as of CuPy, PyTorch or numba."""

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Where it lies."""


class HasDataFrame(Protocol):
    """A data frame that can be exchanged, as of pandas, polars, pyarrow or cuDF."""

    def __dataframe__(self, nan_as_null: bool = ..., allow_copy: bool = ...) -> Any:
        """The data frame as the interchange protocol has it."""


class SparseMatrix(Protocol):
    """A sparse matrix or array of SciPy."""

    def tocsr(self, copy: bool = ...) -> Any:
        """By rows."""


class SparsePrediction(Protocol):
    """What LightGBM's ``predict`` gives of sparse features, and only then, if asked for contributions."""

    def getnnz(self, axis: Any = ...) -> Any:
        """How many numbers are not 0."""


class Dataset(Protocol):
    """A data set of a library: ``xgboost.DMatrix``, ``lightgbm.Dataset``, or that of another one that is registered."""

    def get_label(self) -> Any:
        """Its labels."""

    def get_weight(self) -> Any:
        """Its sample weights."""


class DMatrix(Dataset, Protocol):
    """A data set of XGBoost, as far as its own types are not known."""

    def num_row(self) -> int:
        """How many rows it has."""


class LightGBMDataset(Dataset, Protocol):
    """A data set of LightGBM, likewise."""

    def num_data(self) -> int:
        """How many rows it has."""


class Splitter(Protocol):
    """A splitter of scikit-learn."""

    def split(self, X: Any, y: Any = ..., groups: Any = ...) -> Iterator[Any]:
        """The rows to train and to test on, fold by fold."""


class ProbabilityModel(Protocol):
    """A classifier of scikit-learn's kind that predicts probabilities."""

    def fit(self, X: Any, y: Any) -> Any:
        """Train it."""

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class."""


class Classifier(Protocol):
    """A classifier of this package, or a pipeline or another one around it."""

    def fit(self, X: FeaturesLike, y: LabelsLike) -> Self:
        """Train it."""

    def predict(self, X: FeaturesLike) -> Array:
        """The class of each row."""

    def predict_proba(self, X: FeaturesLike) -> Array:
        """The probability of each class."""


class Predictor(Protocol):
    """Whatever predicts."""

    def predict(self, X: Any) -> Any:
        """The class of each row."""


class DaskCollection(Protocol):
    """An array, data frame or series of Dask."""

    def __dask_graph__(self) -> Any:
        """What is to be computed."""


_Number: TypeAlias = "float | np.number[Any] | np.bool_"

FloatLike: TypeAlias = "_Number | Sequence[_Number] | HasArray"
"""A number, or one for each label or class."""
ArrayLike: TypeAlias = "_Number | Sequence[_Number | HasArray | list[Any] | tuple[Any, ...]] | HasArray | GpuArray"
"""Numbers: margins, labels, probabilities, sample weights, costs."""
MarginLike: TypeAlias = "ArrayLike | SparsePrediction | Sequence[SparsePrediction]"
"""Margins, in the type that LightGBM says its ``predict`` has."""
Label: TypeAlias = "str | float | np.generic"
"""A class as the data names it."""
LabelsLike: TypeAlias = "HasArray | GpuArray | HasDataFrame | list[Any] | tuple[Any, ...] | range"
"""Labels of any kind, of which some may be missing; of several labels, one column each."""
FeaturesLike: TypeAlias = (
    "HasArray | GpuArray | HasDataFrame | SparseMatrix | Sequence[Sequence[_Number | str | None]] | Sequence[HasArray]"
)
"""The features of some rows."""

CrossValidation: TypeAlias = "int | Splitter | Iterable[tuple[ArrayLike, ArrayLike]]"
"""Folds: how many, or a splitter of scikit-learn, or the rows of each."""
EvalMetric: TypeAlias = "str | Callable[..., tuple[str, float, bool] | list[tuple[str, float, bool]] | float]"
"""A metric of LightGBM's scikit-learn classes: a name, one of this package's, or a function."""
Prevalence: TypeAlias = "FloatLike | Mapping[Any, float] | None"
"""Shares of the classes: of the positive one, or of each in order, or by class."""
ClassWeight: TypeAlias = "Literal['balanced'] | Mapping[Any, Any] | Sequence[Mapping[Any, float]] | None"
"""Weights by class, or of several labels by label."""

# What a formula is written in -------------------------------------------------------------------------------------------


class Elementwise(Protocol):
    """A function of a number, an array, or what a formula is traced with."""

    @overload
    def __call__(self, x: Expression, /) -> Expression: ...
    @overload
    def __call__(self, x: float | np.number[Any], /) -> np.float64: ...
    @overload
    def __call__(self, x: npt.NDArray[Any] | Sequence[Any], /) -> npt.NDArray[np.float64]: ...
    def __call__(self, x: Any, /) -> Any:
        """The function's value."""


class Where(Protocol):
    """``where(condition, a, b)`` of the same."""

    @overload
    def __call__(self, condition: Expression, a: Expression | FloatLike, b: Expression | FloatLike, /) -> Expression: ...
    @overload
    def __call__(self, condition: bool, a: Expression, b: Expression | FloatLike, /) -> Expression: ...
    @overload
    def __call__(self, condition: bool, a: FloatLike, b: Expression, /) -> Expression: ...
    @overload
    def __call__(
        self, condition: bool | npt.NDArray[np.bool_], a: FloatLike, b: FloatLike, /
    ) -> npt.NDArray[np.float64]: ...
    def __call__(self, condition: Any, a: Any, b: Any, /) -> Any:
        """``a`` where the condition holds, else ``b``."""


# Choices ---------------------------------------------------------------------------------------------------------------

Hessian: TypeAlias = Literal["exact", "expected", "positive_terms", "absolute", "reweighted", "residual", "safeguarded"]
"""``hessian=`` of a loss."""
Device: TypeAlias = Literal["auto", "cpu", "cuda"]
"""``device=`` of a loss."""
Scale: TypeAlias = Literal["auto", "start"] | float
"""``scale=`` of a loss."""
Weights: TypeAlias = "Literal['balanced'] | ArrayLike | Mapping[Any, FloatLike] | None"
"""``weights=`` of a loss."""
TaskName: TypeAlias = Literal["binary", "multi-class", "multi-label"]
"""What is predicted."""
LibraryName: TypeAlias = Literal["xgboost", "lightgbm"]
"""Who trains."""
LossName: TypeAlias = Literal[
    "weighted", "class-balanced", "focal", "asymmetric", "logit-adjusted", "adaptive", "fewer-trees"
]
"""A loss that :func:`boost_imbalance.compare` knows by name."""
BaselineName: TypeAlias = Literal[
    "built-in", "tuned threshold", "max_delta_step", "class weights", "over-sampling", "under-sampling"
]
"""What :func:`boost_imbalance.compare` sets beside the losses."""


class ByThreshold(TypedDict):
    """Positive from this probability on; of several classes or labels, one threshold for each."""

    threshold: FloatLike


class ByCost(TypedDict):
    """The smallest expected cost, by ``cost[true, predicted]``."""

    cost: ArrayLike


class AtTop(TypedDict):
    """So many rows with the largest probabilities, or so many for each label."""

    top: FloatLike


class _Promise(TypedDict, total=False):
    confidence: float


class Recall(_Promise):
    """At least this share of the positives, with as few false alarms as that takes."""

    recall: FloatLike


class Precision(_Promise):
    """At least this share of positives among the alarms, with as many found as that allows."""

    precision: FloatLike


class FalsePositiveRate(_Promise):
    """At most this share of the negatives taken for positives."""

    false_positive_rate: FloatLike


class Alarms(_Promise):
    """At most this share of all rows taken for positives."""

    alarms: FloatLike


DecisionLike: TypeAlias = (
    Literal["posterior", "balanced", "f1", "balanced_accuracy"]
    | ByThreshold
    | ByCost
    | AtTop
    | Recall
    | Precision
    | FalsePositiveRate
    | Alarms
)
"""``decision=`` of a classifier, and the goal of a comparison."""

# Objects of the libraries -----------------------------------------------------------------------------------------------

Model: TypeAlias = "xgboost.Booster | xgboost.XGBModel | lightgbm.Booster | lightgbm.LGBMModel"
"""A trained model."""
Axes: TypeAlias = "matplotlib.axes.Axes"
"""What is drawn on."""
