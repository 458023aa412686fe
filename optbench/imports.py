"""Classes that a config names, and what they may be given."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from optbench.errors import ConfigError
from optbench.wording import close_names

OWN = ("optbench", "opik", "opik_optimizer")
"""Packages whose code a config may always name."""

_SET_BY_OPTBENCH = ("self", "problem")
_PREFIX = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Allowed:
    """Packages that a config may name code of: those of optbench, and what its user adds.

    A config may come from a folder, a manifest or a sweep of somebody else's, and to import a module
    is to run it. So a name is looked at before anything is imported; and what it leads to afterwards,
    since a module shows whatever it has imported itself (``optbench.some_module.os.system``).

    Args:
        further: ``allow_imports``: packages, modules or single names, each with all below it.

    Raises:
        ConfigError: For an entry that is no dotted name.
    """

    further: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for one in self.further:
            if not _PREFIX.fullmatch(one):
                raise ConfigError(
                    f"'{one}' is no name of a package",
                    key="allow_imports",
                    mend="list packages: allow_imports=[my_package]",
                )

    @classmethod
    def of(cls, allow_imports: Sequence[str]) -> Allowed:
        """Of the config key; a dot at an entry's end changes nothing."""
        return cls(tuple(one.removesuffix(".") for one in allow_imports))

    def check(self, path: str, key: str) -> None:
        """Looks at a name, and imports nothing.

        Raises:
            ConfigError: With ``key``, for one of another package.
        """
        if not self._has(path):
            raise self._refused(f"'{path}' is code that is not allowed", path, key)

    def kind(self, path: str, method: str, key: str) -> type:
        """The class that ``package.module.Class`` names.

        Args:
            path: The name.
            method: What the class must have to be of the kind that is wanted.
            key: The config key that holds the name.

        Raises:
            ConfigError: With ``key``, when it is not allowed, not there, or no such class.
        """
        found = self._load(path, key)
        if not isinstance(found, type) or not callable(getattr(found, method, None)):
            raise ConfigError(
                f"'{path}' names no class with a method '{method}'",
                key=key,
                mend="write package.module.Class",
            )
        return found

    def function(self, path: str, key: str) -> Callable[..., Any]:
        """The function that ``package.module.name`` names.

        Raises:
            ConfigError: With ``key``, when it is not allowed, not there, or nothing to be called.
        """
        found = self._load(path, key)
        if not callable(found):
            raise ConfigError(
                f"'{path}' names nothing callable", key=key, mend="write package.module.name"
            )
        return cast(Callable[..., Any], found)

    def _load(self, path: str, key: str) -> Any:
        self.check(path, key)
        module, _, name = path.rpartition(".")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"cannot import '{path}': {error}", key=key, mend="write package.module.Class"
            ) from error
        # Where it was defined, not where it was found; modules and values have no such name.
        home = getattr(found, "__module__", None)
        own_name = getattr(found, "__qualname__", None)
        if isinstance(home, str) and isinstance(own_name, str):
            if not self._has(f"{home}.{own_name}"):
                raise self._refused(
                    f"'{path}' is '{home}.{own_name}', code that is not allowed", home, key
                )
            return found
        raise ConfigError(
            f"'{path}' names no class and no function", key=key, mend="write package.module.Class"
        )

    def _has(self, path: str) -> bool:
        return any(path == one or path.startswith(f"{one}.") for one in (*OWN, *self.further))

    def _refused(self, what: str, path: str, key: str) -> ConfigError:
        words = ",".join([*self.further, path.partition(".")[0]])
        return ConfigError(what, key=key, mend=f"if you trust it: allow_imports=[{words}]")


OWN_ONLY = Allowed()
"""Nothing of the user's own."""


def wrong_parameters(
    call: Callable[..., Any], given: Mapping[str, Any], key: str
) -> Iterator[ConfigError]:
    """What a call would not take, and what it would miss."""
    parameters = inspect.signature(call).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = {
        p.name: p
        for p in parameters
        if p.kind is p.KEYWORD_ONLY or p.kind is p.POSITIONAL_OR_KEYWORD
    }
    for name in _SET_BY_OPTBENCH:
        known.pop(name, None)
    for name in given.keys() - known.keys():
        yield ConfigError(f"unknown parameter.{close_names(name, known)}", key=f"{key}.{name}")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in given:
            yield ConfigError("missing", key=f"{key}.{name}", mend=f"give +{key}.{name}=...")
