"""Runs a scalar formula over arrays: compiled loops, SIMD arithmetic, threads."""
