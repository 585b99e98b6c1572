"""Pictures: of a loss, from the formulas that a booster is trained with, and of what a fitted model predicts."""
