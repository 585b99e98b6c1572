"""These files are for type checkers to read, not for pytest to import."""

collect_ignore_glob = ["*.py"]
