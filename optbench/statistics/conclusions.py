"""What the statistics of a set of runs say, as tables: the one thing that views and reports read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Conclusions:
    """Tables, one row a fact. A number that cannot be told is NaN, and ``notes`` or ``note`` says why.

    Attributes:
        grid: A row for each dataset, model and optimizer: ``dataset, model, optimizer, seeds``
            (found), ``expected_seeds, items``, ``complete`` (bool).
        scores: A row for each dataset, model and optimizer: ``dataset, model, optimizer, metric,
            direction, n_seeds, n_items, mean, low, high`` (test score of the final prompt),
            ``baseline, lift, lift_low, lift_high, p_better`` (than the baseline, 0 to 1; above 0.5:
            probably better, whatever the metric's direction), ``seed_sd, item_sd, residual_sd``
            (of the score, see :mod:`.noise`), ``method, note``. Of sweeps also means over runs:
            ``rollouts, calls, tokens, cost_usd, seconds`` (phase optimise), ``validation_gap``
            (lift on validation less lift on test; above zero: fooled by what it selected on,
            whatever the metric's direction), ``words_added``; ``usd_per_point`` and
            ``tokens_per_point`` (one hundredth of lift; NaN without lift), and ``area_rollouts``,
            ``area_tokens``, ``area_cost_usd``, ``area_seconds`` (under the best validation score,
            up to the most that any optimizer of the block used).
        pairs: A row for each pair of optimizers ``a, b`` within a dataset and model, and one for all
            of these together (``dataset`` and ``model`` are ``"all"``): ``n_seeds, n_items,
            n_units`` (swapped by the test), ``difference, low, high`` (a less b, as it is),
            ``p, p_holm, smallest_p`` (that the test could have given), ``method``, ``verdict``
            (``"a"``, ``"b"``: the better one; ``"tie"``: no difference was shown; ``"too few"``:
            the test could not have shown one), ``note``.
        leaderboard: A row for each optimizer, best first: ``place`` (by mean score),
            ``place_by_rank``, ``optimizer, normalised`` (mean over units, 0 worst to 1 best of
            each), ``mean_rank, wins, ties, losses, group`` (letters; optimizers that share one
            cannot be told apart), ``n_units``.
        friedman: Whether ranks differ over units at all: ``statistic, p, n_units, n_optimizers,
            critical_difference, method, note``.
        notes: What a reader must know before anything else: what was left out and why, what n is
            too small for, whether a model was simulated.
        alpha: Level of tests and intervals.
        curves: Anytime curves, see :func:`.curves.curves`; None where there are no sweeps.
    """

    grid: pd.DataFrame
    scores: pd.DataFrame
    pairs: pd.DataFrame
    leaderboard: pd.DataFrame
    friedman: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    alpha: float = 0.05
    curves: pd.DataFrame | None = None
