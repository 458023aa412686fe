"""Jobs on a Slurm cluster, by submitit, each an ``sbatch`` of its own.

SIGTERM, the time limit's warning and preemption mean one thing to a job: save and end. What the
cluster ended is submitted again from here, and finds its paid calls in its folder.
"""

from __future__ import annotations

import itertools
import math
import signal
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from optbench.errors import ConfigError
from optbench_jobs import worker
from optbench_jobs.job import Job, NotStartedError, Outcome, Payload

from . import _sbatch
from ._submitted import Submitted, end

try:
    import submitit
except ModuleNotFoundError as error:
    mend = "pip install 'optbench[slurm]'"
    raise ConfigError("slurm needs submitit", key="engine", mend=mend) from error

POLL_S = 0.2  # between two redraws
LOOKS = 50  # jobs in a turn: each look asks the shared filesystem
ASK_S = 30.0  # between two calls of sacct; submitit alone lets it grow to ten minutes


class SlurmBackend:
    """Runs what is submitted on the cluster, in the order of submission.

    Args:
        conf: :class:`.config.SlurmConf` as plain data.
        folder: For submitit's files; every node must see it.
        n_jobs: Jobs that Slurm has at once; None: all.
        timeout_s: A job that takes longer is ended, in seconds; None: at the partition's limit.
        payload: What a node is to do for a job, asked when Slurm is to take the job.

    Raises:
        ConfigError: When Slurm's commands are not here.
    """

    def __init__(
        self,
        conf: Mapping[str, Any],
        folder: Path,
        n_jobs: int | None,
        timeout_s: float | None,
        payload: Payload,
    ) -> None:
        self._payload = payload
        self._local = conf["cluster"] == "local"
        if not self._local:
            _sbatch.check_commands()
        kind = submitit.LocalExecutor if self._local else submitit.SlurmExecutor
        # By launch: ids of local jobs are pids, which come again.
        self._executor: submitit.Executor = kind(folder / time.strftime("%Y-%m-%d_%H-%M-%S"))
        self._executor.update_parameters(**_sbatch.parameters(conf, timeout_s))
        self._timeout_s, self._most, self._full_at = timeout_s, n_jobs or math.inf, math.inf
        self._queue: deque[Job] = deque()
        self._there: deque[Submitted] = deque()
        self._restarts: dict[int, int] = defaultdict(lambda: conf["restarts"])
        self._stopped = self._interrupted = False
        self._deadline, self._ask_at = math.inf, 0.0

    def submit(self, job: Job) -> None:
        """Puts a job at the end of the queue; when Slurm takes it its ``attempts`` grows."""
        self._queue.append(job)

    def running(self) -> list[Job]:
        """The jobs at work; those that wait for a node are not."""
        return [one.job for one in self._there if one.state == "RUNNING"]

    def drop_queue(self) -> None:
        """Hands nothing further over; what was not comes back as not started."""
        self._stopped = True

    def interrupt(self) -> None:
        """The same, and what runs shall save and end; :meth:`results` sees to it."""
        self._stopped = self._interrupted = True

    def results(self) -> Iterator[tuple[Job, Outcome] | None]:
        """Jobs with their outcomes as they end; None, about every ``POLL_S``, for a look around.

        Raises:
            ConfigError: When Slurm takes no job at all.
        """
        while self._queue or self._there:
            if not self._hand_over():
                time.sleep(POLL_S)
            if self._there and time.monotonic() > self._ask_at:
                self._ask_at = time.monotonic() + ASK_S
                self._there[0].handle.get_info(mode="force")  # asks about all
            for one in list(itertools.islice(self._there, LOOKS)):
                outcome = one.outcome(self._timeout_s, told=self._interrupted)
                if outcome is not None:
                    self._there.remove(one)
                    if not self._restarted(one, outcome):
                        yield one.job, outcome
            self._there.rotate(-LOOKS)
            if self._interrupted and self._deadline == math.inf:
                self._deadline = time.monotonic() + _sbatch.GRACE_S
                end(self._there, local=self._local)
            elif time.monotonic() > self._deadline:
                self.close()
                yield from ((one.job, Outcome("interrupted")) for one in self._there)
                self._there.clear()
            while self._stopped and self._queue:
                left = Outcome("failed", error=NotStartedError("not started"))
                yield self._queue.popleft(), left
            yield None

    def close(self, *, kill: bool = False) -> None:
        """Cancels what is left, which after an ordinary end is nothing."""
        if kill or self._there:
            end(self._there, local=self._local, hard=True)

    def _hand_over(self) -> bool:
        """Gives the next job to Slurm; whether there was one, and it was taken."""
        if self._stopped or not self._queue or len(self._there) >= min(self._most, self._full_at):
            return False
        job = self._queue[0]
        self._executor.update_parameters(job_name=str(job.folder.absolute()))
        # Ctrl-C reaches every process of a terminal, but neither sbatch nor a local job may get it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            warning = f"SIG{submitit.JobEnvironment.USR_SIG}"
            handle = self._executor.submit(worker.run_on_node, warning, *self._payload(job))
            self._there.append(Submitted(job, handle))
        except RuntimeError as error:  # submitit's FailedJobError, with what sbatch said
            if not self._there:
                raise ConfigError(f"sbatch refuses: {error}", key="hydra.launcher.slurm") from error
            self._full_at = len(self._there)  # so many may a user have: wait for one to end
            return False
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        self._queue.popleft()
        self._full_at = math.inf
        job.attempts += 1
        return True

    def _restarted(self, one: Submitted, outcome: Outcome) -> bool:
        """Submits a job again that was told to end, and not by us."""
        left = self._restarts[one.job.number]
        if outcome.state != "interrupted" or self._interrupted or not left:
            return False
        self._restarts[one.job.number] = left - 1
        one.job.attempts -= 1
        self.submit(one.job)
        return True
