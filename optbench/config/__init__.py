"""The configuration schema and its registration with Hydra."""

from __future__ import annotations

from collections.abc import Collection

from optbench.config import optimizers as optimizer_schemas
from optbench.config.compat import register_resolver, store
from optbench.config.schema import (
    AgentConf,
    BudgetConf,
    CacheConf,
    Config,
    DatasetConf,
    EmbeddedModelConf,
    EngineConf,
    LiteLLMModelConf,
    ModalEngineConf,
    ModelConf,
    SimulatedModelConf,
    TrackingConf,
)

__all__ = ["Config", "ModelConf", "model_schemas", "register"]


def model_schemas() -> dict[str, type[ModelConf]]:
    """The schemas of the model group, as ``/schema/model/<name>``."""
    return {
        "litellm": LiteLLMModelConf,
        "embedded": EmbeddedModelConf,
        "simulated": SimulatedModelConf,
    }


def register(optimizers: Collection[str] | None = None) -> None:
    """Stores every schema in Hydra's ConfigStore under ``schema/`` and the resolvers conf/ uses.

    Schemas have a group of their own, so that they are no options of the groups a user chooses from.

    Args:
        optimizers: The optimizers whose schemas are needed; None for all. Each takes milliseconds.
    """
    store(name="optbench_schema", node=Config)
    plain = {
        "dataset": DatasetConf,
        "agent": AgentConf,
        "budget": BudgetConf,
        "cache": CacheConf,
        "engine": EngineConf,
        "tracking": TrackingConf,
    }
    for group, node in plain.items():
        store(group="schema", name=group, node=node)
    store(group="schema/engine", name="modal", node=ModalEngineConf)
    for name, schema in model_schemas().items():
        store(group="schema/model", name=name, node=schema)
    for name, conf in optimizer_schemas.SCHEMAS.items():
        if optimizers is None or name in optimizers:
            store(group="schema/optimizer", name=name, node=conf)
    _register_resolvers()


def _register_resolvers() -> None:
    from optbench.config import resolvers, secrets

    secrets.register()
    register_resolver("optbench.folder", resolvers.folder)
    register_resolver("optbench.last", resolvers.last)
    register_resolver("optbench.stem", resolvers.stem)
