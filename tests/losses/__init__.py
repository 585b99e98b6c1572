"""Formulas, derivatives, labels, starts and what the papers say, without a library."""
