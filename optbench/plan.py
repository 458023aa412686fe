"""What tasks would cost, before any is started: ``plan=true``."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from optbench import environment, preflight
from optbench.config.optimizers import NoneConf
from optbench.config.schema import BudgetConf, CacheMode, Config
from optbench.data.items import Data, Slice
from optbench.metrics.base import Judged
from optbench.models.accounts import price_text
from optbench.models.build import cache_path, fingerprint, known_answers, task_defaults
from optbench.models.cache import SharedCache
from optbench.models.gateway import completed
from optbench.models.ledger import read_calls
from optbench.models.prices import price_of
from optbench.models.requests import Question
from optbench.models.types import ChatRequest
from optbench.preflight import Inputs
from optbench.prompts import Prompt
from optbench.results.layout import JobFolder, SharedFolder
from optbench.task import Task

JUDGE_TOKENS_IN, JUDGE_TOKENS_OUT = 600, 200
"""Of a judge's call, beside what it judges: instructions, and a verdict with its reason; estimates
from the lengths of the built-in judges."""
STEP_TOKENS = 200
"""Of what an agent puts into a prompt besides the item: a summary, or some paragraphs."""
CHARACTERS_PER_TOKEN = 4
"""OpenAI's rule of thumb for English text; a tokenizer for each model would have to be downloaded."""
SHOWN = 50
"""Rows of the table; the total counts all."""

PLAIN_WIDTH = 120
"""Columns of the table where there is no terminal to ask."""


@dataclass(frozen=True)
class Expected:
    """What one task is expected to take.

    Replies are counted at the dataset's ``max_tokens``, prompts at the length of the initial one and
    as many demonstrations as the optimizer may put into it: upper estimates for the program under
    test, unless an optimizer writes a longer prompt.

    Attributes:
        state: ``done`` (nothing to do), ``begun`` or ``new``.
        calls: Of all phases and roles.
        answered: How many of them the job's ledger or the cache holds already, as far as they can be
            known in advance: all of a begun job's, else the baseline's.
        usd: What is left to pay, answered calls taken as the mean; None where a price is not known.
    """

    dataset: str
    optimizer: str
    model: str
    seed: int
    state: str
    calls: int
    answered: int
    tokens: int
    usd: float | None


@dataclass(frozen=True)
class _Cost:
    calls: float
    tokens_in: float
    tokens_out: float

    @property
    def tokens(self) -> float:
        return self.tokens_in + self.tokens_out

    def scaled(self, by: float) -> _Cost:
        return _Cost(self.calls * by, self.tokens_in * by, self.tokens_out * by)

    def __add__(self, other: _Cost) -> _Cost:
        return _Cost(
            self.calls + other.calls,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
        )

    def longer(self, tokens_in: float) -> _Cost:
        """With a longer prompt."""
        return _Cost(self.calls, self.tokens_in + self.calls * tokens_in, self.tokens_out)


@dataclass(frozen=True)
class _Total:
    calls: int
    tokens: int
    usd: float | None

    def expected(self, config: Config, state: str, answered: int) -> Expected:
        left = 1 - answered / self.calls if self.calls else 0.0
        return Expected(
            config.dataset.name,
            config.optimizer.name,
            config.model.name,
            config.seed,
            state,
            self.calls,
            answered,
            self.tokens,
            None if self.usd is None else self.usd * left,
        )


class Planner:
    """What tasks are expected to take; what they have in common is read once."""

    def __init__(self) -> None:
        self._inputs: dict[str, Inputs] = {}
        self._rollouts: dict[str, tuple[_Cost, float]] = {}

    def expect(self, task: Task, folder: Path, sweep: Path | None = None) -> Expected:
        """The expectation for one task.

        Args:
            task: The task.
            folder: Its folder, which need not be there.
            sweep: Folder of its sweep, None where it stands alone.

        Raises:
            PreflightError: When the task could not run.
        """
        config = task.config
        environment.prepare(config.tracking)  # before a price is looked up by litellm
        key = json.dumps(
            [task.plain["dataset"], task.plain["agent"], config.test_mode],
            sort_keys=True,
            default=str,
        )
        if key not in self._inputs:
            self._inputs[key] = preflight.read(config, starting=False)
        inputs = self._inputs[key]
        preflight.check(config, inputs, starting=False)
        if key not in self._rollouts:
            self._rollouts[key] = _rollout(config, inputs)
        cost = _task(config, inputs, *self._rollouts[key])
        job = JobFolder(folder)
        done = job.read_result()
        if done is not None and done.get("identity") == task.identity:
            return cost.expected(config, "done", cost.calls)
        begun = _recorded(job, task)
        answered = begun or _in_cache(config, inputs, SharedFolder(sweep or folder))
        return cost.expected(config, "begun" if begun else "new", min(answered, cost.calls))


