"""What happens in a sweep, whichever backend runs its jobs."""

from __future__ import annotations

import copy
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.singleton import Singleton
from hydra.core.utils import (
    JobReturn,
    JobStatus,
    configure_log,
    filter_overrides,
    setup_globals,
)
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from optbench.config.schema import Config

from . import _resume
from ._jobs import Job, NotStartedError, Outcome
from ._view import View
from ._worker import run_as_hydra_does

if TYPE_CHECKING:
    from ._servers import Servers
    from .launcher import OptbenchLauncher

log = logging.getLogger(__name__)


def launch(
    launcher: OptbenchLauncher, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
) -> list[JobReturn]:
    """Composes every job before the first starts, so that a bad combination costs nothing."""
    setup_globals()
    hydra_conf = launcher.config.hydra
    configure_log(hydra_conf.hydra_logging, hydra_conf.verbose)
    sweep = Path(str(hydra_conf.sweep.dir))
    sweep.mkdir(parents=True, exist_ok=True)
    jobs = [
        _compose(launcher, list(overrides), initial_job_idx + offset, sweep)
        for offset, overrides in enumerate(job_overrides)
    ]
    if any(OmegaConf.select(job.cfg, "plan") is True for job in jobs):
        return _plan(jobs, sweep)
    with _resume.locked(sweep):
        to_do = _resume.to_do(
            jobs,
            only_failed=bool(launcher.options.get("only_failed")),
            anyway=bool(launcher.options.get("resume_anyway")),
        )
        log.info("%d jobs in %s%s", len(jobs), sweep, _resume.counted(jobs, to_do))
        # By name: Hydra executes config.py more than once, and each makes an enum of its own.
        backend = launcher.options.get("backend")
        if getattr(backend, "name", backend) in (None, "inprocess"):
            returns = _one_after_the_other(launcher, jobs, to_do)
        else:
            returns = _in_processes(launcher, jobs, to_do, sweep)
    return returns


def _compose(launcher: OptbenchLauncher, overrides: list[str], number: int, sweep: Path) -> Job:
    prepared = launcher.prepared.get(tuple(overrides))
    cfg: DictConfig = (
        prepared
        if prepared is not None
        else launcher.hydra_context.config_loader.load_sweep_config(launcher.config, overrides)
    )
    with open_dict(cfg):
        cfg.hydra.job.id = f"job_{number}"
        cfg.hydra.job.num = number
    job = Job(number, cfg, sweep / str(cfg.hydra.sweep.subdir))
    if _is_optbench(launcher, cfg):
        from optbench.task import Task

        job.task = Task.from_config(_without_hydra(cfg))
    return job


def _is_optbench(launcher: OptbenchLauncher, cfg: DictConfig) -> bool:
    kind = OmegaConf.get_type(cfg)
    ours = isinstance(kind, type) and issubclass(kind, Config)
    return ours and launcher.task_function.__module__ == "optbench.app"


def _without_hydra(cfg: DictConfig) -> DictConfig:
    plain = copy.deepcopy(cfg)  # not a masked copy, which would lose the schema
    with read_write(plain), open_dict(plain):
        del plain["hydra"]
    return plain


def _plan(jobs: Sequence[Job], sweep: Path) -> list[JobReturn]:
    """Says what the jobs would cost, together, and starts none."""
    from optbench import plan

    tasks = [(job, job.task) for job in jobs if job.task is not None]
    planned = [plan.expect(task, job.folder, sweep) for job, task in tasks]
    plan.show(planned, sweep_usd=jobs[0].cfg.budget.sweep_usd)
    plan.leave_no_trace(sweep)
    return [
        _returned(job, Outcome("success", vars(one)))
        for (job, _), one in zip(tasks, planned, strict=True)
    ]


def _one_after_the_other(
    launcher: OptbenchLauncher, jobs: Sequence[Job], to_do: Sequence[Job]
) -> list[JobReturn]:
    """All of it in this process: a breakpoint works, and a crash takes the sweep with it."""
    returns: dict[int, JobReturn] = {}
    failures = 0
    for job in to_do:
        if _enough(launcher, failures):
            job.outcome = Outcome("failed", error=NotStartedError("not started"))
            continue
        _announce(job)
        returns[job.number] = done = _run_here(launcher, job, launcher.task_function)
        failures += done.status is JobStatus.FAILED
    _report_failures([(job, returns.get(job.number)) for job in jobs])
    return [returns.get(job.number) or _returned(job, job.outcome) for job in jobs]


def _in_processes(
    launcher: OptbenchLauncher, jobs: Sequence[Job], to_do: Sequence[Job], sweep: Path
) -> list[JobReturn]:
    from ._processes import ProcessBackend
    from ._servers import Servers

    options = launcher.options
    n_jobs = _n_jobs(options.get("n_jobs"), to_do)
    backend = ProcessBackend(n_jobs, options.get("timeout_s"))
    returns: dict[int, JobReturn] = {}
    failures = 0
    before = sum(job.outcome is not None and job.outcome.value is not None for job in jobs)
    view = View([job for job in to_do if job.task is not None], before=before)
    servers = Servers(to_do, view.say)
    submit = _submitter(launcher, backend, sweep, servers)
    for job in to_do:
        submit(job)
    try:
        with _ctrl_c(backend), view.shown():
            for ended in backend.results():
                view.look(backend.running())
                if ended is None:
                    continue
                job, outcome = ended
                if _again(job, outcome, int(options.get("retries") or 0)):
                    log.warning("%s: %s; tried again", job.name, outcome.error)
                    submit(job)
                    continue
                job.outcome = outcome
                returns[job.number] = _settle(launcher, job, outcome)
                servers.leave(job)
                view.ended(job, outcome)
                failures += outcome.state == "failed"
                if _enough(launcher, failures):
                    backend.drop_queue()
    finally:
        backend.close(kill=sys.exc_info()[0] is not None)
        servers.close()
    _report_failures([(job, returns.get(job.number)) for job in jobs])
    if any(job.outcome is not None and job.outcome.state == "interrupted" for job in jobs):
        _say_how_to_resume(sweep)
        raise KeyboardInterrupt
    return [returns.get(job.number) or _returned(job, job.outcome) for job in jobs]


