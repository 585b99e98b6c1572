"""Trainings of XGBoost, and what they are compared with."""
