"""What tests share: composing a config and running a task, as the console script does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from optbench import config
from optbench.app import conf_folder
from optbench.config.compat import VERSION_BASE


def composed(*overrides: str, with_hydra: bool = False) -> DictConfig:
    """The config that a command line gives."""
    config.register()
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        return compose("config", list(overrides), return_hydra_config=with_hydra)


def command(
    *words: str, cwd: Path, timeout: float = 120, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs ``python -m optbench`` in a process of its own, without keys in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "optbench", *words],
        cwd=cwd,
        env={**clean_environment(), **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start(*words: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Starts ``python -m optbench``, to be killed or interrupted."""
    return subprocess.Popen(
        [sys.executable, "-m", "optbench", *words],
        cwd=cwd,
        env={**clean_environment(), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def clean_environment() -> dict[str, str]:
    """This process's environment without keys of providers, wide enough not to wrap lines."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.endswith("_API_KEY") and not k.startswith("OPIK_")
    }
    return {**kept, "COLUMNS": "200"}


def options(group: str) -> Sequence[str]:
    """The options of a config group, as files."""
    return sorted(file.stem for file in (conf_folder() / group).glob("*.yaml"))
