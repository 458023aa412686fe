"""Runs and what statistics conclude from them, as a page to look at and as pictures."""
