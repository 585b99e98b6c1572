"""What the tests of decisions share."""
