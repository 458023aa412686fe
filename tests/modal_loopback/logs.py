"""What containers print, as ``modal app logs`` and the client's log managers read it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from google.protobuf.timestamp_pb2 import Timestamp
from modal_proto import api_pb2

from .apps import STOPPED, Apps
from .common import Caller, not_found

Query = api_pb2.AppGetLogsRequest | api_pb2.AppFetchLogsRequest | api_pb2.AppCountLogsRequest


@dataclass
class Line:
    """One line of a container."""

    app_id: str
    function_id: str
    task_id: str
    call_id: str
    input_id: str
    source: int
    text: str
    at: float = field(default_factory=time.time)

    def batch(self, entry_id: int = 0) -> api_pb2.TaskLogsBatch:
        """The line as the client receives it."""
        log = api_pb2.TaskLogs(
            data=self.text,
            timestamp=self.at,
            timestamp_ns=int(self.at * 1e9),
            file_descriptor=self.source,
            function_call_id=self.call_id,
            input_id=self.input_id,
        )
        return api_pb2.TaskLogsBatch(
            task_id=self.task_id,
            function_id=self.function_id,
            entry_id=str(entry_id) if entry_id else "",
            items=[log],
        )


def wanted(query: Query) -> Callable[[Line], bool]:
    """Whether a line is asked for."""
    source = getattr(query, "source", 0) or getattr(query, "file_descriptor", 0)

    def matches(line: Line) -> bool:
        return (
            query.app_id in ("", line.app_id)
            and query.function_id in ("", line.function_id)
            and query.function_call_id in ("", line.call_id)
            and query.task_id in ("", line.task_id)
            and source in (0, line.source)
            and query.search_text in line.text
        )

    return matches


class Logs:
    """All lines in the order of their arrival."""

    def __init__(self, apps: Apps) -> None:
        self.apps = apps
        self.lines: list[Line] = []
        self.arrival = asyncio.Condition()

    async def add(self, line: Line) -> None:
        """Keep a line and wake those who follow."""
        async with self.arrival:
            self.lines.append(line)
            self.arrival.notify_all()

    async def app_get_logs(
        self, request: api_pb2.AppGetLogsRequest, _: Caller
    ) -> AsyncIterator[api_pb2.TaskLogsBatch]:
        """Follow: the lines after the last one seen, then new ones until the time is over."""
        position = int(request.last_entry_id or 0)
        matches, end = wanted(request), time.monotonic() + request.timeout
        while True:
            fresh = self.lines[position:]
            for number, line in enumerate(fresh, position + 1):
                if matches(line):
                    yield line.batch(number)
            position += len(fresh)
            if request.app_id and self.apps.get(request.app_id).state in STOPPED:
                yield api_pb2.TaskLogsBatch(app_done=True)
                return
            if (left := end - time.monotonic()) <= 0:
                return
            # An app may also stop without a further line, hence the second.
            async with self.arrival:
                try:
                    await asyncio.wait_for(self.arrival.wait(), min(left, 1.0))
                except TimeoutError:
                    continue

    def between(self, request: Query, since: Timestamp, until: Timestamp) -> list[Line]:
        """The lines of a time."""
        if request.app_id and request.app_id not in self.apps.by_id:
            raise not_found(f"App {request.app_id} not found")
        start, end, matches = (
            since.ToNanoseconds() / 1e9,
            until.ToNanoseconds() / 1e9,
            wanted(request),
        )
        return [one for one in self.lines if start <= one.at <= end and matches(one)]

    async def app_fetch_logs(
        self, request: api_pb2.AppFetchLogsRequest, _: Caller
    ) -> api_pb2.AppFetchLogsResponse:
        """The last lines of a time."""
        lines = self.between(request, request.since, request.until)
        if request.limit:
            lines = lines[-request.limit :]
        return api_pb2.AppFetchLogsResponse(batches=[one.batch() for one in lines])

    async def app_count_logs(
        self, request: api_pb2.AppCountLogsRequest, _: Caller
    ) -> api_pb2.AppCountLogsResponse:
        """How many lines there are, by equal parts of the time."""
        width = request.bucket_secs or 60
        found: Counter[tuple[int, int]] = Counter()
        for line in self.between(request, request.since, request.until):
            found[int(line.at // width), line.source] += 1
        buckets = [
            api_pb2.AppCountLogsResponse.LogBucket(
                bucket_start_at=Timestamp(seconds=start * width),
                stdout_logs=found[start, api_pb2.FILE_DESCRIPTOR_STDOUT],
                stderr_logs=found[start, api_pb2.FILE_DESCRIPTOR_STDERR],
            )
            for start in sorted({start for start, _ in found})
        ]
        return api_pb2.AppCountLogsResponse(app_id=request.app_id, buckets=buckets)
