"""Rows spread over partitions and workers."""
