"""Trainings by XGBoost, LightGBM and a third library, and the facts about them that code leans on."""
