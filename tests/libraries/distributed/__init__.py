"""Data that are split over workers, and workers that are threads."""
