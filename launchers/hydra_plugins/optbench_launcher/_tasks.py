"""The tasks of a sweep: one of each kind is made of its config, the others by what differs."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf

from optbench.config.identity import identity_of
from optbench.task import Task

from ._compose import Composer

_PLAIN = (bool, int, float, str, type(None))
"""What a value may be: a mapping would be merged with what is there."""


MOST_KINDS = 64
"""That are kept, each some 0.3 MB; jobs of one kind mostly follow one another."""


class Tasks:
    """Makes the tasks of a sweep's jobs.

    To resolve and convert a whole config takes some 10 ms, and jobs that differ in a seed differ in
    a single value. Where nothing else can depend on it, it is set in a copy of the first such task,
    in a twentieth of the time; a property test holds the two ways equal.

    Args:
        composer: Of the jobs' configs.
    """

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._known: dict[tuple[str, ...], _Kind] = {}

    def task(self, words: Sequence[str]) -> Task:
        """The task of one job.

        Raises:
            HydraException, OmegaConfBaseException, ConfigError: What is wrong with its overrides.
        """
        values = self._composer.plain_values(words)
        kind = self._composer.kind(words, values)
        if kind in self._known and (task := self._varied(self._known[kind], values)):
            return task
        cfg = self._composer.bare(words)
        task = Task.from_config(cfg)
        if kind not in self._known:
            if len(self._known) == MOST_KINDS:
                del self._known[next(iter(self._known))]
            self._known[kind] = _Kind(task, cfg, tuple(_references(cfg)))
        return task

    def _varied(self, kind: _Kind, values: Sequence[str]) -> Task | None:
        """A task of the kind with other values; None where it has to be made of its config."""
        changed: dict[str, Any] = {}
        for word in values:
            try:
                override = self._composer.parse(word)
                key, value = override.key_or_group, override.value()
                if not _is_a_value(value) or not kind.is_free(key):
                    return None
                # The schema converts and refuses; every job of the kind sets the same keys.
                OmegaConf.update(kind.cfg, key, value, merge=True)
                changed[key] = OmegaConf.select(kind.cfg, key)
            except Exception:  # told by the longer way
                return None
        if not all(isinstance(one, _PLAIN) for one in changed.values()):
            return None
        return kind.first_with(changed)


@dataclass(frozen=True)
class _Kind:
    """Jobs whose configs come of the same files and set the same keys.

    Attributes:
        first: The task of one of them.
        cfg: Its config, in which the values of others are tried.
        references: All its interpolations.
    """

    first: Task
    cfg: DictConfig
    references: tuple[str, ...]

    def is_free(self, key: str) -> bool:
        """Whether nothing but the key itself has another value when it has."""
        if self.first.plain["test_mode"] or key == "test_mode":  # which lowers the budget
            return False
        parts = key.split(".")
        return not any(part in reference for part in parts for reference in self.references)

    def first_with(self, changed: dict[str, Any]) -> Task | None:
        """The first task with other values; what stays is shared with it."""
        plain, config = self.first.plain, self.first.config
        for key, value in changed.items():
            path = key.split(".")
            plain = _replaced(plain, path, value)
            config = _replaced(config, path, value)
        return Task(config, plain, identity_of(plain))


def _replaced(node: Any, path: Sequence[str], value: Any) -> Any:
    """A copy of nested mappings or dataclasses with another value at the path; the rest is shared."""
    if not path:
        return value
    again = copy.copy(node)
    key, rest = path[0], path[1:]
    if isinstance(node, dict):
        again[key] = _replaced(node[key], rest, value)
    elif is_dataclass(node) and key in {field.name for field in fields(node)}:
        setattr(again, key, _replaced(getattr(node, key), rest, value))
    else:
        raise KeyError(key)
    return again


def _references(cfg: DictConfig) -> Iterator[str]:
    """Every text of an unresolved config that holds an interpolation."""
    stack: list[Any] = [OmegaConf.to_container(cfg, resolve=False)]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, str) and "${" in node:
            yield node


def _is_a_value(one: Any) -> bool:
    if isinstance(one, str):
        return "${" not in one and one != MISSING
    return isinstance(one, _PLAIN)
