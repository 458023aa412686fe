"""What is wrong with a task's settings, whatever its rows are."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator
from contextlib import suppress

from optbench.config import secrets
from optbench.config.identity import MODELS
from optbench.config.optimizers import TransferConf
from optbench.config.schema import (
    LIMITS,
    Config,
    EmbeddedModelConf,
    LiteLLMModelConf,
    ModelConf,
    SimulatedModelConf,
    TrackingKind,
)
from optbench.environment import EMBEDDED_URL
from optbench.errors import ConfigError, OptbenchError
from optbench.imports import Allowed
from optbench.models.prices import price_of
from optbench.optimizers import build as optimizers

OWN_PARAMETERS = frozenset(
    {
        *("model", "messages", "temperature", "max_tokens", "seed", "response_format", "n"),
        *("stream", "num_retries", "max_retries", "drop_params"),
    }
)
"""Of litellm's parameters those that a call states itself, or that the gateway relies on."""
MOST_SEED = 2**32 - 1
"""The random generators of the optimizers take no larger one."""
MOST_TRIALS = 10**6
"""No search scores more candidates; a larger number is a slip."""
_AT_LEAST_ONE = frozenset(
    {
        *("max_trials", "n_samples", "n_threads", "max_examples", "reflection_minibatch_size"),
        *("prompts_per_round", "population_size", "num_generations", "tournament_size"),
        *("batch_size", "max_parallel_batches"),
    }
)
"""Of the built-in optimizers' numbers, all of which are 0 or more, those that are above 0."""
_NO_LIMIT = "choose a number above 0, or null: no limit"


def problems(config: Config, *, starting: bool) -> Iterator[OptbenchError]:
    """What is wrong whatever the rows are."""
    allowed = Allowed()
    with suppress(ConfigError):  # which the inputs name
        allowed = Allowed.of(config.allow_imports)
    yield from optimizers.check(config.optimizer, allowed)
    yield from _optimizer(config)
    yield from _demonstrations(config)
    yield from _models(config, starting=starting)
    if starting:
        yield from _tracking(config)
    yield from _numbers(config)


def _optimizer(config: Config) -> Iterator[OptbenchError]:
    """Numbers that no search can use; what a class of one's own may be given is not known here."""
    for node in ("params", "optimize"):
        typed = getattr(config.optimizer, node)
        if not dataclasses.is_dataclass(typed):
            continue
        for name, value in optimizers.as_keywords(typed).items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            least = 1 if name in _AT_LEAST_ONE else 0
            if name == "max_trials" and value == config.budget.trials:
                continue  # it is the budget's, of which the same is said
            if not least <= value < math.inf:  # NaN is none of it
                yield ConfigError(
                    f"{value} is below {least}" if value < least else f"{value} is no number",
                    key=f"optimizer.{node}.{name}",
                    mend=f"choose {least} or more",
                )


def _demonstrations(config: Config) -> Iterator[OptbenchError]:
    if config.optimizer.expected.demonstrations > 0 and not config.dataset.demonstration.strip():
        yield ConfigError(
            f"dataset '{config.dataset.name}' has no right replies to show, and optimizer "
            f"'{config.optimizer.name}' puts them into its prompts",
            key="dataset.demonstration",
            mend="choose another optimizer, or say what to show",
        )


def _models(config: Config, *, starting: bool) -> Iterator[OptbenchError]:
    for key in MODELS:
        conf = getattr(config, key)
        if conf is None:
            continue
        variable = getattr(conf, "api_key_env", None)
        if variable and not secrets.is_variable(variable):
            yield secrets.literal_error(f"{key}.api_key_env")
        if starting and not config.replay:  # a recording needs no model
            yield from _model(conf, key)
        yield from _model_numbers(conf, key)
        if isinstance(conf, SimulatedModelConf):
            yield from _simulated(conf, key)
        searches = not isinstance(config.optimizer, TransferConf)
        for limit in ("usd", "sweep_usd") if searches else ("sweep_usd",):
            if getattr(config.budget, limit) is not None and price_of(conf) is None:
                yield ConfigError(
                    f"no price is known of model '{conf.name}', so what it spends cannot be counted",
                    key=f"budget.{limit}",
                    mend=f"state {key}.price={{input_per_million: ..., output_per_million: ...}} "
                    "in USD, or choose another budget",
                )


def _model(conf: ModelConf, key: str) -> Iterator[OptbenchError]:
    if isinstance(conf, LiteLLMModelConf):
        variable = conf.api_key_env or ""
        named = secrets.is_variable(variable)
        if named and not os.environ.get(variable) and "api_key" not in conf.extra:
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
            yield ConfigError(
                f"{value} is not 0 or more", key=f"{key}.{name}", mend="choose 0 or more"
            )
    proposals = conf.proposals
    if not 0 <= proposals.temperature < math.inf:
        yield ConfigError(
            f"{proposals.temperature} is not 0 or more",
            key=f"{key}.proposals.temperature",
            mend="choose 0 or more",
        )
    if proposals.max_tokens < 1:
        yield ConfigError(
            f"{proposals.max_tokens} is below 1",
            key=f"{key}.proposals.max_tokens",
            mend="choose 1 or more",
        )
    for name in ("max_in_flight", "requests_per_minute"):
        value = getattr(conf, name)
        if value is not None and not 0 < value < math.inf:
            yield ConfigError(f"{value} is not above 0", key=f"{key}.{name}", mend=_NO_LIMIT)


def _simulated(conf: SimulatedModelConf, key: str) -> Iterator[OptbenchError]:
    if not 0 <= conf.latency_s < math.inf:
        yield ConfigError(
            f"{conf.latency_s} is not 0 or more", key=f"{key}.latency_s", mend="choose 0 or more"
        )
    for name, share in vars(conf.errors).items():
        if not 0 <= share <= 1:
            yield ConfigError(
                f"{share} is no share of calls", key=f"{key}.errors.{name}", mend="choose 0 to 1"
            )


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
    if not 0 <= config.seed <= MOST_SEED:
        yield ConfigError(
            f"{config.seed} is not between 0 and {MOST_SEED}",
            key="seed",
            mend="choose 0 or more" if config.seed < 0 else "choose a smaller number",
        )
    if config.budget.trials > MOST_TRIALS:
        yield ConfigError(
            f"{config.budget.trials} is above {MOST_TRIALS:,}",
            key="budget.trials",
            mend="choose fewer, or limit the rollouts: budget.rollouts=...",
        )
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
