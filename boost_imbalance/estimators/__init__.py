"""Classifiers for people who call ``fit`` and ``predict_proba``: one for each library, alike in everything else."""
