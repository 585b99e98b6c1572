"""Tests, in the rooms of the package that they are about; ``project`` is about what lies around it."""
