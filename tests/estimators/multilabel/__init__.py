"""What the tests of several labels share."""
