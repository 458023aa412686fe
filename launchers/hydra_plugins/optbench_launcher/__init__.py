"""Hydra's launcher plugin ``optbench``."""
