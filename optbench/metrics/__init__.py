"""Metrics: one a file; each states its direction and its range."""
