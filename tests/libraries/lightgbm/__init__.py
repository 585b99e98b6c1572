"""Trainings of LightGBM, and what they are compared with."""
