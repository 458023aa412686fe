"""What is deployed: folders of code, and packages in the versions that are installed here."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import (
    Distribution,
    PackageNotFoundError,
    distribution,
    packages_distributions,
    version,
)
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from optbench.errors import ConfigError
from optbench.models.weights import WEIGHTS_REQUIREMENT
from optbench.wording import close_names

OWN = ("optbench", "hydra_plugins.optbench_launcher", "optbench_jobs", "optbench_modal")
"""Packages whose code is sent as it is here."""
LOCAL_MODELS = "local-llm"
"""The part of optbench that embedded models need."""
LEFT_OUT = ("__pycache__", "*.pyc", "conf")
"""A task is composed before it is sent, so a container needs no config files."""
_LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


class Source(NamedTuple):
    """What a container gets.

    Attributes:
        packages: The user's own importable packages, besides those of optbench.
        extras: Optional parts of optbench, such as ``local-llm``.
    """

    packages: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    @property
    def python(self) -> str:
        """The minor version, which is the same there as here."""
        return f"{sys.version_info.major}.{sys.version_info.minor}"

    def check(self) -> None:
        """Looks whether optbench has such parts.

        Raises:
            ConfigError: When it has not.
        """
        known = distribution("optbench").metadata.get_all("Provides-Extra") or []
        for extra in self.extras:
            if extra not in known:
                raise ConfigError(
                    f"optbench has no optional part '{extra}'.{close_names(extra, known)}",
                    key="hydra.launcher.modal.extras",
                    mend="name such a part, or leave it out",
                )

    def not_there(self, modules: Sequence[str]) -> list[str]:
        """Those of some top-level modules that a container could not import."""
        own = {name.partition(".")[0] for name in (*OWN, *self.packages)}
        left = [one for one in modules if one not in own and one not in sys.stdlib_module_names]
        if not left:
            return []
        installed = {pin.partition("==")[0] for pin in (*self.pins(), *self.weights())}
        brought_by = packages_distributions()
        return [
            one
            for one in left
            if not installed & {canonicalize_name(name) for name in brought_by.get(one, ())}
        ]

    def folders(self) -> dict[str, Path]:
        """The folder, or file, of each package, by where it is put below a container's ``/root``.

        Raises:
            ConfigError: When one is not to be found.
        """
        return {name.replace(".", "/"): _place(name) for name in (*OWN, *self.packages)}

    def weights(self) -> list[str]:
        """Packages that are installed without those that they need."""
        return [WEIGHTS_REQUIREMENT] if LOCAL_MODELS in self.extras else []

    def pins(self) -> list[str]:
        """All packages that optbench needs, and those that they need, as installed here.

        Raises:
            ConfigError: When one that is needed is not installed, or a part is none of optbench's.
        """
        self.check()
        found: dict[str, str] = {}
        waiting = list(_required(distribution("optbench"), self.extras))
        while waiting:
            wanted = waiting.pop()
            name = canonicalize_name(wanted.name)
            if name in found:
                continue
            try:
                found[name] = f"{name}=={version(name)}"
                waiting += _required(distribution(name), sorted(wanted.extras))
            except PackageNotFoundError as error:
                raise ConfigError(
                    f"'{name}' is needed in the cloud, and its version is taken from here, where "
                    "it is not installed",
                    key="engine",
                    mend=f"pip install '{wanted.name}'",
                ) from error
        return sorted(found.values())

    def fingerprint(self) -> str:
        """sha256 over all that is deployed; 64 hex digits."""
        told = {
            "python": self.python,
            "pins": [*self.pins(), *self.weights()],
            "files": {
                f"{remote}/{path.relative_to(folder).as_posix()}": _sha256(path)
                for remote, folder in sorted(self.folders().items())
                for path in _files(folder)
            },
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _place(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not (spec.submodule_search_locations or spec.origin):
        raise ConfigError(
            f"'{name}' is no package that can be imported here",
            key="hydra.launcher.modal.packages",
            mend="name packages of your own that the tasks import",
        )
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(str(spec.origin))


def _required(of: Distribution, extras: Sequence[str]) -> Iterator[Requirement]:
    for line in of.requires or ():
        wanted = Requirement(line)
        marked = [{**_LINUX, "extra": extra} for extra in ("", *extras)]
        if wanted.marker is None or any(wanted.marker.evaluate(one) for one in marked):
            yield wanted


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not any(
            inner.match(left_out) or left_out in inner.parts for left_out in LEFT_OUT
        ):
            yield path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
