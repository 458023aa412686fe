"""``optbench --help``: Hydra's help page without its cost.

Hydra 1.3.8 copies its whole config store for each group it lists, also where the template does not
show the list: 0.8 of 1.1 s here. This renders the same ``hydra.help.template`` from one composition.
"""

from __future__ import annotations

import argparse
import string
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from optbench import config
from optbench.config.compat import VERSION_BASE
from optbench.config.optimizers import SCHEMAS

GROUPS = (
    "suite", "dataset", "agent", "optimizer", "model", "budget", "cache", "tracking", "engine",
)  # fmt: skip
"""The groups in the order in which a person thinks of them."""


def is_asked(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for the application's help."""
    return bool({"--help", "-h"}.intersection(arguments))


def render(conf: Path, arguments: Sequence[str]) -> str:
    """The help text for a command line.

    Args:
        conf: The folder of the config groups.
        arguments: The command line after the program's name; overrides in it show in the config.

    Raises:
        HydraException: When the overrides do not compose.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config-dir", "-cd")
    known, rest = parser.parse_known_args(list(arguments))
    overrides = [word for word in rest if not word.startswith("-")]
    folders = [conf]
    if known.config_dir:
        folders.append(Path(known.config_dir).resolve())
        overrides.append(f"hydra.searchpath=[file://{folders[-1]}]")
    with initialize_config_dir(str(conf), **VERSION_BASE, job_name="optbench"):
        composed = _composed(conf, overrides)
        page = composed.hydra.help
        task = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        return string.Template(page.template).substitute(
            HEADER=page.header,
            FOOTER=page.footer,
            GROUPS=groups(folders),
            CONFIG=OmegaConf.to_yaml(task),
        )


def _composed(conf: Path, overrides: list[str]) -> DictConfig:
    """The config; schemas of optimizers that no word names are registered where they are missed."""
    said = " ".join([(conf / "config.yaml").read_text(encoding="utf-8"), *overrides])
    config.register([name for name in SCHEMAS if name in said])
    try:
        return compose("config", overrides, return_hydra_config=True)
    except HydraException:
        config.register()
        return compose("config", overrides, return_hydra_config=True)


def groups(folders: Sequence[Path]) -> str:
    """The options of each group with the first comment line of their files, for ``--help``.

    Args:
        folders: Folders that hold the groups; the first that has an option describes it.
    """
    lines: list[str] = []
    for group in GROUPS:
        lines.append(f"{group}:")
        options = _options(group, folders)
        width = max((len(name) for name in options), default=0)
        lines += [f"  {name:<{width}}  {said}".rstrip() for name, said in options.items()]
    return "\n".join(lines)


def _options(group: str, folders: Sequence[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for folder in folders:
        for file in sorted((folder / group).glob("*.yaml")):
            found.setdefault(file.stem, _first_comment(file))
    return dict(sorted(found.items()))


def _first_comment(file: Path) -> str:
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# @"):  # Hydra's own header
            return line.lstrip("# ") if line.startswith("#") else ""
    return ""
