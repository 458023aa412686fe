"""``optbench-manifest``: a sweep, finished or only composed, as a manifest."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf

from optbench import config
from optbench.app import conf_folder
from optbench.complaints import explain
from optbench.config.compat import VERSION_BASE
from optbench.errors import ConfigError, OptbenchError
from optbench.layout import job_folders, read_json
from optbench.manifests.catalogue import Catalogue
from optbench.manifests.export import Manifest, export
from optbench.manifests.row import TRUST
from optbench.replacing import replacing
from optbench.wording import counted, some

SHOWN = 12
"""Keys or tasks that a warning names."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script; exits with 0, or 2 where nothing could be written."""
    given = _parser().parse_args(arguments)
    try:
        made = exported(given.what, given.config_dir)
        written = json.dumps(made.content, indent=2, ensure_ascii=False) + "\n"
        if given.output is None:
            print(written, end="")
        else:
            _write(given.output, written)
    except Exception as error:
        print(explain(error), file=sys.stderr)
        sys.exit(error.exit_code if isinstance(error, OptbenchError) else 2)
    for line in _warnings(made):
        print(line, file=sys.stderr)


def exported(what: Sequence[str], config_dir: Path | None = None) -> Manifest:
    """The manifest of a sweep.

    Args:
        what: The folder of a sweep, or the overrides of one.
        config_dir: Folder of further options.

    Raises:
        ConfigError: When there is no task in it, or one that cannot be written.
        HydraException, OmegaConfBaseException: What is wrong with the overrides.
    """
    config.register()
    words = [f"hydra.searchpath=[file://{config_dir.resolve()}]"] if config_dir else []
    folder = Path(what[0]) if len(what) == 1 and "=" not in what[0] else None
    if folder is None:
        words += what
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", words, RunMode.MULTIRUN)
        tasks = composed_tasks(master, loader) if folder is None else _recorded(folder)
        return export(tasks, Catalogue(loader, master))


def composed_tasks(master: DictConfig, loader: Any) -> list[dict[str, Any]]:
    """The resolved config of each task that a launch would run.

    Args:
        master: Of the whole launch.
        loader: Hydra's config loader.

    Raises:
        ConfigError: When a combination cannot be composed.
    """
    context = HydraContext(config_loader=loader, callbacks=Callbacks())
    sweeper: Any = Plugins.instance().instantiate_sweeper(
        config=master, hydra_context=context, task_function=lambda _: None
    )
    if not hasattr(sweeper, "tasks"):
        raise ConfigError(
            "only optbench's own sweeper says what its tasks are",
            key="hydra/sweeper",
            mend="leave that out",
        )
    axes: Any = OmegaConf.to_container(master.hydra.overrides.task, resolve=False)
    return [
        cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True, enum_to_str=True))
        for cfg in sweeper.tasks(axes)
    ]


def _recorded(folder: Path) -> list[dict[str, Any]]:
    found = [read_json(job.task) for job in job_folders(folder)] if folder.is_dir() else []
    tasks = [one["config"] for one in found if one is not None]
    if not tasks:
        raise ConfigError(
            f"'{folder}' is no folder of a sweep that has begun",
            key="export",
            mend="name another, or give the sweep's overrides",
        )
    return tasks


def _write(file: Path, written: str) -> None:
    try:
        with replacing(file) as aside:
            aside.write_text(written, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot write '{file}': {error.strerror}",
            key="-o",
            mend="name a file in a folder that is there",
        ) from error


def _warnings(made: Manifest) -> list[str]:
    lines = [f"{counted(len(made.content['tasks']), 'task')} written"]
    if made.beside:
        lines.append(
            "warning: the format has no field for these; they stand in x_optbench, which the "
            f"reference runner passes over: {some(made.beside, SHOWN)}"
        )
    if made.needs_trust:
        lines.append(f"warning: it names code, files, servers or keys: who runs it adds {TRUST}")
    if made.changed:
        lines.append(
            "warning: the manifest cannot say these as they are, and gives other tasks in their "
            f"place: {some(made.changed, SHOWN)}"
        )
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="optbench-manifest", description="Sweeps as JSON manifests of the reference runner."
    )
    command = parser.add_subparsers(dest="command", required=True).add_parser(
        "export",
        help="write a sweep as a manifest",
        description="optbench-manifest export my_sweep -o tasks.json; or the overrides of a sweep: "
        "optbench-manifest export dataset=tickets optimizer=gepa,few_shot seed=1,2",
    )
    command.add_argument("what", nargs="+", help="the folder of a sweep, or overrides")
    # Of a command line that is tried with optbench first.
    command.add_argument("-m", "--multirun", action="store_true", help=argparse.SUPPRESS)
    command.add_argument("-o", "--output", type=Path, help="the file; else it is printed")
    command.add_argument("--config-dir", "-cd", type=Path, help="folder of your own options")
    return parser


if __name__ == "__main__":
    main()
