"""Which differences planned tasks could show: said before they are paid for."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from math import comb

from optbench.plan.estimate import Expected
from optbench.statistics.power import DIFFERING, SEED_SD, Power, power
from optbench.wording import counted, some

SHOWN = 5
"""Lines; a sweep over many datasets has as many sizes."""


def detectable(planned: Sequence[Expected]) -> list[str]:
    """A line for each size of comparison among tasks; none where nothing is compared.

    Seeds count where all optimizers of a dataset and model have them.
    """
    cells: dict[tuple[str, str], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    items: dict[tuple[str, str], int] = {}
    for one in planned:
        key = one.dataset, one.model
        cells[key][one.optimizer].add(one.seed)
        items[key] = one.n_test if key not in items else min(items[key], one.n_test)
    sizes: dict[tuple[int, int, int], list[str]] = defaultdict(list)
    for (dataset, model), by_optimizer in cells.items():
        common = set.intersection(*by_optimizer.values())
        n_items = items[dataset, model]
        if len(by_optimizer) > 1 and common and n_items:
            sizes[len(common), n_items, len(by_optimizer)].append(dataset)
    lines = [
        _line(power(seeds, n_items, comparisons=comb(names, 2)), names, datasets)
        for (seeds, n_items, names), datasets in sorted(sizes.items())
    ]
    if not lines:
        return []
    more = len(lines) - SHOWN
    hidden = [f"... and {counted(more, 'more size')} of comparison"] if more > 0 else []
    assumed = (
        f"assumed: scores of 0 to 1, runs of one optimizer differ by {SEED_SD:g}, two prompts on "
        f"{DIFFERING:.0%} of the items; level 0.05 over all pairs"
    )
    return [*lines[:SHOWN], *hidden, assumed]


def _line(found: Power, names: int, datasets: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(datasets))
    where = some(distinct, 3)
    size = f"{counted(found.n_seeds, 'seed')} x {counted(found.n_items, 'test item')}"
    if found.n_seeds == 1:
        return f"{where}: one seed tells prompts apart, not optimizers; take more (seed=1,2,3,4,5)"
    if math.isnan(found.detectable):
        return (
            f"{where}: with {size}, no difference between two of {names} optimizers could be shown"
        )
    said = (
        f"{where}: with {size}, a difference of {found.detectable:.2f} between two of "
        f"{names} optimizers would be found in 4 of 5 cases"
    )
    if found.n_seeds < found.seeds_needed:
        return f"{said}; from {found.seeds_needed} seeds on by an exact test"
    return said
