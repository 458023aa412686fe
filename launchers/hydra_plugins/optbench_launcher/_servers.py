"""One server for each embedded model of a sweep, in a process of its own, which all its jobs ask.

A second copy of a model on the same cores would stall the first, and take its memory again.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from typing import Any

from joblib.externals.loky.backend import get_context

from optbench.config.schema import EmbeddedModelConf, models_of
from optbench.errors import OptbenchError
from optbench.models.llamacpp import Access, Opening
from optbench.task import Task
from optbench_jobs.job import Job, portable


def needed(task: Task) -> dict[Opening, str]:
    """The embedded models that a task will ask, each with its short name."""
    if task.config.replay:
        return {}
    confs = models_of(task.config).values()
    return {Opening.of(conf): conf.name for conf in confs if isinstance(conf, EmbeddedModelConf)}


class Servers:
    """The servers of a launch; each starts before the first job that asks it, and ends after the last.

    Args:
        jobs: Those to do.
        say: Prints a line for the user.
    """

    def __init__(self, jobs: Iterable[Job], say: Callable[[str], None]) -> None:
        self._left = Counter(opening for job in jobs for opening, _ in job.models)
        self._say = say
        self._running: dict[Opening, _Server] = {}

    def ready(self, job: Job) -> dict[Opening, Access]:
        """The servers that a job needs, started where they are not there; one that died is replaced.

        Raises:
            ConfigError: When a model cannot be opened.
            OptbenchError: When its process ended while opening it.
        """
        return {opening: self._ready(opening, name) for opening, name in job.models}

    def leave(self, job: Job) -> None:
        """A job has ended for good: what no other job needs is freed."""
        for opening, _ in job.models:
            self._left[opening] -= 1
            if not self._left[opening] and opening in self._running:
                self._running.pop(opening).close()

    def close(self) -> None:
        """Ends all of them."""
        for server in self._running.values():
            server.close()
        self._running.clear()

    def _ready(self, opening: Opening, name: str) -> Access:
        server = self._running.get(opening)
        if server is not None and server.alive():
            return server.access
        if server is not None:
            self._say(f"the server of {name} has ended ({server.ending()}); starting it again")
            self._running.pop(opening).close()
        else:
            count = self._left[opening]
            self._say(f"serving {name} once for {count} job{'' if count == 1 else 's'}")
        server = self._running[opening] = _Server(opening)
        return server.access


class _Server:
    """A process with one model; it ends when this one does, since it then reads its pipe's end."""

    def __init__(self, opening: Opening) -> None:
        # Of loky, as the workers are: it does not run the main module again, and hands over
        # arguments in a pipe, where no list of processes shows them.
        context = get_context("loky")
        self._pipe, theirs = context.Pipe()
        self._process: Any = context.Process(
            target=_serve, args=(theirs, opening, secrets.token_hex(32)), daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            said = self._pipe.recv()
        except EOFError:
            self._process.join()
            said = OptbenchError(
                f"the process that serves the model ended while it opened it ({self.ending()})",
                key="model",
                mend="check that the file is sound, and that there is memory for it",
            )
        except BaseException:
            self.close()
            raise
        if isinstance(said, BaseException):
            self.close()
            raise said
        self.access: Access = said

    def alive(self) -> bool:
        return bool(self._process.is_alive())

    def ending(self) -> str:
        code = self._process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def close(self) -> None:
        self._pipe.close()
        if self.alive():
            os.kill(self._process.pid, signal.SIGKILL)  # it holds nothing that wants saving
        self._process.join()


def _serve(pipe: Connection, opening: Opening, token: str) -> None:
    """What runs in the server's process, until the launcher ends it or is gone."""
    # Both may be sent to a whole group or service, whose jobs still want their last replies.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    from optbench.models.embedded import open_server, weights_file

    said: Access | BaseException
    with contextlib.suppress(EOFError, OSError):  # of the pipe: the launcher is gone
        try:
            server = open_server(
                weights_file(opening.path),
                n_parallel=opening.n_parallel,
                context_tokens=opening.context_tokens,
                token=token,
            )
            said = Access(server.listening_address, token)
        except Exception as error:
            said = portable(error)
        pipe.send(said)
        pipe.recv()  # nothing is ever sent: this waits for the launcher's end
    os._exit(0)  # without waiting for replies that nobody reads
