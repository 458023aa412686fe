"""What the config groups offer, with the user's own folders, as a manifest's names need it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

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
        self._parser = OverridesParser.create(config_loader=loader)
        self._options: dict[str, list[str]] = {}
        self._composed: dict[tuple[str, ...], DictConfig] = {}
        self._nodes: dict[tuple[str, str], DictConfig] = {}

    def options(self, group: str) -> list[str]:
        """The names of a group's options; none where there is no such group."""
        if group not in self._options:  # Hydra copies its whole store for an answer
            told = [str(one) for one in self._master.hydra.overrides.hydra]  # hydra.searchpath
            found = self._loader.get_group_options(
                group, config_name=self._master.hydra.job.config_name, overrides=told
            )
            self._options[group] = [str(name) for name in found]
        return self._options[group]

    def parsed(self, override: str) -> Override:
        """An override as Hydra reads it.

        Raises:
            HydraException: When it is none.
        """
        return self._parser.parse_override(override)

    def named(self, group: str, name: str) -> str | None:
        """The option whose config has a name, the one that is called so before others.

        None where there is none.
        """
        options = self.options(group)
        if name in options:
            return name
        for option in options:
            try:
                node = self.node(group, option)
            except (HydraException, OmegaConfBaseException):  # of another option: not asked for
                continue
            if str(node.get("name")) == name:
                return option
        return None

    def composed(self, *words: str) -> DictConfig:
        """The config that overrides give.

        Raises:
            HydraException, OmegaConfBaseException: What is wrong with them.
        """
        if words not in self._composed:
            self._composed[words] = self._loader.load_sweep_config(self._master, list(words))
        return self._composed[words]

    def node(self, group: str, option: str) -> DictConfig:
        """What an option puts at its group's place.

        Raises:
            HydraException, OmegaConfBaseException: What is wrong with it.
        """
        if (group, option) not in self._nodes:
            self._nodes[group, option] = self.composed(f"{group}={option}")[group]
        return self._nodes[group, option]

    def ahead(self, wanted: Mapping[str, Iterable[str]]) -> None:
        """Composes options that will be asked for, one of each group at a time, which takes no longer
        than one alone. What cannot be composed beside others is left to :meth:`node`.
        """
        each = [
            [(group, name) for name in dict.fromkeys(names) if name in self.options(group)]
            for group, names in wanted.items()
        ]
        for row in itertools.zip_longest(*each):
            chosen = [one for one in row if one is not None and one not in self._nodes]
            try:
                whole = self.composed(*(f"{group}={option}" for group, option in chosen))
            except (HydraException, OmegaConfBaseException):
                continue
            self._nodes |= {(group, option): whole[group] for group, option in chosen}

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
        options = self.options("model")
        # Most are called as litellm calls them; to compose all would take a second.
        likely = likely_option(name)
        if likely in options and self._identifier(likely) == name:
            return likely
        return self._by_identifier.get(name) or (name if name in options else None)

    @cached_property
    def _by_identifier(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for option in self.options("model"):
            identifier = self._identifier(option)
            if identifier is not None:
                found.setdefault(identifier, option)
        return found

    def _identifier(self, option: str) -> str | None:
        """litellm's name of an option; None where it has none, or none before it is given."""
        model = self.node("model", option)
        if "id" not in model or OmegaConf.is_missing(model, "id"):
            return None
        return str(model.id)


def likely_option(model: str) -> str:
    """What the option for a model is called, most of the time."""
    return model.rpartition("/")[2]
