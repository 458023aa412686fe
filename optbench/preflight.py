"""All that can be checked before anything is paid, in one go."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from optbench.config import secrets
from optbench.config.identity import MODELS
from optbench.config.schema import (
    LIMITS,
    Config,
    EmbeddedModelConf,
    LiteLLMModelConf,
    ModelConf,
    Role,
    TrackingKind,
    initial_messages,
)
from optbench.data.items import Data, Slice
from optbench.data.load import load
from optbench.environment import EMBEDDED_URL
from optbench.errors import ConfigError, OptbenchError
from optbench.metrics import registry
from optbench.metrics.base import Judged, Metric
from optbench.models.prices import price_of
from optbench.optimizers import build as optimizers
from optbench.prompts import Prompt

OWN_PARAMETERS = frozenset(
    {
        *("model", "messages", "temperature", "max_tokens", "seed", "response_format", "n"),
        *("stream", "num_retries", "max_retries", "drop_params"),
    }
)
"""Of litellm's parameters those that a call states itself, or that the gateway relies on."""
_NO_LIMIT = "choose a number above 0, or null: no limit"


class PreflightError(ConfigError):
    """Everything that is wrong with a task, as one table; nothing was started."""

    def __init__(self, problems: list[OptbenchError]) -> None:
        super().__init__(f"{len(problems)} problems" if len(problems) > 1 else "1 problem")
        self.problems = problems

    def __str__(self) -> str:
        width = max(len(problem.key or "") for problem in self.problems)
        lines = [f"preflight found {self.what}, nothing was started:"]
        for problem in self.problems:
            lines.append(f"  {problem.key or '':<{width}}  {problem.what}")
            if problem.mend:
                lines.append(f"  {'':<{width}}  mend: {problem.mend}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return PreflightError, (self.problems,)


@dataclass(frozen=True)
class Inputs:
    """What a task works with, and what is wrong with it; the same for all tasks of a dataset.

    Attributes:
        data: Items.
        prompt: The initial prompt.
        metrics: By name; the first is the objective.
        problems: Found in them.
    """

    data: Data
    prompt: Prompt
    metrics: dict[str, Metric]
    problems: tuple[OptbenchError, ...]

    @property
    def objective(self) -> Metric:
        """The metric that is optimised."""
        return next(iter(self.metrics.values()))


def read(config: Config, *, starting: bool = True) -> Inputs:
    """Reads a task's inputs, and looks at them.

    Args:
        config: The task's config.
        starting: As for ``check``.

    Raises:
        PreflightError: When rows or metrics cannot be had, with all else that is wrong.
    """
    data: Data | None = None
    metrics: dict[str, Metric] = {}
    unread: list[OptbenchError] = []
    try:
        data = load(config.dataset, test_mode=config.test_mode)
    except OptbenchError as error:
        unread.append(error)
    try:
        metrics = registry.build(config.dataset.metrics)
    except OptbenchError as error:
        unread.append(error)
    if data is None or unread:
        raise PreflightError([*unread, *_settings(config, starting=starting)])
    prompt = Prompt(tuple(initial_messages(config.dataset)))
    problems = (*_prompt(config, data, prompt), *_metrics(data, metrics), *_slices(data, prompt))
    return Inputs(data, prompt, metrics, problems)


def check(config: Config, inputs: Inputs, *, starting: bool = True) -> None:
    """Checks a task.

    Args:
        config: The task's config.
        inputs: What it works with.
        starting: False when it is only planned: models, keys and servers need not be there yet.

    Raises:
        PreflightError: With all the problems there are.
    """
    problems = [*inputs.problems, *_settings(config, starting=starting)]
    if problems:
        raise PreflightError(problems)


def _settings(config: Config, *, starting: bool) -> Iterator[OptbenchError]:
    """What is wrong whatever the rows are."""
    yield from optimizers.check(config.optimizer)
    yield from _demonstrations(config)
    yield from _models(config, starting=starting)
    if starting:
        yield from _tracking(config)
    yield from _numbers(config)


def _demonstrations(config: Config) -> Iterator[OptbenchError]:
    if config.optimizer.expected.demonstrations > 0 and not config.dataset.demonstration.strip():
        yield ConfigError(
            f"dataset '{config.dataset.name}' has no right replies to show, and optimizer "
            f"'{config.optimizer.name}' puts them into its prompts",
            key="dataset.demonstration",
            mend="choose another optimizer, or say what to show",
        )


def _prompt(config: Config, data: Data, prompt: Prompt) -> Iterator[OptbenchError]:
    # Those that every row has: one row without a value would show the model a bare placeholder.
    columns = set.intersection(*(set(item.row) for part in data for item in part))
    for name in sorted(prompt.placeholders() - columns):
        yield _no_column("dataset.prompt", name, columns)
    shown = Prompt(({"role": "user", "content": config.dataset.demonstration},)).placeholders()
    for name in sorted(shown - columns):
        yield _no_column("dataset.demonstration", name, columns)
    roles = [message.role for message in config.dataset.prompt]
    if not roles or roles[-1] is not Role.user:
        yield ConfigError(
            "the last message must be the user's",
            key="dataset.prompt",
            mend="end the prompt with {role: user, content: ...}",
        )
    elif not Prompt(prompt.messages[-1:]).placeholders():
        yield ConfigError(
            "the user's message shows nothing of the item",
            key="dataset.prompt",
            mend="put a {column} into it",
        )


def _no_column(key: str, name: str, columns: set[str]) -> ConfigError:
    return ConfigError(
        f"'{{{name}}}' is no column",
        key=key,
        mend=f"use one of {', '.join(sorted(columns))}",
    )


def _metrics(data: Data, metrics: Mapping[str, Metric]) -> Iterator[OptbenchError]:
    for index, (name, metric) in enumerate(metrics.items()):
        key = f"dataset.metrics.{index}.target"
        for part in data:
            missing = sorted(
                {column for column in metric.columns for item in part if column not in item.row}
            )
            for column in missing:
                yield ConfigError(
                    f"metric '{name}' needs column '{column}', which rows of the "
                    f"{part.name} slice lack",
                    key=key,
                    mend=f"use one of {', '.join(sorted(part.items[0].row))}",
                )
        if isinstance(metric, Judged):
            continue  # that would be paid
        if not any(column not in item.row for column in metric.columns for item in data.train):
            yield from _scores(name, metric, data.train, key)


def _scores(name: str, metric: Metric, part: Slice, key: str) -> Iterator[OptbenchError]:
    """The right answer itself must be scoreable, or the metric cannot read this target."""
    item = part.items[0]
    try:
        metric.score(str(item.row[metric.columns[0]]) if metric.columns else "", item.row)
    except Exception as error:
        yield ConfigError(
            f"metric '{name}' raised {type(error).__name__} on item '{item.id}': {error}",
            key=key,
            mend="name the column that holds the answer",
        )


def _slices(data: Data, prompt: Prompt) -> Iterator[OptbenchError]:
    asked = {
        part.name: {str(prompt.render(item.row, item.row)): item.id for item in part}
        for part in data
    }
    for part in data:
        if len(asked[part.name]) < len(part):
            yield ConfigError(
                f"{len(part) - len(asked[part.name])} of {len(part)} items of the {part.name} "
                "slice ask the same as another one",
                key=f"dataset.slices.{part.name}",
                mend="remove the repeated rows",
            )
    for one, other in combinations(asked, 2):
        shared = asked[one].keys() & asked[other].keys()
        if shared:
            example = asked[one][next(iter(shared))]
            yield ConfigError(
                f"shares {len(shared)} items with {one} (such as '{example}')",
                key=f"dataset.slices.{other}",
                mend="choose starts and counts that do not overlap",
            )


def _models(config: Config, *, starting: bool) -> Iterator[OptbenchError]:
    for key in MODELS:
        conf = getattr(config, key)
        if conf is None:
            continue
        if starting and not config.replay:  # a recording needs no model
            yield from _model(conf, key)
        yield from _model_numbers(conf, key)
        for limit in ("usd", "sweep_usd"):
            if getattr(config.budget, limit) is not None and price_of(conf) is None:
                yield ConfigError(
                    f"no price is known of model '{conf.name}', so what it spends cannot be counted",
                    key=f"budget.{limit}",
                    mend=f"state {key}.price={{input_per_million: ..., output_per_million: ...}} "
                    "in USD, or choose another budget",
                )


def _model(conf: ModelConf, key: str) -> Iterator[OptbenchError]:
    if isinstance(conf, LiteLLMModelConf):
        variable = conf.api_key_env
        if variable and not os.environ.get(variable) and "api_key" not in conf.extra:
            yield ConfigError(
                f"model '{conf.name}' needs the environment variable {variable}",
                key=f"{key}.api_key_env",
                mend=f"export {variable}=..., or choose model=smollm2 or model=simulated",
            )
        for name in secrets.variables([conf.api_base, dict(conf.extra)]):
            if name not in os.environ:
                yield ConfigError(
                    f"the environment variable {name} is not set",
                    key=key,
                    mend=f"export {name}=...",
                )
        for name in OWN_PARAMETERS.intersection(conf.extra):
            yield ConfigError(
                "is set for each call", key=f"{key}.extra.{name}", mend="leave it out of extra"
            )
        told = {"api_base": conf.api_base, "extra": dict(conf.extra)}
        for found in secrets.literal(told, key):
            yield secrets.literal_error(found)
    elif isinstance(conf, EmbeddedModelConf):
        from optbench.models.weights import check_available

        try:
            check_available(conf.path)
        except OptbenchError as error:
            yield error


def _model_numbers(conf: ModelConf, key: str) -> Iterator[OptbenchError]:
    for name in ("temperature", "retries", "retry_for_s"):
        value = getattr(conf, name)
        if not 0 <= value < math.inf:  # NaN is none of it
            yield ConfigError(f"{value} is not 0 or more", key=f"{key}.{name}")
    for name in ("max_in_flight", "requests_per_minute"):
        value = getattr(conf, name)
        if value is not None and not 0 < value < math.inf:
            yield ConfigError(f"{value} is not above 0", key=f"{key}.{name}", mend=_NO_LIMIT)


def _tracking(config: Config) -> Iterator[OptbenchError]:
    if config.tracking.kind is not TrackingKind.opik:
        return
    if os.environ.get("OPIK_URL_OVERRIDE") == EMBEDDED_URL:
        yield ConfigError(
            "this process has served a task with tracking=local, and Opik's client keeps its "
            "connections",
            key="tracking.kind",
            mend="start optbench once for each tracking, rather than sweep over it",
        )
    elif not os.environ.get("OPIK_API_KEY") and not os.environ.get("OPIK_URL_OVERRIDE"):
        yield ConfigError(
            "tracking=opik needs the environment variable OPIK_API_KEY (Opik cloud) or "
            "OPIK_URL_OVERRIDE (your own server)",
            key="tracking.kind",
            mend="export one of them, or choose tracking=local",
        )


def _numbers(config: Config) -> Iterator[OptbenchError]:
    if config.seed < 0:
        yield ConfigError(f"{config.seed} is below 0", key="seed", mend="choose 0 or more")
    budget = config.budget
    for name in (*LIMITS[1:], "sweep_usd"):
        limit = getattr(budget, name)
        if limit is not None and not 0 < limit < math.inf:  # NaN is none of it
            yield ConfigError(f"{limit} is not above 0", key=f"budget.{name}", mend=_NO_LIMIT)
    for key, value in (
        ("n_threads", config.n_threads),
        ("budget.trials", config.budget.trials),
        ("dataset.max_tokens", config.dataset.max_tokens),
    ):
        if value < 1:
            yield ConfigError(f"{value} is below 1", key=key, mend="choose 1 or more")
