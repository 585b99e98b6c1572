"""Costs of rows."""
