"""The functions that ``conf/`` calls as ``${optbench.<name>:...}``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from optbench.config.identity import identity

GROUPS = ("dataset", "optimizer", "model", "budget", "tracking", "engine")
"""The groups in the order in which a person thinks of them."""


def folder(*, _root_: Any) -> str:
    """A job's folder inside its sweep: readable, and unique by the task's identity.

    Returns:
        ``<dataset>/<optimizer>/<model>/s<seed>-<first 6 hex digits of the identity>``.
    """
    config = OmegaConf.masked_copy(_root_, [key for key in _root_ if key != "hydra"])
    names = [str(config[group].name) for group in ("dataset", "optimizer", "model")]
    return "/".join([*map(_safe, names), f"s{config.seed}-{identity(config)[:6]}"])


def _safe(name: str) -> str:
    """A name as one folder: what could leave it, or confuse a shell, becomes an underscore."""
    kept = "".join(char if char.isalnum() or char in "._-" else "_" for char in name)
    return kept.strip(".")[:64] or "_"


def stem(path: str | None) -> str:
    """A file's name without folder and ending."""
    return Path(path).stem if path else "unnamed"


def groups() -> str:
    """The options of each group with the first comment line of their files, for ``--help``."""
    lines: list[str] = []
    for group in GROUPS:
        lines.append(f"{group}:")
        options = _options(group)
        width = max((len(name) for name in options), default=0)
        lines += [f"  {name:<{width}}  {said}".rstrip() for name, said in options.items()]
    return "\n".join(lines)


def _options(group: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for source in HydraConfig.get().runtime.config_sources:
        if source.schema not in ("file", "pkg"):
            continue
        base = _pkg_folder(source.path) if source.schema == "pkg" else Path(source.path)
        for file in sorted((base / group).glob("*.yaml")) if base else []:
            found.setdefault(file.stem, _first_comment(file))
    return dict(sorted(found.items()))


def _pkg_folder(package: str) -> Path | None:
    import importlib.util

    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _first_comment(file: Path) -> str:
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# @"):  # Hydra's own header
            return line.lstrip("# ") if line.startswith("#") else ""
    return ""
