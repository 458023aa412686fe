"""Calls and their inputs: submission, waiting for outputs, retries, cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .apps import STOPPED, Apps
from .common import Caller, new_id, not_found
from .functions import Functions
from .knobs import Counts, Knobs

STATUS = api_pb2.GenericResult
CANCELLED = "Input was cancelled by user"


@dataclass
class Input:
    """One argument list on its way to an output."""

    input_id: str
    call: Call
    index: int
    payload: api_pb2.FunctionInput
    attempt: int = 0  # what the protocol names retry_count
    crashes: int = 0
    task_id: str = ""  # the container that runs it
    output: api_pb2.FunctionGetOutputsItem | None = None


@dataclass
class Call:
    """What one ``spawn``, ``remote`` or ``map`` made."""

    call_id: str
    function_id: str
    app_id: str
    kind: int  # sync or async
    inputs: list[Input] = field(default_factory=list)
    done: list[Input] = field(default_factory=list)  # in the order of completion
    progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def unfinished(self) -> int:
        """How many outputs are still to come."""
        return len(self.inputs) - len(self.done)


def failed(status: int, text: str) -> api_pb2.GenericResult:
    """A result that the server makes itself."""
    return api_pb2.GenericResult(status=status, exception=text)


class Calls:
    """All calls. Inputs go to a pool of containers by the hook ``submit``."""

    def __init__(self, functions: Functions, apps: Apps, knobs: Knobs, counts: Counts) -> None:
        self.functions = functions
        self.apps = apps
        self.knobs = knobs
        self.counts = counts
        self.by_id: dict[str, Call] = {}
        self.inputs: dict[str, Input] = {}
        self.pending = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.submit: Callable[[Input], None] = lambda _: None
        self.withdraw: Callable[[Input, bool], bool] = lambda *_: True

    def get(self, call_id: str) -> Call:
        """A call by id."""
        if call_id not in self.by_id:
            raise not_found(f"Function call {call_id} not found")
        return self.by_id[call_id]

    async def function_map(
        self, request: api_pb2.FunctionMapRequest, _: Caller
    ) -> api_pb2.FunctionMapResponse:
        """A new call, mostly with its inputs."""
        self.check_backlog()
        function = self.functions.get(request.function_id)
        if self.apps.get(function.app_id).state in STOPPED:
            raise not_found(f"App {function.app_id} is stopped")
        call = Call(
            new_id("fc"),
            function.function_id,
            function.app_id,
            request.function_call_invocation_type,
        )
        self.by_id[call.call_id] = call
        self.counts.events["accepted"] += 1
        definition, _version = self.functions.current(function.function_id)
        return api_pb2.FunctionMapResponse(
            function_call_id=call.call_id,
            function_call_jwt=call.call_id,
            pipelined_inputs=self.add(call, list(request.pipelined_inputs)),
            retry_policy=definition.retry_policy,
            # Retries are the server's here, for sync calls too.
            sync_client_retries_enabled=False,
            max_inputs_outstanding=1000,
        )

    def check_backlog(self) -> None:
        """Refuse where too much is waiting."""
        limit = self.knobs.max_pending
        if limit is None or self.pending < limit:
            return
        wait = self.knobs.throttle_seconds
        raise GRPCError(
            Status.RESOURCE_EXHAUSTED,
            f"Too many pending inputs: {self.pending} of {limit}",
            [api_pb2.RPCRetryPolicy(retry_after_secs=wait)] if wait else None,
        )

    def add(
        self, call: Call, items: list[api_pb2.FunctionPutInputsItem]
    ) -> list[api_pb2.FunctionPutInputsResponseItem]:
        """Queue the inputs of a call."""
        replies = []
        for item in items:
            one = Input(new_id("in"), call, item.idx, item.input)
            call.inputs.append(one)
            self.inputs[one.input_id] = one
            self.pending += 1
            replies.append(
                api_pb2.FunctionPutInputsResponseItem(
                    idx=item.idx, input_id=one.input_id, input_jwt=one.input_id
                )
            )
            self.submit(one)
        return replies

    async def function_put_inputs(
        self, request: api_pb2.FunctionPutInputsRequest, _: Caller
    ) -> api_pb2.FunctionPutInputsResponse:
        """More inputs of a map."""
        self.check_backlog()
        call = self.get(request.function_call_id)
        return api_pb2.FunctionPutInputsResponse(inputs=self.add(call, list(request.inputs)))

    async def function_finish_inputs(
        self, request: api_pb2.FunctionFinishInputsRequest, _: Caller
    ) -> Empty:
        """A map has given all its inputs."""
        return Empty()

    async def function_get_outputs(
        self, request: api_pb2.FunctionGetOutputsRequest, _: Caller
    ) -> api_pb2.FunctionGetOutputsResponse:
        """Wait for outputs: of named positions, or those after the last one seen."""
        call = self.get(request.function_call_id)
        if self.knobs.has_expired(call.call_id):
            # Without a timeout the client asks again at once and for ever.
            await asyncio.sleep(min(request.timeout, 0.05))
            return api_pb2.FunctionGetOutputsResponse(num_unfinished_inputs=0)
        seen = int((request.last_entry_id or "0").partition("-")[0])

        def ready() -> list[Input]:
            if request.HasField("start_idx"):
                span = range(request.start_idx, request.end_idx + 1)
                return [one for one in call.inputs if one.output and one.index in span]
            return call.done[seen:]

        async with call.progress:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(call.progress.wait_for(ready), max(request.timeout, 0.001))
        outputs = ready()[: request.max_values or None]
        return api_pb2.FunctionGetOutputsResponse(
            outputs=[one.output for one in outputs],
            idxs=[one.index for one in outputs],
            last_entry_id=str(seen + len(outputs)),
            num_unfinished_inputs=call.unfinished,
        )

    async def function_call_from_id(
        self, request: api_pb2.FunctionCallFromIdRequest, _: Caller
    ) -> api_pb2.FunctionCallFromIdResponse:
        """What a call is about."""
        call = self.get(request.function_call_id)
        return api_pb2.FunctionCallFromIdResponse(
            function_call_id=call.call_id,
            num_inputs=len(call.inputs),
            metadata=api_pb2.FunctionCallHandleMetadata(
                app_id=call.app_id, function_id=call.function_id
            ),
        )

    async def function_call_cancel(
        self, request: api_pb2.FunctionCallCancelRequest, _: Caller
    ) -> Empty:
        """What waits ends at once; what runs is interrupted in its container."""
        for one in self.get(request.function_call_id).inputs:
            if one.output is None and self.withdraw(one, request.terminate_containers):
                self.finish(one, failed(STATUS.GENERIC_STATUS_TERMINATED, CANCELLED))
        return Empty()

    def finish(
        self, one: Input, result: api_pb2.GenericResult, data_format: int = 0, started: float = 0
    ) -> None:
        """Keep the output of an input; a second one is dropped."""
        if one.output is not None:
            return
        if result.status == STATUS.GENERIC_STATUS_TERMINATED and not result.exception:
            result.exception = CANCELLED
        one.output = api_pb2.FunctionGetOutputsItem(
            result=result,
            idx=one.index,
            input_id=one.input_id,
            data_format=data_format,
            task_id=one.task_id,
            input_started_at=started,
            output_created_at=time.time(),
            retry_count=one.attempt,
            fc_trace_tag="",
        )
        self.pending -= 1
        self.counts.finished[one.call.call_id] += 1
        one.call.done.append(one)
        self.spawn(self.wake(one.call))

    async def wake(self, call: Call) -> None:
        """Tell those who wait for a call."""
        async with call.progress:
            call.progress.notify_all()

    def settle(
        self, one: Input, result: api_pb2.GenericResult, data_format: int = 0, started: float = 0
    ) -> None:
        """An attempt is over: keep its result, or try again as the function's policy says."""
        final = (STATUS.GENERIC_STATUS_SUCCESS, STATUS.GENERIC_STATUS_TERMINATED)
        policy = self.functions.current(one.call.function_id)[0].retry_policy
        if result.status in final or one.attempt >= policy.retries:
            self.finish(one, result, data_format, started)
            return
        delay = policy.initial_delay_ms * (policy.backoff_coefficient or 1.0) ** one.attempt
        one.attempt += 1
        self.counts.events["retried"] += 1
        self.spawn(self.later(one, min(delay, policy.max_delay_ms or delay) / 1000))

    async def later(self, one: Input, delay: float) -> None:
        """Queue an input again after the wait of its retry."""
        await asyncio.sleep(delay)
        if one.output is None:
            self.submit(one)

    def spawn(self, work: object) -> None:
        """Run something beside; asyncio keeps no hold on its tasks."""
        task = asyncio.ensure_future(work)  # type: ignore[arg-type]
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
