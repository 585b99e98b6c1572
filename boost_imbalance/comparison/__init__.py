"""Every loss beside honest baselines on a user's data: folds, fits, metrics, paired differences.

A *candidate* is fitted, with the same early stopping and, but for two at a higher learning rate, the same trees, on each
fold of a repeated cross-validation. What it reaches on the fold's test part is one record. A comparison is the records, and
what statistics say of their differences.
"""
