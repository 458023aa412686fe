"""What happens in a sweep, whichever backend runs its jobs."""

from __future__ import annotations

import copy
import logging
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
    run_job,
    setup_globals,
)
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

if TYPE_CHECKING:
    from .launcher import OptbenchLauncher

log = logging.getLogger(__name__)


class JobExitError(RuntimeError):
    """A job tried to end the whole program."""


def launch(
    launcher: OptbenchLauncher, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
) -> list[JobReturn]:
    """Composes every job before the first starts, so that a bad combination costs nothing."""
    setup_globals()
    hydra_conf = launcher.config.hydra
    configure_log(hydra_conf.hydra_logging, hydra_conf.verbose)
    Path(str(hydra_conf.sweep.dir)).mkdir(parents=True, exist_ok=True)
    jobs = [
        _compose(launcher, list(overrides), initial_job_idx + offset)
        for offset, overrides in enumerate(job_overrides)
    ]
    if any(OmegaConf.select(job, "plan") is True for job in jobs):
        return _plan(jobs, Path(str(hydra_conf.sweep.dir)))
    log.info("%d jobs in %s", len(jobs), hydra_conf.sweep.dir)
    returns: list[JobReturn] = []
    for job in jobs:
        log.info(
            "\t#%d : %s", job.hydra.job.num, " ".join(filter_overrides(job.hydra.overrides.task))
        )
        returns.append(_run(launcher, job))
        configure_log(hydra_conf.hydra_logging, hydra_conf.verbose)  # the job had its own log file
        if launcher.fail_fast and returns[-1].status is JobStatus.FAILED:
            log.error("fail_fast: %d jobs not started", len(jobs) - len(returns))
            break
    _report_failures(returns)
    return returns


def _compose(launcher: OptbenchLauncher, overrides: list[str], number: int) -> DictConfig:
    job: DictConfig = launcher.hydra_context.config_loader.load_sweep_config(
        launcher.config, overrides
    )
    with open_dict(job):
        job.hydra.job.id = f"job_{number}"
        job.hydra.job.num = number
    return job


def _plan(jobs: Sequence[DictConfig], sweep: Path) -> list[JobReturn]:
    """Says what the jobs would cost, together, and starts none."""
    from optbench import plan
    from optbench.task import Task

    planned: list[plan.Expected] = []
    for job in jobs:
        folder = sweep / str(job.hydra.sweep.subdir)
        cfg = copy.deepcopy(job)  # not a masked copy, which would lose the schema
        with read_write(cfg), open_dict(cfg):
            del cfg["hydra"]
        planned.append(plan.expect(Task.from_config(cfg), folder, sweep))
    plan.show(planned, sweep_usd=jobs[0].budget.sweep_usd)
    plan.leave_no_trace(sweep)
    return [
        JobReturn(
            overrides=list(job.hydra.overrides.task),
            cfg=job,
            hydra_cfg=job,
            working_dir=str(sweep),
            task_name=str(job.hydra.job.name),
            status=JobStatus.COMPLETED,
            _return_value=plan.as_plain(one),
        )
        for job, one in zip(jobs, planned, strict=True)
    ]


def _run(launcher: OptbenchLauncher, job: DictConfig) -> JobReturn:
    state = Singleton.get_state()
    HydraConfig.instance().set_config(job)

    def contained(cfg: DictConfig) -> Any:
        # run_job catches every Exception, but SystemExit would end the sweep with it.
        try:
            return launcher.task_function(cfg)
        except SystemExit as exit_:
            raise JobExitError(f"the job called sys.exit({exit_.code!r})") from exit_

    contained.__module__ = launcher.task_function.__module__
    try:
        return run_job(
            hydra_context=launcher.hydra_context,
            task_function=contained,
            config=job,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
    finally:
        Singleton.set_state(state)


def _report_failures(returns: Sequence[JobReturn]) -> None:
    failed = [
        (number, done) for number, done in enumerate(returns) if done.status is JobStatus.FAILED
    ]
    if not failed:
        return
    log.error("%d of %d jobs failed:", len(failed), len(returns))
    for number, done in failed:
        log.error("\t#%d %s: %s", number, done.working_dir, done._return_value)
