"""From a model's config to the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from optbench.chat import ChatModel
from optbench.config.identity import content_of
from optbench.config.schema import (
    CacheConf,
    CacheMode,
    Config,
    EmbeddedModelConf,
    LiteLLMModelConf,
    ModelConf,
    SimulatedModelConf,
    initial_prompts,
    models_of,
)
from optbench.errors import ConfigError
from optbench.layout import SharedFolder
from optbench.models.budget import Limits
from optbench.models.cache import SharedCache
from optbench.models.gateway import Alias, Gateway, Route
from optbench.models.ledger import Ledger
from optbench.models.llamacpp import Opening, Served
from optbench.models.recording import Recording
from optbench.models.retry import RetryPolicy
from optbench.models.throttle import Rate, Throttle
from optbench.models.weights import WEIGHTS_SHA256

if TYPE_CHECKING:
    from optbench.data.items import Data
    from optbench.metrics.base import Metric
    from optbench.models.simulated import AnswerKey

JUDGE_MAX_TOKENS = 1024
"""Of a verdict with its reason."""


def uses_simulation(config: Config) -> bool:
    """Whether any of a task's models is simulated."""
    return any(isinstance(conf, SimulatedModelConf) for conf in models_of(config).values())


def open_gateway(
    config: Config,
    ledger: Ledger,
    answers: Sequence[AnswerKey],
    stack: ExitStack,
    *,
    shared: SharedFolder,
    recording: Recording | None = None,
    served: Served | None = None,
) -> Gateway:
    """Starts the task's models and the gateway before them; ``stack`` ends them.

    Args:
        config: The task's config.
        ledger: Where the calls are written down.
        answers: What a simulated model knows of the items; other models never see it.
        stack: Closed at the end of the task.
        shared: Of the sweep.
        recording: Answers in the place of the models, of which none is started then.
        served: Embedded models that another process has opened already.
    """
    opened: dict[int, tuple[str, ChatModel | None]] = {}
    routes: dict[Alias, Route] = {}
    confs = cast(dict[Alias, ModelConf], models_of(config))
    for alias, conf in confs.items():
        if id(conf) not in opened:
            model = _started(conf, config, answers, stack, recording, served)
            opened[id(conf)] = fingerprint(conf, config, answers), model
        routes[alias] = _route(conf, *opened[id(conf)], _defaults(alias, conf, config))
    budget = config.budget
    throttle = Throttle(shared.path, sweep_usd=budget.sweep_usd)
    stack.callback(throttle.close)
    cache = None if recording else open_cache(config.cache, shared)
    if cache is not None:
        stack.callback(cache.close)
    return Gateway(
        routes,
        ledger,
        seed=config.seed,
        limits=Limits(budget.rollouts, budget.llm_calls, budget.tokens, budget.usd, budget.seconds),
        throttle=throttle,
        cache=cache,
        recording=recording,
    )


def open_cache(conf: CacheConf, shared: SharedFolder) -> SharedCache | None:
    """The sweep's cache, None where it is off.

    Raises:
        ConfigError: When the file is no cache of optbench.
    """
    if conf.mode is CacheMode.off:
        return None
    return SharedCache(cache_path(conf, shared), conf.mode)


def cache_path(conf: CacheConf, shared: SharedFolder) -> Path:
    """Where a cache lies: where the config says, else in the sweep's folder."""
    return Path(conf.path).expanduser() if conf.path else shared.cache


def known_answers(
    config: Config, data: Data, columns: Iterable[str], objective: Metric
) -> list[AnswerKey]:
    """What a simulated model is told of the items; for any other model nothing is looked up."""
    if not uses_simulation(config):
        return []
    from optbench.metrics.base import example_of
    from optbench.models.answers import answer_keys

    return answer_keys(data, sorted(columns), lambda row: example_of(objective, row))


def fingerprint(conf: ModelConf, config: Config, answers: Sequence[AnswerKey]) -> str:
    """What, besides a request, decides on a model's replies, as 64 hex digits.

    Not its address or key, nor what is part of each request. A simulated model is a function of the
    task's seed, prompt and items as well.
    """
    facts: dict[str, Any] = {"kind": type(conf).__name__}
    if isinstance(conf, LiteLLMModelConf):
        extra = {key: value for key, value in conf.extra.items() if key != "api_key"}
        facts |= {"id": conf.id, "extra": extra}
    elif isinstance(conf, EmbeddedModelConf):
        facts |= {
            "weights": content_of(conf.path) if conf.path else WEIGHTS_SHA256,
            "n_parallel": conf.n_parallel,
            "context_tokens": conf.context_tokens,
        }
    elif isinstance(conf, SimulatedModelConf):
        facts |= {
            "seed": config.seed,
            "errors": vars(conf.errors),
            "prompts": initial_prompts(config),
            "answers": [vars(key) for key in answers],
        }
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def task_defaults(config: Config) -> dict[str, Any]:
    """Sampling parameters of the program under test, where a candidate states none."""
    return {"temperature": config.model.temperature, "max_tokens": config.dataset.max_tokens}


def _defaults(alias: Alias, conf: ModelConf, config: Config) -> dict[str, Any]:
    """Sampling parameters of requests that state none."""
    if alias == "task":
        return task_defaults(config)
    if alias == "optimizer":
        return vars(conf.proposals)
    return {"temperature": conf.temperature, "max_tokens": JUDGE_MAX_TOKENS}


def _route(conf: ModelConf, mark: str, model: ChatModel | None, defaults: dict[str, Any]) -> Route:
    return Route(
        conf.name,
        mark,
        model,
        RetryPolicy(conf.retries, conf.retry_for_s),
        defaults,
        Rate(conf.max_in_flight, conf.requests_per_minute),
    )


def _started(
    conf: ModelConf,
    config: Config,
    answers: Sequence[AnswerKey],
    stack: ExitStack,
    recording: Recording | None,
    served: Served | None,
) -> ChatModel | None:
    if recording is not None:
        return None
    model = _open(conf, config, answers, served)
    stack.callback(model.close)
    return model


def _open(
    conf: ModelConf, config: Config, answers: Sequence[AnswerKey], served: Served | None
) -> ChatModel:
    # Each kind is imported when it is used: litellm alone takes seconds.
    if isinstance(conf, SimulatedModelConf):
        from optbench.models.simulated import SimulatedModel

        return SimulatedModel(
            answers,
            seed=config.seed,
            latency_s=conf.latency_s,
            errors=vars(conf.errors),
            prompts=initial_prompts(config),
        )
    if isinstance(conf, EmbeddedModelConf):
        return _embedded(conf, served)
    if isinstance(conf, LiteLLMModelConf):
        from optbench.models.remote import RemoteModel

        return RemoteModel(conf)
    raise ConfigError(
        f"model '{conf.name}' is of no known kind",
        key="model",
        mend="let its YAML begin with `defaults: [/schema/model/litellm@_here_]`",
    )


def _embedded(conf: EmbeddedModelConf, served: Served | None) -> ChatModel:
    if served:
        from optbench.models.served import ServedModel

        opening = Opening.of(conf)
        if opening in served:
            return ServedModel(opening, served[opening])
    from optbench.models.embedded import EmbeddedModel, weights_file

    return EmbeddedModel(
        weights_file(conf.path), n_parallel=conf.n_parallel, context_tokens=conf.context_tokens
    )
