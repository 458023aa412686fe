"""The configuration schema and its registration with Hydra."""

from __future__ import annotations

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from optbench.config import optimizers
from optbench.config.schema import (
    BudgetConf,
    CacheConf,
    Config,
    DatasetConf,
    EmbeddedModelConf,
    EngineConf,
    LiteLLMModelConf,
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
    store = ConfigStore.instance().store
    store(name="optbench_schema", node=Config, provider="optbench")
    plain = {
        "dataset": DatasetConf,
        "budget": BudgetConf,
        "cache": CacheConf,
        "engine": EngineConf,
        "tracking": TrackingConf,
    }
    for group, node in plain.items():
        store(group="schema", name=group, node=node, provider="optbench")
    for name, schema in model_schemas().items():
        store(group="schema/model", name=name, node=schema, provider="optbench")
    for name, conf in optimizers.SCHEMAS.items():
        store(group="schema/optimizer", name=name, node=conf, provider="optbench")
    _register_resolvers()


def _register_resolvers() -> None:
    from optbench.config import resolvers, secrets

    secrets.register()
    OmegaConf.register_new_resolver("optbench.folder", resolvers.folder, replace=True)
    OmegaConf.register_new_resolver("optbench.stem", resolvers.stem, replace=True)
