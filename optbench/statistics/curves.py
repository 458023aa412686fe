"""Anytime curves: the best validation score that an optimizer had reached when so much was spent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .table import Matrix

if TYPE_CHECKING:
    import pandas as pd

AXES = ("rollouts", "tokens", "cost_usd", "seconds")
POINTS = 60
"""Of a curve."""
COLUMNS = ["dataset", "model", "optimizer", "axis", "x", "mean", "low", "high", "test", "n_seeds"]


def curves(tasks: pd.DataFrame, trials: pd.DataFrame, alpha: float = 0.05) -> pd.DataFrame:
    """Best-so-far validation score against what was spent in phase optimise.

    Each run is a step function that begins with the initial prompt's score. Trials on a part of the
    validation slice (minibatches) are not comparable and raise no step. A curve is the mean over
    seeds, as far as the longest run went: one that ended keeps its best. Validation scores of what
    was selected by them are too good; the test scores are the answer.

    Args:
        tasks: ``runs.tasks``; only finished ones count.
        trials: ``runs.trials``.
        alpha: One less the confidence of the bands.

    Returns:
        A row a point: ``dataset, model, optimizer, axis, x, mean, low, high, test, n_seeds``. ``test``
        is the mean test score, where it is known: of the initial prompt at the first point, of the
        final one at the last; what was tried in between is never scored on test items.
    """
    import pandas as pd

    known = tasks["initial_validation"].notna() & tasks["n_validation"].notna()
    done = tasks[(tasks["state"] == "success") & known]
    scored = _scored(trials)
    rows: list[dict[str, Any]] = []
    for (dataset, model, optimizer), runs in done.groupby(
        ["dataset", "model", "optimizer"], sort=True, observed=True
    ):
        of_runs = [(run, scored.get(str(run["identity"]), {})) for run in runs.to_dict("records")]
        for axis in AXES:
            steps = [_steps(run, of_one, axis) for run, of_one in of_runs]
            points = _mean_curve(steps, alpha)
            points[0]["test"] = _mean(runs, "initial")
            points[-1]["test"] = _mean(runs, "final")
            for point in points:
                named = {"dataset": dataset, "model": model, "optimizer": optimizer, "axis": axis}
                rows.append({**named, **point, "n_seeds": len(steps)})
    return pd.DataFrame(rows, columns=COLUMNS)


def _mean(runs: pd.DataFrame, column: str) -> float:
    return float(runs[column].astype(float).mean()) if column in runs else math.nan


def _scored(trials: pd.DataFrame) -> dict[str, dict[str, Matrix]]:
    """Trials on validation in their order, as arrays by column, by identity."""
    whole = trials[trials["slice"] == "validation"].sort_values("index", kind="stable")
    columns = ["items", "score", *AXES]
    numbers = whole[columns].astype(float).to_numpy()
    by_identity = whole.groupby("identity", observed=True).indices
    return {
        str(identity): dict(zip(columns, numbers[places].T, strict=True))
        for identity, places in by_identity.items()
    }


def area_under(curve: pd.DataFrame, until: float) -> float:
    """Mean height of a curve from 0 to ``until``, in points of the score.

    Args:
        curve: Rows of one optimizer and one axis of :func:`curves`.
        until: The same for all that are compared; NaN beyond the first point of the curve.
    """
    x, y = curve["x"].to_numpy(dtype=float), curve["mean"].to_numpy(dtype=float)
    order = np.argsort(x)
    x, y = x[order], y[order]
    if not len(x) or not until > 0:
        return math.nan
    edges = np.append(np.clip(x, 0, until), until)
    return float((np.diff(edges) * y).sum() / (until - edges[0])) if until > edges[0] else math.nan


def _steps(run: dict[str, Any], scored: dict[str, Matrix], axis: str) -> tuple[Matrix, Matrix]:
    """Where one run's best score changed, and to what."""
    sign = -1 if run["direction"] == "minimize" else 1
    x, best = [0.0], [float(run["initial_validation"])]
    if scored:
        good = (scored["items"] == float(run["n_validation"])) & np.isfinite(scored[axis])
        good &= np.isfinite(scored["score"])
        for at, score in zip(scored[axis][good], scored["score"][good], strict=True):
            x.append(float(at))
            best.append(float(score) if sign * score > sign * best[-1] else best[-1])
    return np.array(x), np.array(best)


def _mean_curve(steps: list[tuple[Matrix, Matrix]], alpha: float) -> list[dict[str, float]]:
    """Mean over runs, with Student's interval for another run; no band for one."""
    from scipy.special import stdtrit

    longest = max(float(x.max()) for x, _ in steps)
    places = np.linspace(0.0, longest, POINTS) if longest > 0 else np.array([0.0])
    heights = np.array([best[np.searchsorted(x, places, side="right") - 1] for x, best in steps])
    n, mean = len(steps), heights.mean(axis=0)
    half = np.full(len(places), math.nan)
    if n > 1:
        half = stdtrit(n - 1, 1 - alpha / 2) * heights.std(axis=0, ddof=1) / math.sqrt(n)
    return [
        {"x": float(x), "mean": float(y), "low": float(y - h), "high": float(y + h)}
        for x, y, h in zip(places, mean, half, strict=True)
    ]
