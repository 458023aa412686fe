"""What ``hydra/launcher=optbench`` can be told.

``docs/reference.md`` is made from the comments, see :mod:`optbench.config.schema`.

Without ``from __future__ import annotations``: Hydra executes plugin modules outside ``sys.modules``,
where a dataclass cannot look its string annotations up.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from hydra.core.config_store import ConfigStore


class Backend(Enum):
    """Where the jobs of a sweep run."""

    processes = "processes"
    inprocess = "inprocess"
    slurm = "slurm"
    modal = "modal"


class Cluster(Enum):
    """What submitit hands jobs to."""

    slurm = "slurm"
    local = "local"


@dataclass
class SlurmConf:
    """What each job asks the cluster for; null leaves it to the cluster's default."""

    # slurm, or local: processes on this machine, to try the engine out without a cluster.
    cluster: Cluster = Cluster.slurm
    # Queue.
    partition: str | None = None
    # Who pays.
    account: str | None = None
    # Quality of service.
    qos: str | None = None
    # Of a job. [cores]
    cpus_per_task: int | None = None
    # Memory of a job. [GB of 1024 MB]
    mem_gb: float | None = None
    # Of a job. [GPUs]
    gpus_per_node: int | None = None
    # Any generic resource, as Slurm writes it: gpu:a100:1.
    gres: str | None = None
    # Shell lines before the job begins: ["module load python/3.11"]; not with cluster=local.
    setup: list[str] | None = None
    # Any other option of sbatch: {constraint: a100, mail-type: FAIL}; they win over all others.
    additional_parameters: Any = None  # a typed dict could be set with +...constraint=a100 only
    # How often a job that the cluster ended (preempted, say) is submitted again; not a retry. [times]
    restarts: int = 10


@dataclass
class ModalConf:
    """What jobs ask Modal for; null leaves it to Modal's default."""

    # What the app is called there.
    app: str = "optbench"
    # What the volume is called that results are copied to.
    volume: str = "optbench-results"
    # One of Modal's environments; null: the profile's own.
    environment: str | None = None
    # Secrets with the providers' keys; asked for where a model needs a key.
    secrets: list[str] = field(default_factory=lambda: ["opik-benchmarks"])
    # Of a container. [cores]
    cpu: float | None = None
    # Memory of a container. [MiB]
    memory_mb: int | None = None
    # Between two copies of what a job has learnt: what a container may cost that is lost. [seconds]
    commit_s: float = 60.0
    # Packages of your own that the tasks import, deployed beside optbench.
    packages: list[str] = field(default_factory=list)
    # Optional parts of optbench that are installed there; embedded models need [local-llm].
    extras: list[str] = field(default_factory=list)
    # Leave when all is spawned; optbench-modal collect brings the results home.
    detach: bool = False
    # Deploy what is here before anything is spawned.
    deploy: bool = False
    # Bring home what is there, and run nothing else; optbench-modal collect sets it.
    collect: bool = False


@dataclass
class OptbenchLauncherConf:
    """Configuration of the launcher; belongs to the process that launches, never to a task."""

    _target_: str = "hydra_plugins.optbench_launcher.launcher.OptbenchLauncher"
    # Where the jobs run.
    # processes: each job in one of n_jobs worker processes, which no other job can harm.
    # inprocess: one after the other in this process, for pdb and for tests.
    # slurm: each job submitted to a Slurm cluster (engine=slurm).
    # modal: each job spawned on Modal (engine=modal).
    backend: Backend = Backend.processes
    # Jobs at once; null: as many as there are cores, and one where a model runs on those cores;
    # with Slurm all, as far as the cluster takes them. [jobs]
    n_jobs: int | None = None
    # A job that takes longer is ended; null: none is, on Slurm at the partition's limit. [seconds]
    timeout_s: float | None = None
    # Start no further jobs after the first that failed; false runs all and fails at the end.
    fail_fast: bool = False
    # The same after so many failures; null: whatever fails. [jobs]
    max_failures: int | None = None
    # Further attempts at a job that failed, died or took too long; what it paid for it keeps. [attempts]
    retries: int = 0
    # Look at all tasks before the first job starts, and start none where one could not work; false:
    # each job looks for itself, so that a dataset that cannot be read does not stop the others.
    preflight: bool = True
    # Run only the jobs that failed before (retry_failed=<sweep dir> sets it).
    only_failed: bool = False
    # Go on although packages or rows have changed since the jobs in the sweep's folder ran.
    resume_anyway: bool = False
    # What the jobs ask a Slurm cluster for.
    slurm: SlurmConf = field(default_factory=SlurmConf)
    # What the jobs ask Modal for.
    modal: ModalConf = field(default_factory=ModalConf)


ConfigStore.instance().store(
    group="hydra/launcher",
    name="optbench",
    node=OptbenchLauncherConf,
    provider="optbench_launcher",
)


@dataclass
class MatrixSweeperConf:
    """Configuration of the sweeper: what Hydra's own takes, and rows left out or put in."""

    _target_: str = "hydra_plugins.optbench_launcher.sweeper.MatrixSweeper"
    # Handed to the launcher at a time; null: all. [jobs]
    max_batch_size: int | None = None
    # Axes that stand in the config instead of on the command line: {seed: "1,2,3"}.
    params: Any = None  # into a typed dict OmegaConf 2.3 merges none from the command line
    # Combinations to leave out: [{dataset: gsm8k, optimizer: [gepa, few_shot]}]; a list: any of it.
    exclude: list[Any] | None = None
    # Further jobs: [{dataset: gsm8k, optimizer: gepa, seed: 9}].
    include: list[Any] | None = None
    # Combinations to begin with, which the axes multiply; what is given for a key of theirs, as an
    # axis or as one value, takes its place: [{dataset: gsm8k, budget: trials_3}].
    rows: list[Any] | None = None
    # A JSON manifest whose tasks are such rows (manifest=<file> sets it).
    manifest: str | None = None
    # Let the manifest name code to import, files to read, and servers and keys to use: as much as a
    # command line may. Only for one whose author you trust.
    trust_manifest: bool = False
    # Folders of finished sweeps, whose prompts are such rows (transfer=<sweep dir> sets it).
    transfer: list[str] | None = None


ConfigStore.instance().store(
    group="hydra/sweeper",
    name="matrix",
    node=MatrixSweeperConf,
    provider="optbench_launcher",
)
