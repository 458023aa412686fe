"""Optimizers: each searches for a better prompt, through the same small protocol."""
