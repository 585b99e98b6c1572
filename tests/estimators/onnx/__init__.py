"""Boosters, their graphs, and a comparison of both."""
