"""What happens in a sweep, whichever backend runs its jobs."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import (
    JobReturn,
    JobStatus,
    configure_log,
    filter_overrides,
    setup_globals,
)
from omegaconf import DictConfig, OmegaConf

from optbench.wording import counted
from optbench_jobs import worker
from optbench_jobs.job import Job, NotStartedError, Outcome, first_line

from . import _modal_there, _preflight, _resume
from ._compose import Composer, without_hydra
from ._drive import (
    again,
    check,
    ctrl_c,
    enough,
    has_this_environment,
    is_inprocess,
    is_on_this_machine,
    make_folder,
    open_backend,
)
from ._prepare import Preparation, all_or_none
from ._servers import Servers
from ._view import View

if TYPE_CHECKING:
    from .launcher import OptbenchLauncher

log = logging.getLogger(__name__)


def prepare(launcher: OptbenchLauncher, job_overrides: Sequence[Sequence[str]]) -> list[Job]:
    """Makes every job of a launch before the first starts, so that a bad one costs nothing.

    Raises:
        ConfigError: With every combination that cannot be composed.
    """
    check(launcher.options)
    preparation = _preparation(launcher)
    ahead = iter(enumerate(preparation.ahead(job_overrides)))

    def make(words: Sequence[str]) -> Job:
        number, job = next(ahead)
        return job or preparation.job(words, number)

    jobs = all_or_none(make, job_overrides, launcher.places)
    _preflight.refuse(launcher, preparation, jobs)
    return jobs


def launch(
    launcher: OptbenchLauncher, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
) -> list[JobReturn]:
    """Runs jobs; see :meth:`.launcher.OptbenchLauncher.launch`."""
    setup_globals()
    hydra_conf = launcher.config.hydra
    configure_log(hydra_conf.hydra_logging, hydra_conf.verbose)
    sweep = Path(str(hydra_conf.sweep.dir))
    end = initial_job_idx + len(job_overrides)
    preparation = _preparation(launcher)
    jobs = launcher.prepared[initial_job_idx:end]
    if not jobs:  # of another sweeper
        jobs = [
            preparation.job(words, initial_job_idx + offset)
            for offset, words in enumerate(job_overrides)
        ]
        _preflight.refuse(launcher, preparation, jobs)
    make_folder(sweep)
    if OmegaConf.select(launcher.config, "plan") is True:
        return _plan(launcher, preparation, jobs, sweep)
    collects = _modal_there.collects(launcher.options)
    with _resume.locked(sweep):
        to_do = _resume.to_do(
            jobs,
            preparation,
            sweep,
            only_failed=bool(launcher.options.get("only_failed")),
            anyway=collects or bool(launcher.options.get("resume_anyway")),
        )
        if collects:
            to_do = _modal_there.left_there(sweep, to_do)
        log.info("%s in %s%s", counted(len(jobs), "job"), sweep, _resume.counted(jobs, to_do))
        run = _Run(launcher, preparation, sweep)
        if is_inprocess(launcher.options):
            return run.one_after_the_other(jobs, to_do)
        return run.on_backend(jobs, to_do)


def _preparation(launcher: OptbenchLauncher) -> Preparation:
    if launcher.preparation is None:
        setup_globals()
        composer = Composer(launcher.hydra_context.config_loader, launcher.config)
        sweep = Path(str(launcher.config.hydra.sweep.dir))
        launcher.preparation = Preparation(launcher, composer, sweep)
    made: Preparation = launcher.preparation
    return made


def _plan(
    launcher: OptbenchLauncher, preparation: Preparation, jobs: Sequence[Job], sweep: Path
) -> list[JobReturn]:
    """Says what the jobs would cost, together, and starts none."""
    from optbench import plan

    own = [job for job in _resume.distinct(jobs) if job.identity is not None]
    try:
        planned = _preflight.planned(own, preparation, sweep, launcher.places)
    finally:
        plan.leave_no_trace(sweep)
    plan.show(planned, sweep_usd=launcher.config.budget.sweep_usd, left_out=launcher.left_out)
    return [
        JobReturn(status=JobStatus.COMPLETED, overrides=list(job.words), _return_value=vars(one))
        for job, one in zip(own, planned, strict=True)
    ]


class _Run:
    """The jobs of one launch at work.

    Args:
        launcher: Hydra's view of the launch.
        preparation: Of its jobs.
        sweep: The sweep's folder.
    """

    def __init__(self, launcher: OptbenchLauncher, preparation: Preparation, sweep: Path) -> None:
        self._launcher = launcher
        self._preparation = preparation
        self._sweep = sweep
        self._returns: dict[int, JobReturn] = {}
        self._failures = 0

    def one_after_the_other(self, jobs: Sequence[Job], to_do: Sequence[Job]) -> list[JobReturn]:
        """All of it in this process: a breakpoint works, and a crash takes the sweep with it."""
        for job in to_do:
            if enough(self._launcher.options, self._failures):
                job.outcome = Outcome("failed", error=NotStartedError("not started"))
                continue
            cfg = self._preparation.config(job)
            words = filter_overrides(cfg.hydra.overrides.task)
            log.info("\t#%d : %s", job.number, " ".join(words))
            self._took(job, self._here(cfg, self._launcher.task_function))
        return self._all(jobs)

    def on_backend(self, jobs: Sequence[Job], to_do: Sequence[Job]) -> list[JobReturn]:
        """In workers, which no other job can harm."""
        launcher = self._launcher
        view = View(to_do, before=sum(_done_before(job) for job in jobs))
        here = is_on_this_machine(launcher.options)
        servers = Servers(to_do if here else (), view.say)
        backend = open_backend(
            launcher.options, to_do, self._sweep, lambda job: self._payload(job, servers)
        )
        for job in to_do:
            backend.submit(job)
        interrupted, left = True, False
        try:
            with ctrl_c(backend) as signals, view.shown():
                for ended in backend.results():
                    view.look(backend.running())
                    if ended is None:
                        continue
                    job, outcome = ended
                    if again(job, outcome, launcher.options):
                        log.warning("%s: %s; tried again", job.name, outcome.error)
                        backend.submit(job)
                        continue
                    if outcome.state == "submitted":
                        self._took(job, self._returned(job, outcome))
                        left = bool(signals)
                        continue
                    self._took(job, self._settled(job, outcome))
                    servers.leave(job)
                    view.ended(job, outcome)
                    if enough(launcher.options, self._failures):
                        backend.drop_queue()
            interrupted = view.interrupted
        finally:
            if interrupted:
                _say_how_to_resume(self._sweep)
            backend.close(kill=sys.exc_info()[0] is not None)
            servers.close()
        done = self._all(jobs)
        if view.interrupted or left:
            raise KeyboardInterrupt
        return done

    def _payload(self, job: Job, servers: Servers) -> tuple[Any, ...]:
        if job.identity is not None:
            task = self._preparation.task(job)
            # Absolute: a job may change its directory.
            folders = str(job.folder.absolute()), str(self._sweep.absolute())
            here = has_this_environment(self._launcher.options)  # else it opens its models there
            return worker.run_optbench, task, *folders, servers.ready(job) if here else {}
        from . import _pickling

        launcher = self._launcher
        cfg = self._preparation.config(job)
        app = (Singleton.get_state(), launcher.hydra_context, launcher.task_function, cfg)
        return worker.run_any, _pickling.dumps(app)

    def _settled(self, job: Job, outcome: Outcome) -> JobReturn:
        """Turns what came back into what Hydra expects, with its files and callbacks."""
        if job.identity is None and isinstance(outcome.value, bytes):
            import cloudpickle

            done: JobReturn = cloudpickle.loads(outcome.value)
            return done
        if job.identity is None or isinstance(outcome.error, NotStartedError):
            return self._returned(job, outcome)
        _resume.note_end(job, outcome)

        def replay(_: DictConfig) -> Any:
            if outcome.error is not None:
                raise outcome.failure()
            return outcome.value

        replay.__module__ = self._launcher.task_function.__module__
        return self._here(self._preparation.config(job), replay)

    def _here(self, cfg: DictConfig, function: Any) -> JobReturn:
        """In this process, as Hydra's own launcher does; the launch's config and log are put back."""
        launcher, hydra_config = self._launcher, HydraConfig.instance()
        of_launch = hydra_config.cfg
        try:
            done: JobReturn = worker.run_as_hydra_does(launcher.hydra_context, function, cfg)
            return done
        finally:
            hydra_config.cfg = of_launch
            # The job had its own log file.
            hydra_conf = launcher.config.hydra
            configure_log(hydra_conf.hydra_logging, hydra_conf.verbose)

    def _took(self, job: Job, done: JobReturn) -> None:
        self._failures += done.status is JobStatus.FAILED
        if self._launcher.reads_no_configs:
            done.cfg = done.hydra_cfg = None
        self._returns[job.number] = done

    def _all(self, jobs: Sequence[Job]) -> list[JobReturn]:
        _report_failures([(job, self._returns.get(job.number)) for job in jobs])
        return [self._returns.get(job.number) or self._returned(job, job.outcome) for job in jobs]

    def _returned(self, job: Job, outcome: Outcome | None) -> JobReturn:
        """A return without a run: for jobs that were done before, or never begun."""
        failed = outcome is not None and outcome.error is not None
        value = None if outcome is None else outcome.error if failed else outcome.value
        done = JobReturn(
            overrides=list(job.words),
            working_dir=str(job.folder),
            status=JobStatus.FAILED if failed else JobStatus.COMPLETED,
            _return_value=value,
        )
        if not self._launcher.reads_no_configs:
            done.hydra_cfg = self._preparation.config(job)
            done.cfg = without_hydra(done.hydra_cfg)
            done.task_name = str(done.hydra_cfg.hydra.job.name)
        return done


def _done_before(job: Job) -> bool:
    return job.outcome is not None and job.outcome.value is not None


def _say_how_to_resume(sweep: Path) -> None:
    print(f"interrupted; to go on: optbench resume={shlex.quote(str(sweep))}", file=sys.stderr)


def _report_failures(ended: Sequence[tuple[Job, JobReturn | None]]) -> None:
    failed = [
        (job, done._return_value)
        for job, done in ended
        if done is not None and done.status is JobStatus.FAILED
    ]
    begun = [(job, error) for job, error in failed if not isinstance(error, NotStartedError)]
    if begun:
        log.error("%d of %s failed:", len(begun), counted(len(ended), "job"))
    for job, error in begun:
        log.error("\t#%d %s: %s", job.number, job.folder, first_line(error))
    if len(begun) < len(failed):
        log.error("%s not started", counted(len(failed) - len(begun), "job"))
