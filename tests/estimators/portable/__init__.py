"""Losses, and what a file of each should hold."""
