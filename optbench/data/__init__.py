"""Datasets: rows from their source, cut into disjoint slices."""
