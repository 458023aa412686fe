"""Many tasks looked at together: what they share is read once, and what spoils several said once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from optbench.config.schema import Config
from optbench.errors import ConfigError, OptbenchError
from optbench.preflight import inputs_of, problems_of
from optbench.preflight.settings import MOST_SEED
from optbench.wording import counted

SHOWN = 50
"""Problems that are printed; the rest is counted."""


class Marks(NamedTuple):
    """What tasks have in common; short, since thousands of tasks have some."""

    inputs: str
    """Equal for tasks with the same items, prompts and metrics."""
    settings: str
    """Equal for tasks that differ in their seed alone."""


def marks(plain: Mapping[str, Any]) -> Marks:
    """The marks of a resolved config.

    Args:
        plain: As plain data.
    """
    inputs = [plain.get(key) for key in ("dataset", "agent", "test_mode")]
    # Of a seed it matters whether it is one; were rows chosen by it, they would differ as well.
    seed = plain.get("seed")
    checked = None if isinstance(seed, int) and 0 <= seed <= MOST_SEED else seed
    return Marks(_digest(inputs), _digest({**plain, "seed": checked}))


def _digest(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()


def look(configs: Sequence[Config], *, starting: bool) -> list[list[OptbenchError]]:
    """All that is wrong with each of some tasks whose inputs are the same, read once.

    Args:
        configs: Of the tasks.
        starting: As for :func:`optbench.preflight.problems_of`.
    """
    try:
        inputs = inputs_of(configs[0])
        return [problems_of(config, inputs, starting=starting) for config in configs]
    except (Exception, SystemExit) as error:  # of a user's own code
        told = ConfigError(
            f"reading it raised {type(error).__name__}: {error}",
            key="dataset",
            mend="repair the function or class that it names; a single task shows the traceback",
        )
        return [[told] for _ in configs]


class Spoiled(NamedTuple):
    """Tasks with the same problems."""

    first: str
    """What a person knows the first of them by."""
    tasks: int
    problems: Sequence[OptbenchError]


@dataclass
class _Row:
    problem: OptbenchError
    first: str
    tasks: int = 0


class TasksError(ConfigError):
    """Everything that is wrong with the tasks of a launch, as one table; nothing was started.

    Args:
        spoiled: The tasks that could not work.
        tasks: How many tasks were looked at, these and all others.
        otherwise: How the others could be run alone.
    """

    def __init__(
        self, spoiled: Sequence[Spoiled], tasks: int, otherwise: str | None = None
    ) -> None:
        self.spoiled, self.tasks, self.otherwise = spoiled, tasks, otherwise
        self._rows = _merged(spoiled)
        bad = sum(one.tasks for one in spoiled)
        super().__init__(
            f"{counted(len(self._rows), 'problem')} in {bad} of {counted(tasks, 'task')}"
        )
        self._bad = bad

    def __str__(self) -> str:
        width = max(len(row.problem.key or "") for row in self._rows)
        lines = [f"preflight found {self.what}, nothing was started:"]
        for row in self._rows[:SHOWN]:
            lines.append(f"  {row.problem.key or '':<{width}}  {row.problem.what}")
            where = row.first
            if row.tasks > 1:
                where = f"{counted(row.tasks, 'task')}, the first {row.first}"
            mend = [f"mend: {row.problem.mend}"] if row.problem.mend else []
            lines += [f"  {'':<{width}}  {text}" for text in (*mend, f"in {where}")]
        if len(self._rows) > SHOWN:
            lines.append(f"  ... and {len(self._rows) - SHOWN} more")
        others = self.tasks - self._bad
        if self.otherwise and others:
            lines.append(f"  {self.otherwise} runs the other {counted(others, 'task')}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return TasksError, (self.spoiled, self.tasks, self.otherwise)


def _merged(spoiled: Iterable[Spoiled]) -> list[_Row]:
    rows: dict[tuple[str | None, str, str | None], _Row] = {}
    for one in spoiled:
        # A task has each but once.
        for said, problem in {(p.key, p.what, p.mend): p for p in one.problems}.items():
            rows.setdefault(said, _Row(problem, one.first)).tasks += one.tasks
    return list(rows.values())
