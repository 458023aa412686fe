"""What a finished task says: the change of each score, with n and interval."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.data.items import SliceName
from optbench.metrics.base import Metric
from optbench.models.accounts import price_text
from optbench.results.brief import SIMULATED
from optbench.rollouts import Evaluation

if TYPE_CHECKING:
    from rich.console import Console

FEWEST_CHANGED = 6
"""Items whose score has changed, below which no difference is claimed."""
CONFIDENCE = 0.95
RESAMPLES = 10_000


def lifts(
    initial: Mapping[SliceName, Evaluation],
    final: Mapping[SliceName, Evaluation],
    metrics: Mapping[str, Metric],
    *,
    seed: int,
) -> dict[str, Any]:
    """Final minus initial, by slice and metric, over the same items.

    Returns:
        ``{slice: {metric: {mean, low, high, n, confidence, method}}}``: a percentile bootstrap over
        items, paired, since both prompts answered the same ones.
    """
    return {
        name: {
            metric: paired_lift(
                [done.scores[metric].value for done in initial[name].rollouts],
                [done.scores[metric].value for done in final[name].rollouts],
                seed=seed,
            )
            for metric in metrics
        }
        for name in initial
    }


def paired_lift(before: list[float], after: list[float], *, seed: int) -> dict[str, Any]:
    """The mean difference of pairs with its bootstrap interval.

    Where fewer than six items differ the interval reaches 0: a test that swaps the sides of pairs comes
    to 2 / 2**5 = 0.06 at its best, so nothing is shown, while resampling so few is too sure.

    Args:
        before: Scores by item.
        after: Scores of the same items in the same order.
        seed: Of the resampling.
    """
    import numpy as np
    from scipy import stats

    differences = np.subtract(after, before)
    low = high = float(differences.mean())
    # Without spread there is nothing to resample; one item says nothing about its spread.
    if len(differences) > 1 and differences.std() > 0:
        interval = stats.bootstrap(
            (differences,),
            np.mean,
            n_resamples=RESAMPLES,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    if np.count_nonzero(differences) < FEWEST_CHANGED:
        low, high = min(low, 0.0), max(high, 0.0)
    return {
        "mean": round(float(differences.mean()), 6),
        "low": round(low, 6),
        "high": round(high, 6),
        "n": len(differences),
        "confidence": CONFIDENCE,
        "method": "paired percentile bootstrap over items",
    }


def show(result: Mapping[str, Any], folder: Path, console: Console) -> None:
    """Prints the closing table of a task, the lines under it, and where its files are."""
    console.print(table(result))
    for line in [*verdict(result), f"files: {folder}"]:
        console.print(line, markup=False, soft_wrap=True)


def table(result: Mapping[str, Any]) -> Any:
    """The closing table of a task, as a rich renderable."""
    from rich.table import Table

    shown = Table(title=None, header_style="bold")
    for name in ("slice", "metric", "n", "initial", "final", "lift", "95 % interval"):
        shown.add_column(name, justify="left" if name in ("slice", "metric") else "right")
    for part, by_metric in result["lift"].items():
        for metric, lift in by_metric.items():
            shown.add_row(
                part,
                metric,
                str(lift["n"]),
                f"{result['scores']['initial'][part][metric]:.3f}",
                f"{result['scores']['final'][part][metric]:.3f}",
                f"{lift['mean']:+.3f}",
                f"[{lift['low']:+.3f}, {lift['high']:+.3f}]",
            )
    return shown


def verdict(result: Mapping[str, Any]) -> list[str]:
    """The lines under the table."""
    objective = result["objective"]
    lift = result["lift"]["test"][objective]
    sign = 1 if result["directions"][objective] == "maximize" else -1
    low, high = sorted((sign * lift["low"], sign * lift["high"]))
    if not result["prompt_changed"]:
        said = "the initial prompt was kept"
    elif low > 0:
        said = "better on rows that no one tuned on"
    elif high < 0:
        said = "WORSE on rows that no one tuned on"
    else:
        said = f"no difference that {lift['n']} test items could show"
    ledger = result["ledger"]
    used, paid = ledger["total"]["used"], ledger["total"]["paid"]
    own = ledger.get("optimise", {}).get("optimizer", {}).get("used", {})
    lines = [
        f"{objective} on test: {said} ({result['optimizer']}, {result['finish_reason']}, "
        f"{result['trials']} trials of {result['candidates']} candidates)",
        f"calls: {used['calls']} ({used['failed']} failed), "
        f"{used['tokens_in'] + used['tokens_out']} tokens, {_usd(used)}; optimizer's own: "
        f"{own.get('calls', 0)} ({own.get('failed', 0)} failed, {own.get('invalid', 0)} unusable)"
        + _counted_by_itself(result),
    ]
    if paid["calls"] != used["calls"]:
        lines.append(f"paid: {paid['calls']} calls, {_usd(paid)}; the others were answered already")
    if result["simulated"]:
        lines.append(SIMULATED)
    return lines


def _counted_by_itself(result: Mapping[str, Any]) -> str:
    counted = result["optimizer_details"].get("llm_calls_counted_by_optimizer")
    return "" if counted is None else f"; by its own count {counted} in all"


def _usd(spent: Mapping[str, Any]) -> str:
    return price_text(spent["cost_usd"], spent["unpriced_calls"])
