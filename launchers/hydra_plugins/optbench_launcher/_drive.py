"""What holds for every backend: which one, how many jobs at once, when again, and Ctrl-C."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from optbench.layout import SWEEP_FILES, SharedFolder, refuse_links
from optbench_jobs import worker
from optbench_jobs.job import Job, NotStartedError, Outcome, Payload, portable

from . import _modal_there


def is_on_this_machine(options: Mapping[str, Any]) -> bool:
    """Whether the workers are here, and so can ask a server of this machine."""
    return bool(_chosen(options) == "processes")


def has_this_environment(options: Mapping[str, Any]) -> bool:
    """Whether the jobs see this process's environment and packages: Slurm's do, another host's not."""
    return _chosen(options) in (None, "processes", "inprocess", "slurm")


def is_inprocess(options: Mapping[str, Any]) -> bool:
    """Whether jobs run in this very process, one after the other."""
    return _chosen(options) in (None, "inprocess")


def check(options: Mapping[str, Any]) -> None:
    """Looks at the options before anything starts.

    Raises:
        ConfigError: For a number that means nothing.
    """
    from optbench.errors import ConfigError

    for name, least in (("n_jobs", 1), ("max_failures", 1), ("retries", 0)):
        value = options.get(name)
        if value is not None and value < least:
            unset = "" if name == "retries" else ", or null"
            raise ConfigError(
                f"{value} is below {least}",
                key=f"hydra.launcher.{name}",
                mend=f"choose {least} or more{unset}",
            )
    timeout_s = options.get("timeout_s")
    if timeout_s is not None and not timeout_s > 0:  # NaN is none of it
        raise ConfigError(
            f"{timeout_s:g} is no time",
            key="hydra.launcher.timeout_s",
            mend="choose seconds above 0, or null: no limit",
        )
    if options.get("modal") and _modal_there.collects(options) and _chosen(options) != "modal":
        raise ConfigError(
            "what was started last in this folder did not run on Modal",
            key="RUN",
            mend="optbench resume=<folder> engine=modal hydra.launcher.modal.collect=true",
        )
    if _chosen(options) == "modal" and options.get("modal"):
        from . import _modal_checks

        _modal_checks.options(options["modal"], timeout_s)


def make_folder(sweep: Path) -> None:
    """Makes a sweep's folder.

    Raises:
        ConfigError: When it cannot be made, or holds links.
    """
    from optbench.errors import ConfigError

    refuse_links(sweep, names=SWEEP_FILES)
    try:
        sweep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder '{sweep}': {error.strerror}",
            key="hydra.sweep.dir",
            mend="name another one",
        ) from error


def open_backend(
    options: Mapping[str, Any], jobs: Sequence[Job], sweep: Path, payload: Payload
) -> Any:
    """The backend that the options ask for.

    Args:
        options: Of the launcher.
        jobs: What it is to run.
        sweep: Their sweep's folder, or the folder of the one job.
        payload: What a worker is to do for a job; what it raises is that job's failure.
    """
    payload = _guarded(payload)
    n_jobs, timeout_s = options.get("n_jobs"), options.get("timeout_s")
    if _chosen(options) == "slurm":
        from ._slurm import SlurmBackend

        conf: Any = OmegaConf.to_container(options["slurm"], resolve=True, enum_to_str=True)
        if conf["cluster"] == "local":
            n_jobs = _n_jobs(n_jobs, jobs)
        return SlurmBackend(conf, SharedFolder(sweep).slurm, n_jobs, timeout_s, payload)
    if _chosen(options) == "modal":
        from ._modal import ModalBackend

        conf = OmegaConf.to_container(options["modal"], resolve=True, enum_to_str=True)
        return ModalBackend(conf, jobs, sweep, n_jobs, timeout_s, payload)
    from optbench_jobs.processes import ProcessBackend

    return ProcessBackend(_n_jobs(n_jobs, jobs), timeout_s, payload)


def _guarded(payload: Payload) -> Payload:
    def made(job: Job) -> tuple[Any, ...]:
        try:
            return payload(job)
        except Exception as error:
            return worker.raise_, portable(error)

    return made


def _chosen(options: Mapping[str, Any]) -> Any:
    # By name: Hydra executes config.py more than once, and each makes an enum of its own.
    backend = options.get("backend")
    return getattr(backend, "name", backend)


def again(job: Job, outcome: Outcome, options: Mapping[str, Any]) -> bool:
    """Whether a job that has ended is worth another attempt."""
    retries = int(options.get("retries") or 0)
    if outcome.state != "failed" or job.attempts > retries:
        return False
    from optbench.errors import ConfigError, NoProposalsError

    # Neither would end otherwise.
    return not isinstance(outcome.error, ConfigError | NoProposalsError | NotStartedError)


def enough(options: Mapping[str, Any], failures: int) -> bool:
    """Whether so many jobs have failed that no further one is to start."""
    most = 1 if options.get("fail_fast") else options.get("max_failures")
    return most is not None and failures >= most


def _n_jobs(asked: int | None, jobs: Sequence[Job]) -> int:
    if asked is not None:
        return max(1, min(asked, len(jobs) or 1))
    from optbench.models.hardware import cores

    # A model on these cores uses them all: two jobs at once gained little, and the order in which
    # their calls reach it would be left to chance.
    return 1 if any(job.models for job in jobs) else max(1, min(cores(), len(jobs) or 1))


@contextmanager
def ctrl_c(backend: Any) -> Iterator[list[int]]:
    """Once: running jobs save and end, no further one starts. Twice: stop now.

    Yields:
        The signals that came.
    """
    came: list[int] = []

    def stop(number: int, _: object) -> None:
        came.append(number)
        if len(came) == 1:
            said = "stopping: running jobs save and end (again to stop now)"
            print(f"\n{backend.interrupt() or said}", file=sys.stderr)
            return
        raise KeyboardInterrupt

    try:
        before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread
        before = {}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
