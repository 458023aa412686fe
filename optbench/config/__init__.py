"""The configuration schema and its registration with Hydra."""

from __future__ import annotations

from optbench.config import optimizers
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


def register() -> None:
    """Stores every schema in Hydra's ConfigStore under ``schema/`` and the resolvers conf/ uses.

    Schemas have a group of their own, so that they are no options of the groups a user chooses from.
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
    for name, conf in optimizers.SCHEMAS.items():
        store(group="schema/optimizer", name=name, node=conf)
    _register_resolvers()


def _register_resolvers() -> None:
    from optbench.config import resolvers, secrets

    secrets.register()
    register_resolver("optbench.folder", resolvers.folder)
    register_resolver("optbench.last", resolvers.last)
    register_resolver("optbench.stem", resolvers.stem)
