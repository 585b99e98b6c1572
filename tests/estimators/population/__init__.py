"""Populations whose posterior is known."""
