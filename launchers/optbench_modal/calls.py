"""Calls that are under way at Modal: many waited for at once, each brought home as it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from modal import FunctionCall, exception

from optbench.layout import JobFolder
from optbench.replacing import replacing

from . import fetch
from .names import OUTPUT, RUNS
from .payload import Reply, WireError

log = logging.getLogger(__name__)
T = TypeVar("T")

AT_ONCE = 64
"""Requests that wait for an outcome; a connection carries about a hundred."""
LONG_S, SHORT_S = 50.0, 2.0
"""How long one waits, in seconds: Modal answers after 55; short where others are in line."""
LOOK_S, LOOK_SHARE = 10.0, 0.05
"""Between two looks at how running jobs are doing, in seconds; and how much of its time one may take."""
CLOSE_S = 5.0
"""For requests to be given up, in seconds."""
PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""After a request that did not get through; the last again and again."""
AWAY = (exception.ConnectionError, exception.ServiceError, exception.InternalError, OSError)
"""A request did not get through: the job does not know, and goes on."""
STATUS = JobFolder(Path()).status.name


class Watched(NamedTuple):
    """A job at Modal.

    Attributes:
        key: The job's.
        call: Id of its call.
        folder: Its folder here.
        leaves_result: Whether it is a task of optbench, which leaves one.
    """

    key: str
    call: str
    folder: Path
    leaves_result: bool = True


class Gone(Exception):  # noqa: N818  it is no error: the job is spawned again
    """Modal does not know the call any more, and the volume has no reply of it."""


@dataclass(frozen=True)
class Ended:
    """A job that has ended, with its files at home.

    Attributes:
        job: Which.
        reply: What the container said; None where it could not.
        error: Why it said nothing.
    """

    job: Watched
    reply: Reply | None = None
    error: BaseException | None = None


class Calls:
    """Waits for calls, in a thread of its own.

    Args:
        volume: Modal's volume.
        run: The sweep's id.
    """

    def __init__(self, volume: Any, run: str) -> None:
        self._volume = volume
        self._run = run
        self._ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        self._watched: dict[str, Watched] = {}
        self._seen: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._thread = threading.Thread(target=self._loop.run_forever, name="modal", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._look(), self._loop)

    def watch(self, job: Watched) -> None:
        """Begins to wait for a job."""
        self._watched[job.key] = job
        asyncio.run_coroutine_threadsafe(self._follow(job), self._loop)

    def failed(self, job: Watched, error: Exception) -> None:
        """A job that could not be handed over."""
        self._ended.put(Ended(job, error=error))

    def ended(self, timeout_s: float) -> Iterator[Ended]:
        """Jobs that have ended; waits for the first of them, in seconds at most."""
        with contextlib.suppress(queue.Empty):
            yield self._ended.get(timeout=timeout_s)
            while True:
                yield self._ended.get_nowait()

    def running(self) -> set[str]:
        """Keys of the jobs of which a container has said something."""
        return set(self._seen)

    def close(self) -> None:
        """Waits no more; what runs at Modal goes on."""

        async def end() -> None:
            left = asyncio.all_tasks(self._loop) - {asyncio.current_task(self._loop)}
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=CLOSE_S) if left else None

        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(end(), self._loop).result(2 * CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)

    async def _follow(self, job: Watched) -> None:
        try:
            reply = await self._reply(job)
            await _patiently(lambda: fetch.fetch(self._volume, self._run, job.key, job.folder))
            ended = Ended(job, reply)
            if reply.state == "success" and job.leaves_result and not _result(job).exists():
                ended = Ended(job, error=WireError("it says success, and has left no result"))
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:  # a container's SystemExit, too, is raised here
            with contextlib.suppress(Exception):
                await fetch.fetch(self._volume, self._run, job.key, job.folder)
            ended = Ended(job, error=error)
        self._watched.pop(job.key, None)
        self._seen.pop(job.key, None)
        self._ended.put(ended)

    async def _reply(self, job: Watched) -> Reply:
        """What the call says, else what it left on the volume.

        Raises:
            Gone: When neither says anything.
            Exception: What Modal says of a call that ended without a reply.
        """
        call = job.call
        while True:
            try:
                reply = Reply.loads(await self._output(call))
            except (exception.OutputExpiredError, exception.NotFoundError) as error:
                left = await self._left(job)
                if left is None:
                    raise Gone(
                        "its call is not known any more, and nothing of it is on the volume"
                    ) from error
                return left
            except (exception.Error, WireError):
                left = await self._left(job)  # it had ended before what took the container
                if left is None:
                    raise
                return left
            if reply.key != job.key and reply.state != "failed":
                raise WireError(f"call {call} answered for another job")
            if reply.state != "duplicate" or reply.call in (None, call):
                return reply
            log.warning("%s: call %s has it already", job.folder.name, reply.call)
            call = str(reply.call)

    async def _output(self, call: str) -> Any:
        wait_s = 0.0  # first: that an output has expired is said when the time is over

        async def ask() -> Any:
            return await FunctionCall.from_id(call).get.aio(timeout=wait_s)

        while True:
            async with self._turns:
                with contextlib.suppress(TimeoutError):  # Modal's own is none of these
                    return await _patiently(ask)
            wait_s = LONG_S if len(self._watched) <= AT_ONCE else SHORT_S
            await asyncio.sleep(0)

    async def _left(self, job: Watched) -> Reply | None:
        return await _patiently(lambda: fetch.reply_of(self._volume, self._run, job.key))

    async def _look(self) -> None:
        """Brings home how running jobs are doing, for the screen."""
        pause = LOOK_S
        while True:
            await asyncio.sleep(pause)
            began = time.monotonic()
            with contextlib.suppress(Exception):
                # One by one: a sweep of 10,000 jobs has 100,000 files there.
                async for one in self._volume.iterdir.aio(f"{RUNS}/{self._run}", recursive=True):
                    await self._look_at(one)
            pause = max(LOOK_S, (time.monotonic() - began) / LOOK_SHARE)

    async def _look_at(self, entry: Any) -> None:
        parts = entry.path.strip("/").split("/")
        key = parts[2] if len(parts) == 5 and parts[3:] == [OUTPUT, STATUS] else ""
        job = self._watched.get(key)
        if job is None or self._seen.get(key) == entry.mtime:
            return
        text = await fetch.small_file(self._volume, entry.path)
        if text is not None and key in self._watched:
            self._seen[key] = entry.mtime
            job.folder.mkdir(parents=True, exist_ok=True)
            with replacing(JobFolder(job.folder).status) as aside:
                aside.write_text(text, encoding="utf-8")


def _result(job: Watched) -> Path:
    return JobFolder(job.folder).result


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Asks until an answer comes: while Modal is away its jobs go on."""
    pauses = iter(PAUSES_S)
    pause = 0.0
    while True:
        try:
            return await ask()
        except TimeoutError:
            raise
        except AWAY as error:
            pause = next(pauses, pause)
            log.debug("asked again in %g s: %s", pause, error)
            if pause >= PAUSES_S[-1]:
                log.warning(
                    "Modal does not answer (%s); its jobs go on, and it is asked again", error
                )
            await asyncio.sleep(pause)
