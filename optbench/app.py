"""The command line: composes a task with Hydra, runs it, and says clearly what went wrong.

Knows no library but Hydra, so that ``--help`` is quick; what runs a task is imported when one runs.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import hydra
import hydra.utils
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from optbench import config, help, rerun
from optbench.config import secrets
from optbench.config.compat import VERSION_BASE
from optbench.errors import OptbenchError

_TAKE_A_VALUE = (
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
    *("--package", "-p", "--experimental-rerun", "--cfg", "-c"),
)
_MAY_TAKE_A_VALUE = ("--info", "-i")
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def conf_folder() -> Path:
    """Where the config groups lie: in the package when installed, beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


@hydra.main(**VERSION_BASE, config_path=str(conf_folder()), config_name="config")
def run(cfg: DictConfig) -> dict[str, Any]:
    """Runs one composed task in the folder that Hydra made for it."""
    from optbench.task import Task, run_task

    hydra_conf = HydraConfig.get()
    sweep = Path(hydra_conf.sweep.dir) if hydra_conf.mode is RunMode.MULTIRUN else None
    folder = Path(hydra_conf.runtime.output_dir)
    task = Task.from_config(cfg)
    if cfg.plan:
        from optbench import plan

        try:
            planned = plan.Planner().expect(task, folder, sweep)
        finally:
            plan.leave_no_trace(folder)
        plan.show([planned], sweep_usd=cfg.budget.sweep_usd)
        return vars(planned)
    if sweep is None and (alone := _engine(hydra_conf.launcher)) is not None:
        done: dict[str, Any] = alone(task, folder)
        return done
    return run_task(task, folder, sweep)


def _engine(launcher: DictConfig) -> Callable[[Any, Path], Any] | None:
    """What runs a single task where a sweep would run it; None for launchers that know sweeps only.

    Hydra asks no launcher for a single job.
    """
    kind = hydra.utils.get_class(launcher._target_)
    if not hasattr(kind, "run_alone"):
        return None
    engine = kind(**{str(key): value for key, value in launcher.items() if key != "_target_"})
    return cast(Callable[[Any, Path], Any], engine.run_alone)


def main() -> None:
    """The console script ``optbench``; exits with 0, 1 (a task failed), 2 (bad config) or 130."""
    # A log line that cannot be written (disk full) must not bury the error under tracebacks.
    logging.raiseExceptions = False
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR", "0") not in ("", "0")
    # Hydra would print its own half of every error and exit; with this it hands them to us whole.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        if help.is_asked(sys.argv[1:]):
            gc.disable()  # the process ends with the page: a tenth of its time
            print(help.render(conf_folder(), sys.argv[1:]))
            gc.freeze()  # nor is anything looked through at its end
        else:
            config.register()
            secrets.refuse_literal(sys.argv[1:])
            sys.argv[1:] = _overrides_last(rerun.complete(sys.argv[1:]))
            run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # of `optbench --help | head`
        sys.stdout = None  # or Python flushes it once more, and complains
    except Exception as error:
        if wants_traceback:
            raise
        from optbench.complaints import explain, is_of_composing

        print(explain(error), file=sys.stderr)
        code = 2 if is_of_composing(error) else 1
        sys.exit(error.exit_code if isinstance(error, OptbenchError) else code)


def _overrides_last(words: list[str]) -> list[str]:
    """Flags before overrides: Hydra's parser takes no override after a flag that follows another."""
    flags: list[str] = []
    overrides: list[str] = []
    takes_value = False
    for at, one in enumerate(words):
        is_flag = one.startswith("-")
        (flags if is_flag or takes_value else overrides).append(one)
        takes_value = one in _TAKE_A_VALUE
        if one in _MAY_TAKE_A_VALUE:
            takes_value = not any("=" in after for after in words[at + 1 : at + 2])
    return [*flags, *overrides]
