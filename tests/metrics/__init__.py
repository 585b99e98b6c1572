"""Metrics of margins, and of decisions."""
