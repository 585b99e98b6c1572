"""README, docs, examples and the versions that are promised."""
