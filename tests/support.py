"""What tests share: composing a config and running a task, as the console script does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from optbench import config
from optbench.app import conf_folder
from optbench.config.compat import VERSION_BASE
from optbench.config.schema import SourceConf
from optbench.data.source import Row, open_split
from optbench.manifests.cli import composed_tasks


def composed(*overrides: str, with_hydra: bool = False) -> DictConfig:
    """The config that a command line gives."""
    config.register()
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        return compose("config", list(overrides), return_hydra_config=with_hydra)


def read_split(source: SourceConf, split: str, *, needed: int | None = None) -> Sequence[Row]:
    """The rows of one split, in the source's own order; the leading ``needed``, or all."""
    rows = open_split(source, split)
    return list(rows.take(range(rows.length() if needed is None else needed)).values())


def command(
    *words: str, cwd: Path, timeout: float = 120, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs ``python -m optbench`` in a process of its own, without keys in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "optbench", *words],
        cwd=cwd,
        env=_environment(env),
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
        env=_environment(env),
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


def _environment(more: dict[str, str] | None) -> dict[str, str]:
    """With folders of a test's own before those that this process imports from."""
    both = {**clean_environment(), **(more or {})}
    if more and "PYTHONPATH" in more and (here := os.environ.get("PYTHONPATH")):
        both["PYTHONPATH"] = os.pathsep.join([more["PYTHONPATH"], here])
    return both


def dataset_of_fifteen(name: str, source: str) -> str:
    """The YAML of a dataset of one's own: 15 rows of ``text`` and ``answer``, five for each slice."""
    return f"""defaults: [/schema/dataset@_here_]
name: {name}
source: {source}
slices:
  train: {{split: all, start: 0, count: 5}}
  validation: {{split: all, start: 5, count: 5}}
  test: {{split: all, start: 10, count: 5}}
prompt: [{{role: user, content: "{{text}}"}}]
demonstration: "{{answer}}"
max_tokens: 4
metrics: [{{name: exact_match, target: answer}}]
"""


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    """Waits until something is so; fails after a time."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def options(group: str) -> Sequence[str]:
    """The options of a config group, as files."""
    return sorted(file.stem for file in (conf_folder() / group).glob("*.yaml"))


def searches() -> Sequence[str]:
    """The optimizers that need nothing; ``transfer`` needs a prompt that another task has found."""
    return [name for name in options("optimizer") if name != "transfer"]


STAND_IN = """# Rows that need no hub, under the name of a dataset that does.
defaults: [/schema/dataset@_here_]
name: {name}
source:
  kind: generator
  generator: optbench.data.arithmetic.generate
  args: {{seed: 0}}
  id_column: id
slices:
  train: {{split: train, start: 0, count: 15}}
  validation: {{split: validation, start: 0, count: 15}}
  test: {{split: test, start: 0, count: 15}}
prompt: [{{role: system, content: Solve it.}}, {{role: user, content: "{{question}}"}}]
demonstration: "{{answer}}"
max_tokens: 32
metrics: [{{name: numeric, target: answer}}]
"""


def stand_ins(folder: Path, *names: str) -> Path:
    """A config folder with datasets of these names, where optbench has none of its own."""
    group = folder / "dataset"
    group.mkdir(parents=True, exist_ok=True)
    for name in names:
        (group / f"{name}.yaml").write_text(STAND_IN.format(name=name))
    return folder


@contextmanager
def launch(*words: str, conf: Path | None = None) -> Iterator[tuple[DictConfig, Any]]:
    """The config of a whole launch, and Hydra's loader, as a sweeper is given them."""
    config.register()
    extra = [f"hydra.searchpath=[file://{conf}]"] if conf else []
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        loader = GlobalHydra.instance().config_loader()
        yield loader.load_configuration("config", [*extra, *words], RunMode.MULTIRUN), loader


def swept(*words: str, conf: Path | None = None) -> list[dict[str, Any]]:
    """The resolved config of each task of a sweep, of which none is started."""
    with launch(*words, conf=conf) as (master, loader):
        return composed_tasks(master, loader)
