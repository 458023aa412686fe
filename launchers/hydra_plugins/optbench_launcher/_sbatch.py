"""What submitit is asked for, from the launcher's options."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from typing import Any

from optbench.errors import ConfigError

GRACE_S = 30.0
"""How long a job may take to save, from the time limit's warning to its end, in seconds."""
COMMANDS = ("sbatch", "srun", "sacct", "scancel")
FOREVER_MIN = 60 * 24 * 365
"""submitit's local executor knows no absence of a limit; in minutes."""


def check_commands() -> None:
    """Raises ConfigError when Slurm's commands are not here."""
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    if missing:
        raise ConfigError(
            f"'{missing[0]}' is not found on this machine",
            key="engine",
            mend="start optbench where Slurm's commands are; "
            "hydra.launcher.slurm.cluster=local tries the engine out without them",
        )


def parameters(conf: Mapping[str, Any], timeout_s: float | None) -> dict[str, Any]:
    """Options by the names of submitit's executor for the cluster; None leaves one to Slurm.

    Slurm has whole minutes: the limit is the next one that leaves time to save, and the warning
    comes at ``timeout_s``, in seconds.
    """
    minutes, warning = None, {}
    if timeout_s is not None:
        minutes = math.ceil((timeout_s + GRACE_S) / 60)
        warning = {"signal_delay_s": round(minutes * 60 - timeout_s)}
    if conf["cluster"] == "local":
        return {"timeout_min": minutes or FOREVER_MIN, **warning}
    cores, memory = conf["cpus_per_task"], conf["mem_gb"]
    return {
        "time": minutes,
        **warning,
        **{name: conf[name] for name in ("partition", "account", "qos", "gpus_per_node", "gres")},
        "cpus_per_task": cores,
        # Since 22.05 srun does not take it over from sbatch.
        "srun_args": [f"--cpus-per-task={cores}"] if cores else None,
        "mem": f"{memory * 1024:.0f}M" if memory else None,
        "setup": conf["setup"],
        # One at a time of a name, which is the job's folder: a job that an earlier launch has left
        # behind ends first, and this one finds what it did.
        "dependency": "singleton",
        # What the cluster ended is submitted again from here: Slurm's own would be a second one.
        "additional_parameters": {"no-requeue": True, **(conf["additional_parameters"] or {})},
    }
