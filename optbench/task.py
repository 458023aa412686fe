"""The whole life of a task: data, preflight, baseline, optimise, final, result."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omegaconf import MISSING, DictConfig, OmegaConf

from optbench import environment, preflight
from optbench.config import Config
from optbench.config.identity import IDENTITY_VERSION, identity_of
from optbench.config.kinds import misfits, strangers
from optbench.config.schema import LIMITS, BudgetConf
from optbench.data.items import Data
from optbench.data.load import TEST_MODE_ITEMS
from optbench.errors import ConfigError, OptbenchError
from optbench.interrupts import ending_well
from optbench.layout import JobFolder, SharedFolder, write_json
from optbench.locks import alone
from optbench.models.build import uses_simulation
from optbench.models.ledger import Ledger
from optbench.models.recording import Recording
from optbench.status import Status
from optbench.wording import close_names

if TYPE_CHECKING:
    from optbench.models.llamacpp import Served

LOCK_WAIT_S = 5.0
"""How long a folder's former owner may take to be gone, in seconds."""
TEST_MODE_TRIALS = 2
"""Trials in ``test_mode``, at most."""


@dataclass(frozen=True)
class Task:
    """One composed task.

    Attributes:
        config: Resolved, as typed objects.
        plain: As it was composed, before ``test_mode`` shrank it, as plain data for files.
        identity: 64 hex digits, a function of ``plain``; equal for equal tasks.
    """

    config: Config
    plain: dict[str, Any]
    identity: str

    @classmethod
    def from_config(cls, cfg: DictConfig) -> Task:
        """From what Hydra composed.

        Raises:
            ConfigError: When a value that must be given is missing, or is of another kind, or when
                there is a key that the schema does not know.
        """
        plain = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True, enum_to_str=True))
        missing = next(_missing(plain, ""), None)
        if missing is not None:
            raise ConfigError("must be given", key=missing, mend=f"add {missing}=...")
        if plain["test_mode"]:
            cfg = cfg.copy()  # here, since optimizers take their number of trials from it
            cfg.budget.trials = min(cfg.budget.trials, TEST_MODE_TRIALS)
        config = cast(Config, OmegaConf.to_object(cfg))
        misfit = next(misfits(config), None)
        if misfit is not None:
            raise ConfigError("is a value where keys or a list must be", key=misfit)
        for key, beside in strangers(config):
            near = close_names(key.rpartition(".")[2], beside)
            raise ConfigError(f"there is no such key.{near}", key=key)
        return cls(config, plain, identity_of(plain))

    @property
    def title(self) -> str:
        """One line that says what is running; simulated models are labelled."""
        conf = self.config
        label = "  [SIMULATED MODEL: no finding]" if self.simulated else ""
        if conf.replay:
            label += "  [REPLAY: no model is asked]"
        small = f"  [test_mode: {TEST_MODE_ITEMS} items a slice]" if conf.test_mode else ""
        agent = f" ({conf.agent.name})" if conf.agent.prompts else ""
        return (
            f"optbench {self.identity[:6]}: {conf.dataset.name}{agent} x {conf.optimizer.name} x "
            f"{conf.model.name}, {_told(conf.budget)}, seed {conf.seed}{small}{label}"
        )

    @property
    def simulated(self) -> bool:
        """Whether any of its models is simulated."""
        return uses_simulation(self.config)


