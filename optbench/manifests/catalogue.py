"""What the config groups offer, with the user's own folders, as a manifest's names need it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from omegaconf import DictConfig, OmegaConf

from optbench.manifests.reference import SPLIT_SUFFIXES


class Catalogue:
    """The options of a launch's config groups.

    Args:
        loader: Hydra's config loader.
        master: The config of the whole launch, of which the search path is taken.
    """

    def __init__(self, loader: Any, master: DictConfig) -> None:
        self._loader = loader
        self._master = master
        self._options: dict[str, list[str]] = {}
        self._composed: dict[tuple[str, ...], DictConfig] = {}

    def options(self, group: str) -> list[str]:
        """The names of a group's options; none where there is no such group."""
        if group not in self._options:  # Hydra copies its whole store for an answer
            self._options[group] = [str(name) for name in self._loader.get_group_options(group)]
        return self._options[group]

    def composed(self, *words: str) -> DictConfig:
        """The config that overrides give.

        Raises:
            HydraException, OmegaConfBaseException: What is wrong with them.
        """
        if words not in self._composed:
            self._composed[words] = self._loader.load_sweep_config(self._master, list(words))
        return self._composed[words]

    def dataset(self, name: str) -> str | None:
        """The option for a dataset's name, which may end in a split's; None where there is none."""
        options = self.options("dataset")
        if name in options:
            return name
        for suffix in SPLIT_SUFFIXES:
            if name.endswith(suffix) and name.removesuffix(suffix) in options:
                return name.removesuffix(suffix)
        return None

    def model(self, name: str) -> str | None:
        """The option for a model: by litellm's name, else by the option's own; None: there is none."""
        known = self._model_ids.get(name)
        if known is None and name in self.options("model"):
            return name
        return known

    @cached_property
    def _model_ids(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for option in self.options("model"):
            # As it is written: to compose each would take a second.
            loaded = self._loader.repository.load_config(f"model/{option}")
            node = loaded.config if loaded is not None else None
            if isinstance(node, DictConfig) and not OmegaConf.is_missing(node, "id"):
                identifier = node.get("id")
                if isinstance(identifier, str):
                    found.setdefault(identifier, option)
        return found
