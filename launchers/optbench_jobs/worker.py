"""What runs in a worker process: one job at a time, in its main thread, its output in its own log."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .job import Outcome, RemoteJobError, ordinary, portable

ORPHAN_POLL_S = 0.5
GROWTH_BYTES = 1_500_000_000
"""What a worker may grow by, all libraries included, before it is replaced."""
_CHATTY = ("httpx", "httpcore", "pyrate_limiter", "LiteLLM")
"""Loggers with a line for each request, which the ledger says better."""


def greet(launcher: int | None = None) -> None:
    """The first thing a worker does.

    Ctrl-C reaches every process of a terminal, and it is the parent's to handle. A worker whose
    parent was killed ends itself: else the next launch would find it at work in its folders.

    Args:
        launcher: The parent's pid; asked for here it may be another's already, where the launcher was
            killed while this process started. None where the parent is not known beforehand.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(os.getppid() if launcher is None else launcher)


def end_with(parent: int) -> None:
    """Ends this process when its parent is gone, however that ended.

    Args:
        parent: Its pid.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_POLL_S)
        os._exit(1)

    threading.Thread(target=watch, name="orphan-watch", daemon=True).start()


def run_optbench(task: Any, folder: str, sweep: str | None, served: Any = None) -> Outcome:
    """Runs a task of optbench; everything it learns is in its folder.

    Args:
        task: What to run.
        folder: The job's.
        sweep: The sweep's folder; None for a task that stands alone, and so may use the screen.
        served: Embedded models that the launcher serves, and the way to them.

    Returns:
        With the whole result of a task that stands alone; of a sweep's the figures that are shown.
    """
    from optbench.layout import JobFolder
    from optbench.results.brief import brief
    from optbench.task import run_task

    path = JobFolder(Path(folder))
    path.create()
    shared = None if sweep is None else Path(sweep)
    with _output_to(path.log) if shared else _log_to(path.log):
        try:
            value = run_task(task, path.path, shared, served=served, signals=(signal.SIGTERM,))
        except KeyboardInterrupt:
            return Outcome("interrupted")
        except BaseException as error:
            return _failed(error)
    return Outcome("success", brief(value) if shared else value)


def ready(function: Any, *arguments: Any) -> None:
    """Imports what a job will need, before its time is counted; what fails here fails there too.

    loky takes a worker's size after this for its usual one, and replaces it once it has grown by 300 MB,
    where psutil is installed: as much as the libraries of the next job's optimizer take.
    """
    if function is not run_optbench:
        return
    from joblib.externals.loky import process_executor

    process_executor._MAX_MEMORY_LEAK_SIZE = GROWTH_BYTES  # it has no public name
    with contextlib.suppress(Exception):
        from optbench import environment

        config = arguments[0].config
        environment.prepare(config.tracking)
        own = [config.optimizer.target.rpartition(".")[0]]
        for module in ("optbench.session", "optbench.tracking.tracker", *own):
            if module.startswith("optbench."):  # code of the user's is left to the job
                importlib.import_module(module)


def raise_(error: BaseException) -> None:
    """Stands for a job that could not be handed over."""
    raise error


def run_on_node(warning: str, function: Any, *arguments: Any) -> tuple[Any, float]:
    """Runs a job where Slurm has put it; what it returned, and the seconds it took.

    Args:
        warning: The signal that comes before the time limit. submitit would end or requeue the job
            at it; here it means what SIGTERM means to the job.
        function: One of the others here.
        arguments: Its own.
    """
    began = time.monotonic()
    greet()
    number = getattr(signal, warning)
    signal.signal(number, lambda *_: signal.raise_signal(signal.SIGTERM))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        value = function(*arguments)
    except KeyboardInterrupt:
        value = Outcome("interrupted")
    finally:
        for ignored in (number, signal.SIGTERM):
            signal.signal(ignored, signal.SIG_IGN)
    return value, time.monotonic() - began


def run_any(blob: bytes) -> bytes:
    """Runs the job of any other Hydra app, as Hydra runs it; function and config come by cloudpickle.

    Returns:
        A pickled ``JobReturn``, which this module alone could not name without importing Hydra.
    """
    import cloudpickle
    from hydra.core.singleton import Singleton
    from hydra.core.utils import JobStatus, setup_globals

    state, hydra_context, task_function, cfg = cloudpickle.loads(blob)
    setup_globals()
    Singleton.set_state(state)
    done = run_as_hydra_does(hydra_context, task_function, cfg)
    if done.status is JobStatus.FAILED:
        done._return_value = portable(done._return_value)
    try:
        return bytes(cloudpickle.dumps(done))
    except Exception as error:
        done.status = JobStatus.FAILED
        done._return_value = RemoteJobError(
            f"the job returned something that cannot be pickled: {error}"
        )
        return bytes(cloudpickle.dumps(done))


def run_as_hydra_does(hydra_context: Any, task_function: Any, cfg: Any) -> Any:
    """Hydra's ``run_job`` in the job's folder: its files, its log, its callbacks; a ``JobReturn``.

    ``sys.exit`` in the job is an ordinary failure, and so is ``asyncio.CancelledError``; ``run_job``
    would let them through.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.utils import run_job

    def call(cfg: Any) -> Any:
        try:
            return task_function(cfg)
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise ordinary(error) from error

    call.__module__ = task_function.__module__
    HydraConfig.instance().set_config(cfg)
    return run_job(
        hydra_context=hydra_context,
        task_function=call,
        config=cfg,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )


def _failed(error: BaseException) -> Outcome:
    from optbench.config.redact import redacted

    text = redacted("".join(traceback.format_exception(error)))
    logging.getLogger(__name__).error(text)
    said: BaseException = portable(ordinary(error))
    if redacted(str(said)) != str(said):  # it goes to the screen, and over networks
        said = RemoteJobError(redacted(f"{type(said).__name__}: {said}"))
    return Outcome("failed", error=said, traceback=text)


@contextlib.contextmanager
def _log_to(log: Path) -> Iterator[None]:
    """Sends what is logged to a file, as ``conf/hydra/job_logging`` has it."""
    from optbench.config.redact import Formatter

    handler = logging.FileHandler(log, encoding="utf-8")
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    before, root.handlers = root.handlers, [handler]
    root.setLevel(logging.INFO)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.handlers = before
        handler.close()


@contextlib.contextmanager
def _output_to(log: Path) -> Iterator[None]:
    """Sends everything logged or printed to a file, also what C libraries print."""
    with _log_to(log), _printed_to(log):
        yield


@contextlib.contextmanager
def _printed_to(log: Path) -> Iterator[None]:
    from optbench.config.redact import blank_file

    kept = [os.dup(1), os.dup(2)]
    with log.open("ab") as file:
        sys.stdout.flush()
        sys.stderr.flush()
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        blank_file(log)  # what libraries have printed