def _submitter(
    launcher: OptbenchLauncher, backend: Any, sweep: Path, servers: Servers
) -> Callable[[Job], None]:
    from . import _worker

    def submit(job: Job) -> None:
        if job.task is not None:
            backend.submit(
                job,
                _worker.run_optbench,
                job.task,
                str(job.folder),
                str(sweep),
                late=partial(servers.ready, job),
            )
            return
        import cloudpickle

        blob = cloudpickle.dumps(
            (Singleton.get_state(), launcher.hydra_context, launcher.task_function, job.cfg)
        )
        backend.submit(job, _worker.run_any, blob)

    return submit


def _settle(launcher: OptbenchLauncher, job: Job, outcome: Outcome) -> JobReturn:
    """Turns what came back into what Hydra expects, with its files and callbacks."""
    if job.task is None:
        if isinstance(outcome.value, bytes):
            import cloudpickle

            done: JobReturn = cloudpickle.loads(outcome.value)
            return done
        return _returned(job, outcome)
    if isinstance(outcome.error, NotStartedError):
        return _returned(job, outcome)
    _resume.note_end(job, outcome)

    def replay(_: DictConfig) -> Any:
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    replay.__module__ = launcher.task_function.__module__
    return _run_here(launcher, job, replay)


def _run_here(launcher: OptbenchLauncher, job: Job, function: Any) -> JobReturn:
    state = Singleton.get_state()
    try:
        done: JobReturn = run_as_hydra_does(launcher.hydra_context, function, job.cfg)
        return done
    finally:
        Singleton.set_state(state)
        # The job had its own log file.
        hydra_conf = launcher.config.hydra
        configure_log(hydra_conf.hydra_logging, hydra_conf.verbose)


def _again(job: Job, outcome: Outcome, retries: int) -> bool:
    if outcome.state != "failed" or job.attempts > retries:
        return False
    from optbench.errors import ConfigError, NoProposalsError

    # Neither would end otherwise.
    return not isinstance(outcome.error, ConfigError | NoProposalsError | NotStartedError)


def _enough(launcher: OptbenchLauncher, failures: int) -> bool:
    most = 1 if launcher.options.get("fail_fast") else launcher.options.get("max_failures")
    return most is not None and failures >= most


def _n_jobs(asked: int | None, jobs: Sequence[Job]) -> int:
    if asked is not None:
        return max(1, min(asked, len(jobs) or 1))
    from optbench.models.hardware import cores

    from ._servers import needed

    # A model on this machine's cores uses them all, and jobs that share its server wait for it. Two at
    # once gained little (2 jobs of 20 calls on 2 cores: 22.4 and 20.4 s, one at a time 22.7 and 22.0),
    # and leave to chance in which order the server is asked, on which its replies can depend.
    local = any(needed(job.task) for job in jobs)
    return 1 if local else max(1, min(cores(), len(jobs) or 1))


@contextmanager
def _ctrl_c(backend: Any) -> Iterator[None]:
    """Once: running jobs save and end, no further one starts. Twice: stop now."""
    pressed = 0

    def stop(*_: object) -> None:
        nonlocal pressed
        pressed += 1
        if pressed == 1:
            print("\nstopping: running jobs save and end (again to stop now)", file=sys.stderr)
            backend.interrupt()
            return
        raise KeyboardInterrupt

    try:
        before = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_how_to_resume(sweep: Path) -> None:
    print(f"interrupted; to go on: optbench -m resume={sweep}", file=sys.stderr)


def _returned(job: Job, outcome: Outcome | None) -> JobReturn:
    """A return without a run: for jobs that were done before, or never begun."""
    failed = outcome is not None and outcome.error is not None
    value = None if outcome is None else outcome.error if failed else outcome.value
    return JobReturn(
        overrides=list(job.cfg.hydra.overrides.task),
        cfg=_without_hydra(job.cfg),
        hydra_cfg=job.cfg,
        working_dir=str(job.folder),
        task_name=str(job.cfg.hydra.job.name),
        status=JobStatus.FAILED if failed else JobStatus.COMPLETED,
        _return_value=value,
    )


def _announce(job: Job) -> None:
    log.info("\t#%d : %s", job.number, " ".join(filter_overrides(job.cfg.hydra.overrides.task)))


def _report_failures(ended: Sequence[tuple[Job, JobReturn | None]]) -> None:
    failed = [
        (job, done._return_value)
        for job, done in ended
        if done is not None and done.status is JobStatus.FAILED
    ]
    if not failed:
        return
    log.error("%d of %d jobs failed:", len(failed), len(ended))
    for job, error in failed:
        first = str(error).strip().splitlines() or [type(error).__name__]
        log.error("\t#%d %s: %s", job.number, job.folder, first[0])
