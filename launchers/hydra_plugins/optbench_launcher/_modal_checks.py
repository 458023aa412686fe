"""What would fail in the containers, refused before anything is spawned; without Modal's client."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from optbench.errors import ConfigError
from optbench_jobs.job import Job
from optbench_modal.source import LOCAL_MODELS, Source

log = logging.getLogger(__name__)

LONGEST_S = 24 * 60 * 60.0
"""How long Modal lets a call take, in seconds."""
_ABOVE_ZERO = {
    "cpu": "cores", "memory_mb": "MiB", "commit_s": "seconds",
}  # fmt: skip


def options(conf: Mapping[str, Any], timeout_s: float | None) -> None:
    """Looks at a launch's options.

    Args:
        conf: :class:`.config.ModalConf`.
        timeout_s: How long a job may take, in seconds.

    Raises:
        ConfigError: For one that means nothing, or that Modal does not take.
    """
    for name, unit in _ABOVE_ZERO.items():
        value = conf.get(name)
        if value is not None and not value > 0:  # NaN is none of it
            unset = "" if name == "commit_s" else ", or null: Modal's default"
            raise ConfigError(
                f"{value:g} is not above 0",
                key=f"hydra.launcher.modal.{name}",
                mend=f"choose {unit} above 0{unset}",
            )
    if timeout_s is not None and timeout_s > LONGEST_S:
        raise ConfigError(
            f"{timeout_s:g} s is longer than a day, which is Modal's longest",
            key="hydra.launcher.timeout_s",
            mend=f"choose {LONGEST_S:g} or less, or null: a day",
        )
    Source(extras=tuple(conf.get("extras") or ())).check()


def jobs(jobs: Sequence[Job], conf: Mapping[str, Any], n_jobs: int | None) -> None:
    """Looks at what the jobs need.

    Args:
        jobs: All that may be spawned.
        conf: :class:`.config.ModalConf`.
        n_jobs: Containers at once; None: as many as Modal gives.

    Raises:
        ConfigError: For what containers do not have.
    """
    _say_what_is_not_shared(jobs, n_jobs)
    _refuse_models_that_are_not_there(jobs, conf)
    _refuse_code_that_is_not_there(jobs, conf)


def _say_what_is_not_shared(jobs: Sequence[Job], n_jobs: int | None) -> None:
    """Limits over all jobs of a sweep, which containers cannot keep together."""
    limits = {limit for job in jobs for limit in job.limits}
    if "budget.sweep_usd" in limits:
        raise ConfigError(
            "containers share no purse, so no limit over all jobs can be kept on Modal",
            key="budget.sweep_usd",
            mend="limit each job (budget.usd), or run on this machine (engine=local)",
        )
    if limits and n_jobs != 1:
        log.warning(
            "%s: each container keeps it for itself, and %s run at once",
            ", ".join(sorted(limits)), n_jobs or "all",
        )  # fmt: skip


def _refuse_models_that_are_not_there(jobs: Sequence[Job], conf: Mapping[str, Any]) -> None:
    """Embedded models run in the containers, which have what runs them only where it is asked for."""
    named = sorted({name for job in jobs for _, name in job.models})
    if named and LOCAL_MODELS not in conf["extras"]:
        raise ConfigError(
            f"model {', '.join(named)} runs in the containers, and what runs it is not deployed",
            key="hydra.launcher.modal.extras",
            mend=_with(conf, "extras", [LOCAL_MODELS]),
        )


def _refuse_code_that_is_not_there(jobs: Sequence[Job], conf: Mapping[str, Any]) -> None:
    """Code of the user's own is importable in the containers only where it goes along."""
    named = {module: name for job in jobs for module, name in job.modules}
    source = Source(tuple(conf["packages"]), tuple(conf["extras"]))
    missing = source.not_there(sorted(named))
    if missing:
        raise ConfigError(
            f"{', '.join(named[one] for one in missing)} is code of this machine, and is not deployed",
            key="hydra.launcher.modal.packages",
            mend=_with(conf, "packages", missing),
        )


def _with(conf: Mapping[str, Any], key: str, more: Sequence[str]) -> str:
    words = ",".join([*conf[key], *more])
    return f"hydra.launcher.modal.{key}=[{words}] engine.deploy=true"
