"""From a model's config to the model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from optbench.config.schema import (
    Config,
    EmbeddedModelConf,
    LiteLLMModelConf,
    ModelConf,
    SimulatedModelConf,
)
from optbench.errors import ConfigError
from optbench.models.gateway import Alias, Gateway, Route
from optbench.models.ledger import Ledger
from optbench.models.types import ChatModel

if TYPE_CHECKING:
    from optbench.models.simulated import AnswerKey


def uses_simulation(config: Config) -> bool:
    """Whether any of a task's models is simulated."""
    return any(
        isinstance(conf, SimulatedModelConf) for conf in (config.model, config.optimizer_model)
    )


def open_gateway(
    config: Config, ledger: Ledger, answers: Sequence[AnswerKey], stack: ExitStack
) -> Gateway:
    """Starts the task's models and the gateway before them; ``stack`` ends them.

    Args:
        config: The task's config.
        ledger: Where the calls are written down.
        answers: What a simulated model knows of the items; other models never see it.
        stack: Closed at the end of the task.
    """
    task = _open(config.model, config, answers)
    stack.callback(task.close)
    own = config.optimizer_model
    optimizer = task if own is None else _open(own, config, answers)
    if optimizer is not task:
        stack.callback(optimizer.close)
    proposing = own or config.model
    routes: dict[Alias, Route] = {
        "task": Route(
            config.model.name,
            task,
            config.model.retries,
            {"temperature": config.model.temperature, "max_tokens": config.dataset.max_tokens},
        ),
        "optimizer": Route(
            proposing.name,
            optimizer,
            proposing.retries,
            {
                "temperature": proposing.proposals.temperature,
                "max_tokens": proposing.proposals.max_tokens,
            },
        ),
    }
    return Gateway(routes, ledger, seed=config.seed)


def _open(conf: ModelConf, config: Config, answers: Sequence[AnswerKey]) -> ChatModel:
    # Each kind is imported when it is used: litellm alone takes seconds.
    if isinstance(conf, SimulatedModelConf):
        from optbench.models.simulated import SimulatedModel

        return SimulatedModel(
            answers,
            seed=config.seed,
            latency_s=conf.latency_s,
            errors=vars(conf.errors),
            prompt=[{"role": m.role.value, "content": m.content} for m in config.dataset.prompt],
        )
    if isinstance(conf, EmbeddedModelConf):
        from optbench.models.embedded import EmbeddedModel, default_weights

        path = default_weights() if conf.path is None else Path(conf.path).expanduser()
        return EmbeddedModel(path, n_parallel=conf.n_parallel, context_tokens=conf.context_tokens)
    if isinstance(conf, LiteLLMModelConf):
        from optbench.models.remote import RemoteModel

        return RemoteModel(conf)
    raise ConfigError(
        f"model '{conf.name}' is of no known kind",
        key="model",
        mend="let its YAML begin with `defaults: [/schema/model/litellm@_here_]`",
    )
