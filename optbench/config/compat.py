"""What Hydra 1.3 with OmegaConf 2.3, and Hydra 1.4 with OmegaConf 2.4, want told in another way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

VERSION_BASE: dict[str, Any] = {"version_base": "1.3"} if hydra.__version__ < "1.4" else {}
"""For ``hydra.main`` and ``initialize_config_dir``: 1.3 needs it, 1.4 warns of it."""


def store(**what: Any) -> None:
    """Puts a schema into Hydra's ConfigStore, in the place of one of the same name."""
    if not VERSION_BASE:  # 1.3 replaces without being told
        what["replace"] = True
    ConfigStore.instance().store(provider="optbench", **what)


def register_resolver(name: str, function: Callable[..., Any]) -> None:
    """Makes ``${name:...}`` known to OmegaConf, in the place of what has the name already."""
    # 2.3 has a register_resolver too: an old one that knows no replace.
    new = OmegaConf.register_new_resolver if VERSION_BASE else OmegaConf.register_resolver
    new(name, function, replace=True)  # type: ignore[call-arg]  # OmegaConf 2.4 knows it
