"""What tasks would cost, before any is started: ``plan=true``."""

from __future__ import annotations

import shutil
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
from optbench.data.items import Data
from optbench.metrics.base import Metric
from optbench.models.accounts import price_text
from optbench.models.build import cache_path, fingerprint, known_answers, task_defaults
from optbench.models.cache import SharedCache
from optbench.models.gateway import completed
from optbench.models.ledger import read_calls
from optbench.models.prices import price_of
from optbench.models.requests import Question
from optbench.models.types import ChatRequest
from optbench.prompts import Prompt
from optbench.results.layout import JobFolder, SharedFolder
from optbench.task import Task

CHARACTERS_PER_TOKEN = 4
"""OpenAI's rule of thumb for English text; a tokenizer for each model would have to be downloaded."""
SHOWN = 50
"""Rows of the table; the total counts all."""

PLAIN_WIDTH = 120
"""Columns of the table where there is no terminal to ask."""


@dataclass(frozen=True)
class Expected:
    """What one task is expected to take.

    Replies are counted at the dataset's ``max_tokens``, so tokens and USD are upper estimates for
    the program under test; prompts at the length of the initial one, which candidates exceed.

    Attributes:
        state: ``done`` (nothing to do), ``begun`` or ``new``.
        calls: Of all phases and roles.
        answered: How many of them the job's ledger or the cache holds already, as far as they can be
            known in advance: all of a begun job's, else the baseline's.
        usd: None where a price is not known.
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


def expect(task: Task, folder: Path, sweep: Path | None = None) -> Expected:
    """The expectation for one task.

    Args:
        task: The task.
        folder: Its folder, which need not be there.
        sweep: Folder of its sweep, None where it stands alone.

    Raises:
        PreflightError: When the task could not run.
    """
    config = task.config
    environment.prepare(config.tracking)
    data, prompt, metrics = preflight.read(config, starting=False)
    job = JobFolder(folder)
    done = job.read_result()
    finished = done is not None and done.get("identity") == task.identity
    rollout = _rollout(config, data, prompt)
    evaluation = rollout.scaled(len(data.validation) + len(data.test))
    searches = not isinstance(config.optimizer, NoneConf)
    search, own = (
        _search(config, len(data.validation), rollout) if searches else (_Cost(0, 0, 0),) * 2
    )
    runs = evaluation.scaled(2 if searches else 1)
    price = price_of(config.model)
    own_price = price_of(config.optimizer_model or config.model)
    usd = None
    if price is not None and own_price is not None:
        usd = price.of(runs.tokens_in, runs.tokens_out) + _capped(
            price.of(search.tokens_in, search.tokens_out)
            + own_price.of(own.tokens_in, own.tokens_out),
            config.budget.usd,
        )
    calls = round(runs.calls + _capped(search.calls + own.calls, config.budget.llm_calls))
    begun = _recorded(job, task) if not finished else 0
    answered = (
        calls
        if finished
        else begun
        or _in_cache(
            config, data, prompt, next(iter(metrics.values())), SharedFolder(sweep or folder)
        )
    )
    tokens = runs.tokens + _capped(search.tokens + own.tokens, config.budget.tokens)
    return Expected(
        config.dataset.name,
        config.optimizer.name,
        config.model.name,
        config.seed,
        "done" if finished else "begun" if begun else "new",
        calls,
        min(answered, calls),
        round(tokens),
        usd,
    )


def show(planned: Sequence[Expected], *, sweep_usd: float | None = None) -> None:
    """Prints the table and the total."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    table = Table(header_style="bold")
    for name in ("dataset", "optimizer", "model", "seed", "state"):
        table.add_column(name)
    for name in ("calls", "answered", "tokens", "USD"):
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
    to_do = [one for one in planned if one.state != "done"]
    known = [one.usd for one in to_do if one.usd is not None]
    missing = len(to_do) - len(known)
    console.print(
        f"plan: {len(to_do)} of {len(planned)} tasks to do, at most "
        f"{sum(one.calls for one in to_do):,} calls "
        f"({sum(one.answered for one in to_do):,} answered already), "
        f"{sum(one.tokens for one in to_do):,} tokens, "
        f"{price_text(sum(known) if known or not missing else None, missing)}; nothing was started",
        soft_wrap=True,
    )
    console.print(
        "counted: replies at dataset.max_tokens, prompts at the initial one's length (4 characters "
        "a token), every job alone: what jobs share is paid once",
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


def _rollout(config: Config, data: Data, prompt: Prompt) -> _Cost:
    columns = prompt.placeholders()
    characters = fmean(
        sum(len(message["content"]) for message in prompt.render(item.row, columns))
        for item in data.validation
    )
    return _Cost(1, characters / CHARACTERS_PER_TOKEN, config.dataset.max_tokens)


def _search(config: Config, items: int, rollout: _Cost) -> tuple[_Cost, _Cost]:
    """The optimise phase's rollouts and the optimizer's own calls."""
    expected, budget = config.optimizer.expected, config.budget
    per_trial = expected.rollouts * items
    own = _Cost(expected.own_calls, *(
        expected.own_calls * tokens for tokens in (expected.own_tokens_in, expected.own_tokens_out)
    ))  # fmt: skip
    trials = min(float(budget.trials), *_reached(budget, per_trial, rollout, own))
    return rollout.scaled(trials * per_trial), own.scaled(trials)


def _reached(budget: BudgetConf, per_trial: float, rollout: _Cost, own: _Cost) -> list[float]:
    """After how many trials each limit is hit; seconds cannot be told in advance."""
    found = [float("inf")]
    if budget.rollouts is not None:
        found.append(budget.rollouts / per_trial)
    if budget.llm_calls is not None:
        found.append(budget.llm_calls / (per_trial + own.calls))
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


def _in_cache(
    config: Config, data: Data, prompt: Prompt, objective: Metric, shared: SharedFolder
) -> int:
    """How many of the baseline's calls the cache holds."""
    if config.cache.mode is CacheMode.off:
        return 0
    columns = prompt.placeholders()
    answers = known_answers(config, data, columns, objective)
    mark = fingerprint(config.model, config, answers)
    defaults = task_defaults(config)
    # Only read: a plan makes no file.
    with closing(SharedCache(cache_path(config.cache, shared), CacheMode.read)) as cache:
        return cache.count(
            Question(mark, completed(ChatRequest(prompt.render(item.row, columns)), defaults)).key(
                config.seed, 1
            )
            for part in (data.validation, data.test)
            for item in part
        )
