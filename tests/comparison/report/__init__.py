"""Comparisons, real and invented, and their pages."""
