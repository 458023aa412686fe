"""Keeps every rollout and every trial of a task, on disk as they come."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from optbench.config.redact import redacted
from optbench.layout import SCHEMA_VERSION, JobFolder, write_items
from optbench.metrics.base import mean
from optbench.models.ledger import Ledger
from optbench.prompts import Candidate
from optbench.rollouts import Rollout


@dataclass
class _OpenTrial:
    """Consecutive rollouts of one candidate on one slice, each item once."""

    index: int
    rollouts: list[Rollout] = field(default_factory=list)
    items: set[str] = field(default_factory=set)

    def takes(self, done: Rollout) -> bool:
        first = self.rollouts[0]
        same = (first.slice, first.prompt.fingerprint) == (done.slice, done.prompt.fingerprint)
        # An item again: the same candidate is being scored anew (evolution keeps copies of it).
        return same and done.item.id not in self.items

    def add(self, done: Rollout) -> None:
        self.rollouts.append(done)
        self.items.add(done.item.id)


@dataclass(frozen=True)
class Trial:
    """One scored candidate, as the listener of trials sees it."""

    index: int
    prompt: Candidate
    slice: str
    items: int
    means: dict[str, float]


class Recorder:
    """Listens to rollouts; in the optimise phase it makes trials of them.

    A trial is a run of consecutive rollouts with one candidate on one slice, no item twice. That is
    how every optimizer here works through its candidates (threads run items, not candidates, at
    once), so the trials of all of them are told apart alike, minibatches included, without looking
    inside.

    Args:
        folder: Of the job.
        ledger: What the trials have used so far stands there.
        metrics: Their names; the first is the objective.
        elapsed: Seconds of the optimise phase.
        on_rollout: Told of each rollout, from any thread.
        on_trial: Told of each complete trial.
    """

    def __init__(
        self,
        folder: JobFolder,
        ledger: Ledger,
        metrics: Sequence[str],
        *,
        elapsed: Callable[[], float] = lambda: 0.0,
        on_rollout: Callable[[Rollout], None] = lambda _: None,
        on_trial: Callable[[Trial], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._ledger = ledger
        self._metrics = list(metrics)
        self._elapsed = elapsed
        self._on_rollout = on_rollout
        self._on_trial = on_trial
        self._lock = threading.RLock()
        self._rows: list[dict[str, Any]] = []
        self._open: _OpenTrial | None = None
        self._trials: list[Trial] = []
        folder.trials.write_text("", encoding="utf-8")

    @property
    def trials(self) -> list[Trial]:
        """The trials that are complete."""
        with self._lock:
            return list(self._trials)

    def add(self, done: Rollout) -> None:
        """Takes in one rollout."""
        with self._lock:
            index = None
            if done.phase == "optimise":
                if self._open is not None and not self._open.takes(done):
                    self.close_trial()
                if self._open is None:
                    self._open = _OpenTrial(len(self._trials))
                self._open.add(done)
                index = self._open.index
            self._rows.append(self._row(done, index))
        self._on_rollout(done)

    def close_trial(self) -> None:
        """Writes the open trial down; the end of the optimise phase calls it once more."""
        with self._lock:
            if self._open is None:
                return
            rollouts, index, self._open = self._open.rollouts, self._open.index, None
            trial = Trial(
                index,
                rollouts[0].prompt,
                rollouts[0].slice,
                len(rollouts),
                {
                    name: mean([done.scores[name].value for done in rollouts])
                    for name in self._metrics
                },
            )
            self._trials.append(trial)
            self._append(trial)
        self._on_trial(trial)

    def flush(self) -> None:
        """Writes ``items.parquet`` with all rollouts so far."""
        with self._lock:
            rows = sorted(self._rows, key=_order)
        write_items(self._folder.items, rows, self._metrics)

    def _append(self, trial: Trial) -> None:
        used = self._ledger.used.total("optimise")
        line = {
            "schema_version": SCHEMA_VERSION,
            "index": trial.index,
            "candidate": trial.prompt.fingerprint,
            "slice": trial.slice,
            "items": trial.items,
            "score": trial.means[self._metrics[0]],
            "scores": trial.means,
            "prompt": trial.prompt.to_json(),
            "cumulative": {
                "calls": used.calls,
                "tokens": used.tokens,
                "cost_usd": used.cost_usd,
                "unpriced_calls": used.unpriced_calls,
                "seconds": round(self._elapsed(), 3),
            },
        }
        with self._folder.trials.open("a", encoding="utf-8") as file:
            file.write(redacted(json.dumps(line, ensure_ascii=False)) + "\n")

    def _row(self, done: Rollout, trial: int | None) -> dict[str, Any]:
        return {
            "phase": done.phase,
            "slice": done.slice,
            "item_id": done.item.id,
            "candidate": done.prompt.fingerprint,
            "trial": trial,
            "output": done.reply.text,
            **{f"score.{name}": score.value for name, score in done.scores.items()},
            **{f"reason.{name}": score.reason for name, score in done.scores.items()},
            "tokens_in": done.reply.prompt_tokens,
            "tokens_out": done.reply.completion_tokens,
            "tokens_cached": done.reply.cached_tokens,
            "cost_usd": done.reply.cost_usd,
            "latency_s": done.latency_s,
        }


_PHASE_ORDER = {"baseline": 0, "optimise": 1, "final": 2}


def _order(row: dict[str, Any]) -> tuple[int, int, str, str]:
    """Threads finish in any order; the file has one: by phase, trial, slice and item."""
    trial = -1 if row["trial"] is None else row["trial"]
    return _PHASE_ORDER[row["phase"]], trial, row["slice"], row["item_id"]
