"""Made-up blocks whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from optbench.statistics.table import Block, Cell


def made(
    rng: np.random.Generator,
    means: Mapping[str, float],
    *,
    seeds: int = 5,
    items: int = 80,
    seed_sd: float = 0.05,
    dataset: str = "made",
) -> Block:
    """Right or wrong answers: runs differ by ``seed_sd``, items by their difficulty.

    The runs of one seed have luck in common, as all runs on one model have.
    """
    difficulty = rng.uniform(-0.3, 0.3, size=(1, items))
    luck = 0.03 * rng.normal(size=(seeds, 1))
    cells = {}
    for name, mean in means.items():
        chance = mean + difficulty + luck + seed_sd * rng.normal(size=(seeds, 1))
        answers = (rng.uniform(size=(seeds, items)) < np.clip(chance, 0, 1)).astype(float)
        cells[name] = Cell(tuple(range(seeds)), tuple(range(items)), answers, None)
    return Block(dataset, "model", "exact_match", 1, cells)
