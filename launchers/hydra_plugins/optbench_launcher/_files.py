"""Config files read once in a launch: Hydra reads and parses them again for every composition."""

from __future__ import annotations

import copy
import pickle
from typing import Any

from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.config_source import ConfigResult


def read_once(loader: Any) -> None:
    """Lets a config loader keep what it has read; a third of the time of a composition was that.

    A loader with a repository of its own kind is left as it is.
    """
    if type(getattr(loader, "repository", None)) is ConfigRepository:
        loader.repository = _KeepingRepository(loader.get_search_path())


class _KeepingRepository(ConfigRepository):
    """Keeps files by the sources they were looked for in, since a search path can change."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        self._by_sources: dict[tuple[tuple[str, str], ...], dict[str, bytes]] = {}
        super().__init__(config_search_path)

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        super().initialize_sources(config_search_path)
        named = tuple((source.provider, source.path) for source in self.sources)
        self._kept = self._by_sources.setdefault(named, {})

    def __deepcopy__(self, memo: Any) -> _KeepingRepository:
        # Hydra copies it for each composition, so that new sources do not reach the original: they
        # do not reach it from a shallow copy either, and what was read is shared.
        return copy.copy(self)

    def load_config(self, config_path: str) -> ConfigResult | None:
        if config_path not in self._kept:
            read = super().load_config(config_path)
            try:
                self._kept[config_path] = pickle.dumps(read)
            except Exception:  # of another app's schema, which need not be picklable
                return read
        # Always a copy: Hydra changes what it is given.
        kept: ConfigResult | None = pickle.loads(self._kept[config_path])
        return kept