def _missing(node: Any, path: str) -> Iterator[str]:
    """The keys without a value, as OmegaConf marks them."""
    if node == MISSING:
        yield path
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _missing(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _missing(value, f"{path}[{index}]")


def _told(budget: BudgetConf) -> str:
    limits = {name: getattr(budget, name) for name in LIMITS if getattr(budget, name) is not None}
    if len(limits) > 1:
        del limits["trials"]  # a budget of another kind comes first
    return ", ".join(f"{value} {name}" for name, value in limits.items())


def run_task(
    task: Task,
    path: Path,
    sweep: Path | None = None,
    *,
    served: Served | None = None,
    signals: Sequence[int] = (signal.SIGINT, signal.SIGTERM),
) -> dict[str, Any]:
    """Runs a task in its folder; what it learns is in the folder's files.

    A folder that holds this very task's result is left as it is, and that result returned. In one
    where this task was started before, it goes on: calls that were answered are not made again.

    Args:
        task: What to run.
        path: Its folder.
        sweep: Folder of the sweep, whose jobs share a cache and limits; None where it stands alone.
        served: Embedded models that the sweep has opened already; others open in this process.
        signals: Those that end the task with its files written.

    Returns:
        The content of ``result.json``.

    Raises:
        ConfigError: When the task cannot work, or the folder holds another task's result.
        NoProposalsError: When the optimizer tried no candidate.
        OptbenchError: When the run failed.
        KeyboardInterrupt: After Ctrl-C or SIGTERM, with everything so far on disk.
    """
    folder = JobFolder(path)
    folder.create()
    done = folder.read_result()
    if done is not None:
        return _finished(task, folder, done)
    # Two processes in one folder would undo each other.
    here = f"running the task in '{folder.path}'"
    with alone(folder.lock, doing=here, key="hydra.run.dir", wait_s=LOCK_WAIT_S):
        folder.sweep_up()
        status = Status(folder)
        status.write("running")
        try:
            result = _run(task, folder, status, SharedFolder(sweep or path), signals, served)
        except KeyboardInterrupt:
            status.write("interrupted")
            print(f"interrupted; what was done so far is in {folder.path}", file=sys.stderr)
            raise
        except Exception as error:
            problem = _unwritable(error)
            status.write("failed", problem)
            if problem is error:
                raise
            raise problem from error
        status.write("success")
        return result


def _finished(task: Task, folder: JobFolder, done: dict[str, Any]) -> dict[str, Any]:
    if done.get("identity") != task.identity:
        raise ConfigError(
            f"'{folder.path}' holds the result of another task ({str(done.get('identity'))[:6]})",
            key="hydra.run.dir",
            mend="choose another folder, or move that one away",
        )
    print(f"already finished, nothing to do: {folder.path}")
    return done


def _run(
    task: Task,
    folder: JobFolder,
    status: Status,
    shared: SharedFolder,
    signals: Sequence[int],
    served: Served | None,
) -> dict[str, Any]:
    config = task.config
    environment.prepare(config.tracking)
    inputs = preflight.read(config)
    preflight.check(config, inputs)
    data = inputs.data
    write_json(folder.task, _described(task, data))
    # Here: it imports opik, which takes seconds that a bad config need not wait for.
    from optbench.session import Session

    with ExitStack() as stack:
        recording = (
            Recording(Path(config.replay), task.identity, task.plain) if config.replay else None
        )
        ledger = Ledger(folder.calls, task.identity)
        stack.callback(ledger.close)
        # Rebuilt as the task goes through its recorded calls again.
        folder.opik.unlink(missing_ok=True)
        session = Session(
            config,
            data,
            inputs.prompt,
            inputs.agent,
            inputs.metrics,
            ledger,
            folder,
            task.title,
            stack,
            shared=shared,
            recording=recording,
            served=served,
        )
        stack.enter_context(ending_well(session.runner.cancelled, signals))
        result = session.run(on_phase=status.enter, on_progress=status.beat)
        body = {"identity": task.identity, "identity_version": IDENTITY_VERSION, **result}
        body["simulated"] = task.simulated
        write_json(folder.result, body)
    session.show(body)
    return body


def _described(task: Task, data: Data) -> dict[str, Any]:
    from optbench.versions import versions

    return {
        "identity": task.identity,
        "identity_version": IDENTITY_VERSION,
        "config": task.plain,
        "versions": versions(),
        "fingerprints": {part.name: part.fingerprint for part in data},
    }


def _unwritable(error: Exception) -> Exception:
    """A full or read-only disk under any of its names, as one clear error; other errors as they are."""
    import errno
    import sqlite3

    number = error.errno if isinstance(error, OSError) else None
    said = str(error) if isinstance(error, sqlite3.OperationalError) else ""
    if number == errno.EROFS or "readonly database" in said:
        return OptbenchError(
            f"the folder cannot be written to ({error}); what was written before is kept",
            key="hydra.run.dir",
            mend="make it writable, or choose another folder, and start again",
        )
    if number not in (errno.ENOSPC, errno.EDQUOT) and "disk is full" not in said:
        return error
    return OptbenchError(
        "the disk is full; what was written before is kept",
        key="hydra.run.dir",
        mend="free some space, or choose a folder on another disk, and start again",
    )
