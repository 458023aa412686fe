"""Versions of what can change a result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "optbench",
    "opik",
    "opik-optimizer",
    "litellm",
    "gepa",
    "optuna",
    "datasets",
    "hydra-core",
    "xllamacpp",
)


def versions() -> dict[str, str]:
    """Installed versions by package, and Python's own."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
