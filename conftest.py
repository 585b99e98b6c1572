"""Doctests of modules whose libraries are not installed are left out."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("pyspark") else ["boost_imbalance/estimators/spark.py"]
