"""What a task is expected to take, from its config and its rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from optbench.config.optimizers import NoneConf, TransferConf
from optbench.config.schema import BudgetConf, Config, models_of
from optbench.data.items import Data, Slice
from optbench.metrics.base import Judged
from optbench.models.prices import price_of
from optbench.optimizers import transfer
from optbench.preflight import Inputs
from optbench.prompts import Candidate, Prompt, could_be_column

JUDGE_TOKENS_IN, JUDGE_TOKENS_OUT = 600, 200
"""Of a judge's call, beside what it judges: instructions, and a verdict with its reason; estimates
from the lengths of the built-in judges."""
STEP_TOKENS = 200
"""Of what an agent puts into a prompt besides the item: a summary, or some paragraphs."""
CHARACTERS_PER_TOKEN = 4
"""OpenAI's rule of thumb for English text; a tokenizer for each model would have to be downloaded."""


@dataclass(frozen=True)
class Expected:
    """What one task is expected to take.

    Replies are counted at the dataset's ``max_tokens``, prompts at the length of the initial one and
    as many demonstrations as the optimizer may put into it: upper estimates for the program under
    test, unless an optimizer writes a longer prompt.

    Attributes:
        state: ``done`` (nothing to do), ``begun``, ``new``, or ``unreadable``: its result is there, and
            is none; the job would fail with it.
        calls: Of all phases and roles.
        answered: How many of them the job's ledger or the cache holds already, as far as they can be
            known in advance: all of a begun job's, else the baseline's.
        usd: What is left to pay, answered calls taken as the mean; None where a price is not known.
        n_test: Items of the test slice.
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
    n_test: int


@dataclass(frozen=True)
class Cost:
    """Calls, and the tokens of all of them together."""

    calls: float
    tokens_in: float
    tokens_out: float

    @property
    def tokens(self) -> float:
        """In and out."""
        return self.tokens_in + self.tokens_out

    def scaled(self, by: float) -> Cost:
        """So many times as much."""
        return Cost(self.calls * by, self.tokens_in * by, self.tokens_out * by)

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.calls + other.calls,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
        )

    def longer(self, tokens_in: float) -> Cost:
        """With a longer prompt."""
        return Cost(self.calls, self.tokens_in + self.calls * tokens_in, self.tokens_out)


@dataclass(frozen=True)
class Total:
    """Of a task; USD are None where a price is not known."""

    calls: int
    tokens: int
    usd: float | None
    n_test: int

    def expected(self, config: Config, state: str, answered: int) -> Expected:
        """With what is there already taken off what is left to pay."""
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
            self.n_test,
        )


def rollout_of(config: Config, inputs: Inputs) -> tuple[Cost, float]:
    """One run of the initial candidate, and the tokens that one demonstration adds to it."""
    columns = inputs.prompt.placeholders()
    answer = {"role": "assistant", "content": config.dataset.demonstration}
    shown = Prompt((*(part.messages[-1] for part in inputs.prompt.parts.values()), answer))
    return (
        _run_of(inputs.prompt, config, inputs),
        _length(shown, inputs.data.train, columns | shown.placeholders()),
    )


def _run_of(candidate: Candidate, config: Config, inputs: Inputs) -> Cost:
    columns = inputs.prompt.placeholders()
    parts = candidate.parts.values()
    rollout = sum(
        _length(part, inputs.data.validation, columns) + _given(part, inputs.data) for part in parts
    )
    return Cost(len(parts), rollout, len(parts) * config.dataset.max_tokens)


def _given(prompt: Prompt, data: Data) -> float:
    """What an agent fills in itself, in tokens."""
    given = prompt.placeholders() - set(data.train.items[0].row)
    return STEP_TOKENS * sum(map(could_be_column, given))


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

    program: Cost
    judge: Cost

    @property
    def both(self) -> Cost:
        return self.program + self.judge

    def scaled(self, by: float) -> _Rollouts:
        return _Rollouts(self.program.scaled(by), self.judge.scaled(by))


def _judging(config: Config, inputs: Inputs, rollout: Cost) -> Cost:
    """What judged metrics ask about one rollout, which they are shown whole."""
    calls = sum(metric.calls for metric in inputs.metrics.values() if isinstance(metric, Judged))
    shown = rollout.tokens_in + config.dataset.max_tokens + JUDGE_TOKENS_IN
    return Cost(1, shown, JUDGE_TOKENS_OUT).scaled(calls)


def total(config: Config, inputs: Inputs, rollout: Cost, demonstration: float) -> Total:
    """All phases of a task together."""
    items = len(inputs.data.validation)
    judge = _judging(config, inputs, rollout)
    candidate = _Rollouts(
        rollout.longer(config.optimizer.expected.demonstrations * demonstration), judge
    )
    evaluation = items + len(inputs.data.test)
    runs = _Rollouts(rollout, judge).scaled(evaluation)
    search = final = _Rollouts(Cost(0, 0, 0), Cost(0, 0, 0))
    own = Cost(0, 0, 0)
    if isinstance(config.optimizer, TransferConf):
        given = transfer.candidate(config.optimizer.params.prompts)
        if given != inputs.prompt:  # else it is scored already
            final = _Rollouts(_run_of(given, config, inputs), judge).scaled(evaluation)
    elif not isinstance(config.optimizer, NoneConf):
        search, own = _search(config, items, candidate)
        final = candidate.scaled(evaluation)
    budget = config.budget
    fixed, searched = runs.both + final.both, search.both + own
    return Total(
        round(fixed.calls + _capped(searched.calls, budget.llm_calls)),
        round(fixed.tokens + _capped(searched.tokens, budget.tokens)),
        _usd(config, (runs, final), search, own),
        len(inputs.data.test),
    )


def _usd(config: Config, fixed: Sequence[_Rollouts], search: _Rollouts, own: Cost) -> float | None:
    models = models_of(config)
    price, own_price, judge_price = (
        price_of(models[role]) for role in ("task", "optimizer", "judge")
    )
    if price is None or own_price is None or judge_price is None:
        return None

    def of(rollouts: _Rollouts) -> float:
        told, judged = rollouts.program, rollouts.judge
        return price.of(told.tokens_in, told.tokens_out) + judge_price.of(
            judged.tokens_in, judged.tokens_out
        )

    searched = of(search) + own_price.of(own.tokens_in, own.tokens_out)
    return sum(of(one) for one in fixed) + _capped(searched, config.budget.usd)


def _search(config: Config, items: int, rollout: _Rollouts) -> tuple[_Rollouts, Cost]:
    """The optimise phase's rollouts and the optimizer's own calls."""
    expected, budget = config.optimizer.expected, config.budget
    per_trial = expected.rollouts * items
    own = Cost(expected.own_calls, *(
        expected.own_calls * tokens for tokens in (expected.own_tokens_in, expected.own_tokens_out)
    ))  # fmt: skip
    trials = min(float(budget.trials), *_reached(budget, per_trial, rollout.both, own))
    return rollout.scaled(trials * per_trial), own.scaled(trials)


def _reached(budget: BudgetConf, per_trial: float, rollout: Cost, own: Cost) -> list[float]:
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
