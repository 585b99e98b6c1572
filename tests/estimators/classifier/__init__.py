"""What the tests of the classifiers share: both libraries under one set of names."""