def show(planned: Sequence[Expected], *, sweep_usd: float | None = None, left_out: int = 0) -> None:
    """Prints the table and the total.

    Args:
        planned: The tasks.
        sweep_usd: The sweep's cap, in USD.
        left_out: Combinations that are excluded.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    table = Table(header_style="bold")
    for name in ("dataset", "optimizer", "model", "seed", "state"):
        table.add_column(name)
    for name in ("calls", "answered", "tokens", "USD to pay"):
        table.add_column(name, justify="right")
    for one in planned[:SHOWN]:
        table.add_row(
            one.dataset,
            one.optimizer,
            one.model,
            str(one.seed),
            one.state,
            f"{one.calls:,}",
            f"{one.answered:,}",
            f"{one.tokens:,}",
            price_text(one.usd, 0).removeprefix("$"),
        )
    console.print(table)
    if len(planned) > SHOWN:
        console.print(f"... and {len(planned) - SHOWN} more tasks")
    states = Counter(one.state for one in planned)
    known = [one.usd for one in planned if one.usd is not None]
    missing = len(planned) - len(known)
    done = f"{states['done']} done, " if states["done"] else ""
    begun = f"{states['begun']} begun, " if states["begun"] else ""
    excluded = f", {left_out} excluded" if left_out else ""
    console.print(
        f"plan: {len(planned)} tasks ({done}{begun}{states['new']} new{excluded}), about "
        f"{sum(one.calls for one in planned):,} calls "
        f"({sum(one.answered for one in planned):,} answered already), "
        f"{sum(one.tokens for one in planned):,} tokens; left to pay: about "
        f"{price_text(sum(known) if known or not missing else None, missing)}; nothing was started",
        soft_wrap=True,
    )
    console.print(
        "counted: replies at dataset.max_tokens, prompts at the initial one's length (4 characters "
        "a token) with all demonstrations, every job alone: what jobs share is paid once",
        soft_wrap=True,
        style="dim",
    )
    if sweep_usd is not None:
        console.print(f"budget.sweep_usd stops all jobs at ${sweep_usd:.2f}")


def leave_no_trace(folder: Path) -> None:
    """Removes a folder that Hydra made for a plan, and those it made around it; nothing else."""
    if not folder.is_dir():
        return
    hydras = {".hydra", "multirun.yaml", JobFolder(folder).log.name}
    if {file.name for file in folder.iterdir()} - hydras:
        return
    shutil.rmtree(folder)
    here = Path.cwd()
    for parent in folder.absolute().parents:
        if here not in parent.parents or any(parent.iterdir()):
            return
        parent.rmdir()


def _rollout(config: Config, inputs: Inputs) -> tuple[_Cost, float]:
    """One run of the initial candidate, and the tokens that one demonstration adds to it."""
    columns = inputs.prompt.placeholders()
    answer = {"role": "assistant", "content": config.dataset.demonstration}
    parts = inputs.prompt.parts.values()
    rollout = sum(
        _length(part, inputs.data.validation, columns) + _given(part, inputs.data) for part in parts
    )
    shown = Prompt((*(part.messages[-1] for part in parts), answer))
    return (
        _Cost(len(parts), rollout, len(parts) * config.dataset.max_tokens),
        _length(shown, inputs.data.train, columns | shown.placeholders()),
    )


def _given(prompt: Prompt, data: Data) -> float:
    """What an agent fills in itself, in tokens."""
    return STEP_TOKENS * len(prompt.placeholders() - set(data.train.items[0].row))


def _length(prompt: Prompt, part: Slice, columns: set[str]) -> float:
    """Mean length of a prompt over the items of a slice, in tokens."""
    return (
        fmean(
            sum(len(message["content"]) for message in prompt.render(item.row, columns))
            for item in part
        )
        / CHARACTERS_PER_TOKEN
    )


@dataclass(frozen=True)
class _Rollouts:
    """Runs of the program under test, and the judging of what came of them."""

    program: _Cost
    judge: _Cost

    @property
    def both(self) -> _Cost:
        return self.program + self.judge

    def scaled(self, by: float) -> _Rollouts:
        return _Rollouts(self.program.scaled(by), self.judge.scaled(by))


def _judging(config: Config, inputs: Inputs, rollout: _Cost) -> _Cost:
    """What judged metrics ask about one rollout, which they are shown whole."""
    calls = sum(metric.calls for metric in inputs.metrics.values() if isinstance(metric, Judged))
    shown = rollout.tokens_in + config.dataset.max_tokens + JUDGE_TOKENS_IN
    return _Cost(1, shown, JUDGE_TOKENS_OUT).scaled(calls)


def _task(config: Config, inputs: Inputs, rollout: _Cost, demonstration: float) -> _Total:
    """All phases of a task together."""
    items = len(inputs.data.validation)
    judge = _judging(config, inputs, rollout)
    candidate = _Rollouts(
        rollout.longer(config.optimizer.expected.demonstrations * demonstration), judge
    )
    evaluation = items + len(inputs.data.test)
    runs = _Rollouts(rollout, judge).scaled(evaluation)
    search = final = _Rollouts(_Cost(0, 0, 0), _Cost(0, 0, 0))
    own = _Cost(0, 0, 0)
    if not isinstance(config.optimizer, NoneConf):
        search, own = _search(config, items, candidate)
        final = candidate.scaled(evaluation)
    budget = config.budget
    fixed, searched = runs.both + final.both, search.both + own
    return _Total(
        round(fixed.calls + _capped(searched.calls, budget.llm_calls)),
        round(fixed.tokens + _capped(searched.tokens, budget.tokens)),
        _usd(config, (runs, final), search, own),
    )


def _usd(config: Config, fixed: Sequence[_Rollouts], search: _Rollouts, own: _Cost) -> float | None:
    price = price_of(config.model)
    own_price = price_of(config.optimizer_model or config.model)
    judge_price = price_of(config.judge_model or config.model)
    if price is None or own_price is None or judge_price is None:
        return None

    def of(rollouts: _Rollouts) -> float:
        told, judged = rollouts.program, rollouts.judge
        return price.of(told.tokens_in, told.tokens_out) + judge_price.of(
            judged.tokens_in, judged.tokens_out
        )

    searched = of(search) + own_price.of(own.tokens_in, own.tokens_out)
    return sum(of(one) for one in fixed) + _capped(searched, config.budget.usd)


def _search(config: Config, items: int, rollout: _Rollouts) -> tuple[_Rollouts, _Cost]:
    """The optimise phase's rollouts and the optimizer's own calls."""
    expected, budget = config.optimizer.expected, config.budget
    per_trial = expected.rollouts * items
    own = _Cost(expected.own_calls, *(
        expected.own_calls * tokens for tokens in (expected.own_tokens_in, expected.own_tokens_out)
    ))  # fmt: skip
    trials = min(float(budget.trials), *_reached(budget, per_trial, rollout.both, own))
    return rollout.scaled(trials * per_trial), own.scaled(trials)


def _reached(budget: BudgetConf, per_trial: float, rollout: _Cost, own: _Cost) -> list[float]:
    """After how many trials each limit is hit; seconds cannot be told in advance."""
    found = [float("inf")]
    if budget.rollouts is not None:
        found.append(budget.rollouts / per_trial)
    if budget.llm_calls is not None:
        found.append(budget.llm_calls / (per_trial * rollout.calls + own.calls))
    if budget.tokens is not None:
        found.append(budget.tokens / (per_trial * rollout.tokens + own.tokens))
    return found


def _capped(value: float, limit: float | None) -> float:
    return value if limit is None else min(value, limit)


def _recorded(job: JobFolder, task: Task) -> int:
    if not job.calls.exists():
        return 0
    calls = read_calls(job.calls, task.identity)
    return sum(attempts[-1].answered for attempts in calls.values())


def _in_cache(config: Config, inputs: Inputs, shared: SharedFolder) -> int:
    """How many of the baseline's calls the cache holds."""
    path = cache_path(config.cache, shared)
    if config.cache.mode is CacheMode.off or not path.exists():
        return 0
    prompt, data = inputs.prompt, inputs.data
    if not isinstance(prompt, Prompt):
        return 0  # what it asks depends on what it was told
    columns = prompt.placeholders()
    answers = known_answers(config, data, columns, inputs.objective)
    mark = fingerprint(config.model, config, answers)
    defaults = task_defaults(config)
    # Only read: a plan makes no file.
    with closing(SharedCache(path, CacheMode.read)) as cache:
        return cache.count(
            Question(mark, completed(ChatRequest(prompt.render(item.row, columns)), defaults)).key(
                config.seed, 1
            )
            for part in (data.validation, data.test)
            for item in part
        )
