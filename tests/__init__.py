"""Tests, in the rooms of the package that they are about; ``project`` is about what lies around it."""

import pytest

# An assertion that several tests share says as much as one of theirs.
pytest.register_assert_rewrite(
    "tests.accuracy", *(f"tests.{room}" for room in ("comparison", "estimators", "kernels", "libraries", "losses"))
)
