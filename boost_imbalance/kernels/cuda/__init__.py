"""Runs the same formulas on a GPU, over arrays that are there; imported when the first such array comes."""
