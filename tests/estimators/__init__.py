"""The classifiers: decisions, thresholds, costs, several labels, files, ONNX, Dask, Spark and Ray."""
