"""Arrays of every task."""
