"""The configs of a sweep's jobs, each group of files composed once."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from ._files import read_once
from ._forks import on_all_cores

WORTH_A_FORK = 8
"""So many compositions, of some 70 ms each, take longer than to start processes for them."""


def without_hydra(cfg: DictConfig) -> DictConfig:
    """A copy without Hydra's own node, with its schema."""
    plain = copy.deepcopy(cfg)  # not a masked copy, which would lose the schema
    with read_write(plain), open_dict(plain):
        del plain["hydra"]
    return plain


class _Copies:
    """Makes copies of a config; unpickling takes a third of the time of ``deepcopy``."""

    def __init__(self, cfg: DictConfig) -> None:
        self._kept: DictConfig | bytes = cfg
        with suppress(Exception):  # values of another app's that cannot be pickled
            self._kept = pickle.dumps(cfg)

    def __call__(self) -> DictConfig:
        if isinstance(self._kept, bytes):
            return cast(DictConfig, pickle.loads(self._kept))
        return copy.deepcopy(self._kept)


@dataclass(frozen=True)
class _Base:
    """A composed config, from which others are made; whole, and without Hydra's node."""

    whole: _Copies
    bare: _Copies
    recorded: tuple[str, ...]


class Composer:
    """Composes jobs.

    Hydra takes some 70 ms for a job, most of it to read and merge files. Jobs that differ in plain
    values only (a seed, a number) come of the same files: the first is composed, for the others the
    values are set in a copy, which a property test holds equal to Hydra's own result.

    Args:
        loader: Hydra's config loader.
        master: The config of the whole launch.
    """

    def __init__(self, loader: Any, master: DictConfig) -> None:
        read_once(loader)
        self._loader = loader
        self._master = master
        self._parser = OverridesParser.create(config_loader=loader)
        self._choices = frozenset(str(name) for name in master.hydra.runtime.choices)
        self._parsed: dict[str, Override] = {}
        self._plain_of: dict[tuple[str, ...], list[int]] = {}
        self._known: dict[tuple[str, ...], _Base] = {}
        self.full = 0
        """How many jobs were composed by Hydra."""

    def compose(self, words: Sequence[str]) -> DictConfig:
        """The config of one job.

        Raises:
            HydraException, OmegaConfBaseException: What is wrong with its overrides.
        """
        values = self.plain_values(words)
        base = self._base(words, values)
        cfg = base.whole()
        if not self._set(cfg, values):
            return self._by_hydra(words)
        with open_dict(cfg):
            given = {word.partition("=")[0]: word for word in values}
            cfg.hydra.overrides.task = [given.get(w.partition("=")[0], w) for w in base.recorded]
            # Hydra 1.4 computes it where it is read.
            if not OmegaConf.is_interpolation(cfg.hydra.job, "override_dirname"):
                cfg.hydra.job.override_dirname = self._dirname(cfg)
        return cfg

    def bare(self, words: Sequence[str]) -> DictConfig:
        """The same without Hydra's node, at a quarter of the cost.

        Raises:
            HydraException, OmegaConfBaseException: What is wrong with its overrides.
        """
        values = self.plain_values(words)
        cfg = self._base(words, values).bare()
        return cfg if self._set(cfg, values) else without_hydra(self._by_hydra(words))

    def compose_ahead(self, jobs: Sequence[Sequence[str]]) -> None:
        """Composes what many jobs need on all cores, which one by one takes one core long.

        What cannot be composed is left to :meth:`compose`, and to its error.
        """
        first = {self.kind(words, self.plain_values(words)): words for words in reversed(jobs)}
        left = [words for kind, words in first.items() if kind not in self._known]
        made = on_all_cores(
            lambda words: self._base(words, self.plain_values(words)), left, worth=WORTH_A_FORK
        )
        for words, base in zip(left, made, strict=True):
            if base is not None:
                self._known[self.kind(words, self.plain_values(words))] = base
                self.full += 1

    def _base(self, words: Sequence[str], values: Sequence[str]) -> _Base:
        kind = self.kind(words, values)
        if kind not in self._known:
            cfg = self._by_hydra(words)
            self._known[kind] = _Base(
                _Copies(cfg), _Copies(without_hydra(cfg)), tuple(cfg.hydra.overrides.task)
            )
        return self._known[kind]

    def kind(self, words: Sequence[str], values: Sequence[str]) -> tuple[str, ...]:
        """What jobs have in common that come of the same files."""
        structure = tuple(word for word in words if word not in values)
        # Which keys are set matters as much as the files: the copy has to set them all again.
        return (*structure, *(word.partition("=")[0] for word in values))

    def _by_hydra(self, words: Sequence[str]) -> DictConfig:
        self.full += 1
        composed: DictConfig = self._loader.load_sweep_config(self._master, list(words))
        return composed

    def _set(self, cfg: DictConfig, values: Sequence[str]) -> bool:
        """Sets the values; whether they fit. Where one does not, Hydra says so in its own words."""
        try:
            for word in values:
                override = self.parse(word)
                OmegaConf.update(cfg, override.key_or_group, override.value(), merge=True)
        except Exception:  # of the parser, of OmegaConf, or of a schema's own conversion
            return False
        return True

    def parse(self, word: str) -> Override:
        """An override as Hydra reads it, kept for the next job that has it."""
        if word not in self._parsed:
            self._parsed[word] = self._parser.parse_override(word)
        return self._parsed[word]

    def plain_values(self, words: Sequence[str]) -> list[str]:
        """The overrides that set one value and choose no file."""
        keys = tuple(word.partition("=")[0] for word in words)
        if keys not in self._plain_of:
            self._plain_of[keys] = [at for at, key in enumerate(keys) if self._is_plain(key, keys)]
        return [words[at] for at in self._plain_of[keys]]

    def _is_plain(self, key: str, keys: Sequence[str]) -> bool:
        return (
            key.replace(".", "").replace("_", "").isalnum()
            and not key.startswith("hydra.")
            and key not in self._choices
            # A value is set after all groups are chosen, wherever the two stand in the command.
            and not any(
                _related(key, one) for one in keys if one is not key and one not in self._choices
            )
        )

    def _dirname(self, cfg: DictConfig) -> str:
        from hydra._internal.config_loader_impl import get_overrides_dirname

        form = cfg.hydra.job.config.override_dirname
        dirname: str = get_overrides_dirname(
            overrides=self._parser.parse_overrides(list(cfg.hydra.overrides.task)),
            kv_sep=form.kv_sep,
            item_sep=form.item_sep,
            exclude_keys=form.exclude_keys,
        )
        return dirname


def _related(one: str, other: str) -> bool:
    """Whether one key is the other, or lies within it: then their order matters."""
    one, other = (key.lstrip("+~").partition("@")[0] for key in (one, other))
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
