"""Vega-Lite specs, as plain dicts, from the tables of conclusions and from curves.

A name out of a result stands in a spec only as a value of its data, of a domain or of a heading: never
in an expression, an address or the name of a field.
"""

from optbench.report.figures.costs import (
    AXES,
    EVERYWHERE,
    anytime,
    pareto,
    spent,
    spent_together,
)
from optbench.report.figures.ranks import critical_difference
from optbench.report.figures.scores import forest, heat_map, validation_gap
from optbench.report.figures.theme import config
from optbench.report.figures.transfers import prompt_growth, transfer_matrix

__all__ = [
    "AXES",
    "EVERYWHERE",
    "anytime",
    "config",
    "critical_difference",
    "forest",
    "heat_map",
    "pareto",
    "prompt_growth",
    "spent",
    "spent_together",
    "transfer_matrix",
    "validation_gap",
]
