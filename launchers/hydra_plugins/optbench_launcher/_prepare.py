"""From overrides to jobs, and from jobs to what they are made of, when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from omegaconf import DictConfig, OmegaConf, open_dict

from optbench.complaints import explain
from optbench.config.resolvers import folder_name
from optbench.config.schema import Config, models_of
from optbench.errors import ConfigError
from optbench.preflight.together import marks
from optbench.task import Task
from optbench.wording import counted
from optbench_jobs.job import Job

from ._compose import Composer
from ._drive import has_this_environment
from ._forks import on_all_cores
from ._servers import needed
from ._tasks import Tasks

if TYPE_CHECKING:
    from .launcher import OptbenchLauncher

T = TypeVar("T")
WORTH_A_FORK = 100
"""So many jobs, of 1 to 10 ms each, take longer than to start processes for them."""
_OUR_SUBDIR = "${optbench.folder:}"


class Preparation:
    """Makes the jobs of a launch.

    A job that waits is its overrides, its folder and its identity; its config and its task are made
    when it begins. So thousands of them take little memory.

    Args:
        launcher: Hydra's view of the launch.
        composer: Of the launch's configs.
        sweep: The sweep's folder.
    """

    def __init__(self, launcher: OptbenchLauncher, composer: Composer, sweep: Path) -> None:
        self.composer = composer
        self._tasks = Tasks(composer)
        self._sweep = sweep
        self._is_optbench = _is_optbench(launcher.task_function, launcher.config)
        sweep_conf: Any = OmegaConf.to_container(launcher.config.hydra.sweep, resolve=False)
        self._our_subdir = sweep_conf["subdir"] == _OUR_SUBDIR
        self._leaves = not has_this_environment(launcher.options)

    def ahead(self, jobs: Sequence[Sequence[str]]) -> list[Job | None]:
        """What :meth:`job` makes of each on all cores, where there are many; None: not made yet."""
        self.composer.compose_ahead(jobs)

        def make(one: tuple[int, Sequence[str]]) -> Job:
            number, words = one
            return self.job(words, number)

        return on_all_cores(make, list(enumerate(jobs)), worth=WORTH_A_FORK)

    def job(self, words: Sequence[str], number: int) -> Job:
        """A job of the launch.

        Raises:
            HydraException, OmegaConfBaseException, ConfigError: What is wrong with its overrides.
        """
        if not self._is_optbench:
            name = str(self._composed(words, number).hydra.sweep.subdir)
            return Job(number, name, self._sweep / name, tuple(words))
        task = self._tasks.task(words)
        if self._our_subdir and not any(word.lstrip("+~").startswith("hydra.") for word in words):
            name = folder_name(task.plain, task.identity)
        else:
            name = str(self._composed(words, number).hydra.sweep.subdir)
        return job_of(
            task, self._sweep / name, number, name=name, words=tuple(words), leaves=self._leaves
        )

    def config(self, job: Job) -> DictConfig:
        """All of a job's config, Hydra's node included."""
        return self._composed(job.words, job.number)

    def task(self, job: Job) -> Task:
        """What an optbench job runs; parts of it are shared with tasks of other jobs."""
        return self._tasks.task(job.words)

    def _composed(self, words: Sequence[str], number: int) -> DictConfig:
        cfg = self.composer.compose(words)
        with open_dict(cfg):
            cfg.hydra.job.id = f"job_{number}"
            cfg.hydra.job.num = number
        return cfg


def job_of(
    task: Task,
    folder: Path,
    number: int = 0,
    *,
    name: str,
    words: tuple[str, ...] = (),
    leaves: bool = False,
) -> Job:
    """The job that a task is; with ``leaves`` one that is sent to another machine."""
    sent: dict[str, Any] = {}
    if leaves:
        from optbench_modal import files, modules

        sent = {
            "files": tuple(files.named(task.plain)),
            "modules": tuple(modules.named(task.plain).items()),
        }
    models = models_of(task.config)
    keys = {getattr(one, "api_key_env", None) for one in models.values()}
    limits = [
        f"model.{limit}"
        for limit in ("max_in_flight", "requests_per_minute")
        if any(getattr(one, limit) is not None for one in models.values())
    ]
    if task.config.budget.sweep_usd is not None:
        limits.append("budget.sweep_usd")
    return Job(
        number,
        name,
        folder,
        words,
        identity=task.identity,
        marks=marks(task.plain),
        models=tuple(needed(task).items()),
        keys=tuple(sorted(filter(None, keys))),
        limits=tuple(limits),
        **sent,
    )


def all_or_none(
    make: Callable[[Sequence[str]], T],
    jobs: Sequence[Sequence[str]],
    places: Sequence[str] = (),
) -> list[T]:
    """Something for each job, or all that is wrong with any of them.

    Args:
        make: Makes it of a job's overrides.
        jobs: The overrides of each.
        places: Where each stands in a manifest; none where there is no manifest.

    Raises:
        ConfigError: With every reason, and how many combinations it spoils.
    """
    made: list[T] = []
    wrong: dict[str, list[str]] = {}
    for number, job in enumerate(jobs):
        try:
            made.append(make(job))
        except Exception as error:  # Hydra's, OmegaConf's, or a resolver's
            why = explain(error).removeprefix("error: ")
            place = f"{places[number]}: " if places and places[number] else ""
            wrong.setdefault(why, []).append(place + " ".join(job))
    if wrong:
        bad = sum(len(combinations) for combinations in wrong.values())
        raise ConfigError(
            f"{bad} of {counted(len(jobs), 'combination')} cannot be composed, nothing was started:\n  "
            + "\n  ".join(
                f"{why}\n    in {combinations[0]}"
                + (f" and {len(combinations) - 1} more" if len(combinations) > 1 else "")
                for why, combinations in wrong.items()
            )
        )
    return made


def _is_optbench(task_function: Any, config: DictConfig) -> bool:
    kind = OmegaConf.get_type(config)
    ours = isinstance(kind, type) and issubclass(kind, Config)
    return ours and task_function.__module__ == "optbench.app"
