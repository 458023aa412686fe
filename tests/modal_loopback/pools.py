"""Pools: which container gets which input, when containers start, and what their end means."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from .apps import App
from .calls import STATUS, Calls, Input, failed
from .common import Caller, not_found
from .containers import Container, Starter
from .files import layer_of
from .knobs import Counts, Kill, Knobs

HEARTBEAT = (
    14.0  # held that long; the client allows 15 s and beats again at once after a cancellation
)
BAD_STARTS = 3  # containers in a row that ended before they asked for an input


@dataclass
class Pool:
    """The containers of one function, or of one variant of it."""

    function_id: str
    pending: deque[Input] = field(default_factory=deque)
    containers: dict[str, Container] = field(default_factory=dict)
    arrival: asyncio.Condition = field(default_factory=asyncio.Condition)
    bad_starts: int = 0


class Pools:
    """All pools, and the RPCs of containers."""

    def __init__(self, starter: Starter, calls: Calls, knobs: Knobs, counts: Counts) -> None:
        self.starter = starter
        self.calls = calls
        self.knobs = knobs
        self.counts = counts
        self.by_function: dict[str, Pool] = {}
        self.closed = False

    # What others of the server ask for.

    def submit(self, one: Input) -> None:
        """Queue an input."""
        pool = self.by_function.setdefault(one.call.function_id, Pool(one.call.function_id))
        pool.pending.append(one)
        self.fill(pool)

    def withdraw(self, one: Input, terminate: bool) -> bool:
        """Take an input back; not so if its container must report that itself."""
        pool = self.by_function[one.call.function_id]
        if one in pool.pending:
            pool.pending.remove(one)
            return True
        container = pool.containers.get(one.task_id)
        if container is None or one.input_id not in container.current:
            return True
        if terminate:
            del container.current[one.input_id]
            container.kill("cancelled")
            return True
        container.cancelled.append(one.input_id)
        self.calls.spawn(notify(container.news))
        return False

    def on_publish(self, app: App) -> None:
        """Containers of older versions end after their input."""
        for pool in self.of_app(app.app_id):
            pool.bad_starts = 0
            self.calls.spawn(notify(pool.arrival))
            self.fill(pool)

    def on_stop(self, app: App) -> None:
        """All inputs of the app end, and all its containers."""
        text = f"App {app.app_id} was stopped"
        for pool in self.of_app(app.app_id):
            running = [one for box in pool.containers.values() for one in box.current.values()]
            for one in [*pool.pending, *running]:
                self.calls.finish(one, failed(STATUS.GENERIC_STATUS_TERMINATED, text))
            pool.pending.clear()
            for container in pool.containers.values():
                container.current.clear()
                container.kill("app stopped")

    def of_app(self, app_id: str) -> list[Pool]:
        """The pools of an app."""
        functions = self.starter.functions
        pools = list(self.by_function.values())
        return [one for one in pools if functions.get(one.function_id).app_id == app_id]

    def alive(self) -> list[Container]:
        """All containers."""
        return [one for pool in self.by_function.values() for one in pool.containers.values()]

    def running(self, app_id: str) -> Iterator[api_pb2.TaskStats]:
        """The containers of an app, or of all."""
        return (one.stats() for one in self.alive() if app_id in ("", one.app_id))

    async def close(self) -> None:
        """Kill everything and wait until it is gone."""
        self.closed = True
        for container in self.alive():
            container.kill("server ends")
        while self.alive():
            await asyncio.sleep(0.01)

    # Containers come and go.

    def stale(self, container: Container) -> bool:
        """Whether a newer version is published."""
        return container.version != self.starter.functions.current(container.function_id)[1]

    def fill(self, pool: Pool) -> None:
        """Wake or start as many containers as inputs wait, up to the function's limit."""
        self.calls.spawn(notify(pool.arrival))
        if self.closed or not pool.pending:
            return
        definition, _ = self.starter.functions.current(pool.function_id)
        settings = definition.autoscaler_settings
        limit = settings.max_containers or definition.concurrency_limit
        limit = limit or self.knobs.default_max_containers
        usable = [
            one
            for one in pool.containers.values()
            if not (one.draining or one.doomed or self.stale(one))
        ]
        free = sum(1 for one in usable if not one.current)
        for _ in range(min(len(pool.pending) - free, limit - len(pool.containers))):
            container = self.starter.new(pool.function_id)
            pool.containers[container.task_id] = container
            self.calls.spawn(self.live(pool, container))

    async def live(self, pool: Pool, container: Container) -> None:
        """The life of a container."""
        text = ""
        try:
            code = await self.starter.run(container)
        except Exception as error:  # a broken start must fail the inputs, not hang them
            code, text = 1, f"{type(error).__name__}: {error}"
            self.counts.events["start_errors"] += 1
        del pool.containers[container.task_id]
        for one in list(container.current.values()):
            self.orphan(pool, container, one, code)
        if code and not container.doomed and not container.inputs_given:
            pool.bad_starts += 1
            if pool.bad_starts >= BAD_STARTS:
                self.give_up(pool, f"Container exited with code {code} at its start. {text}")
        self.fill(pool)

    def orphan(self, pool: Pool, container: Container, one: Input, code: int) -> None:
        """An input whose container is gone: timed out, preempted or crashed."""
        if container.doomed == "timeout":
            limit = container.definition.timeout_secs
            text = f"Task's current input {one.input_id} hit its timeout of {limit}s"
            self.calls.settle(one, failed(STATUS.GENERIC_STATUS_TIMEOUT, text))
            return
        if not container.doomed:
            one.crashes += 1
        if one.crashes > self.knobs.max_restarts:
            text = f"Container exited with code {code} while it ran the input"
            self.calls.settle(one, failed(STATUS.GENERIC_STATUS_INTERNAL_FAILURE, text))
            return
        self.counts.events["rescheduled"] += 1
        pool.pending.appendleft(one)

    def give_up(self, pool: Pool, text: str) -> None:
        """Containers do not even start: fail what waits, or it would wait for ever."""
        self.fail_all(pool, failed(STATUS.GENERIC_STATUS_INTERNAL_FAILURE, text))

    def fail_all(self, pool: Pool, result: api_pb2.GenericResult) -> None:
        """One result for all that waits."""
        while pool.pending:
            self.calls.finish(pool.pending.popleft(), result)

    # The RPCs of containers.

    def of(self, caller: Caller) -> tuple[Pool, Container]:
        """The container that calls."""
        for pool in self.by_function.values():
            if container := pool.containers.get(caller.task_id):
                return pool, container
        raise not_found(f"Task {caller.task_id} is not running")

    async def container_hello(self, request: Empty, caller: Caller) -> Empty:
        """The runner is up."""
        self.starter.learn_pid(self.of(caller)[1])
        return Empty()

    async def container_heartbeat(
        self, request: api_pb2.ContainerHeartbeatRequest, caller: Caller
    ) -> api_pb2.ContainerHeartbeatResponse:
        """Held until there is a cancellation to tell."""
        _, container = self.of(caller)
        async with container.news:
            try:
                ready = container.news.wait_for(lambda: container.cancelled)
                await asyncio.wait_for(ready, HEARTBEAT)
            except TimeoutError:
                return api_pb2.ContainerHeartbeatResponse()
        event = api_pb2.CancelInputEvent(input_ids=container.cancelled)
        container.cancelled = []
        return api_pb2.ContainerHeartbeatResponse(cancel_input_event=event)

    async def container_stop(self, request: api_pb2.ContainerStopRequest, caller: Caller) -> Empty:
        """A container asks for no more inputs, or a client ends one."""
        for container in self.alive():
            if container.task_id == request.task_id:
                container.draining = True
                if not request.graceful:
                    container.kill("stopped")
                pool = self.by_function[container.function_id]
                self.calls.spawn(notify(pool.arrival))
        return Empty()

    async def task_result(self, request: api_pb2.TaskResultRequest, caller: Caller) -> Empty:
        """The function's module cannot be imported: that is every input's result."""
        pool, container = self.of(caller)
        container.draining = True
        self.fail_all(pool, request.result)
        return Empty()

    async def function_get_dynamic_concurrency(
        self, request: api_pb2.FunctionGetDynamicConcurrencyRequest, caller: Caller
    ) -> api_pb2.FunctionGetDynamicConcurrencyResponse:
        """As many inputs at once as the function aims at."""
        concurrency = request.target_concurrency or request.max_concurrency
        return api_pb2.FunctionGetDynamicConcurrencyResponse(concurrency=concurrency)

    async def function_get_inputs(
        self, request: api_pb2.FunctionGetInputsRequest, caller: Caller
    ) -> api_pb2.FunctionGetInputsResponse:
        """The next inputs; or the end, when idle for long, drained or replaced."""
        pool, container = self.of(caller)
        pool.bad_starts = 0
        idle = container.definition.task_idle_timeout_secs or self.knobs.idle_seconds

        def over() -> bool:
            return container.draining or bool(container.doomed) or self.stale(container)

        async with pool.arrival:
            try:
                ready = pool.arrival.wait_for(lambda: pool.pending or over())
                await asyncio.wait_for(ready, idle)
            except TimeoutError:
                container.draining = not container.current
            if over() or not pool.pending:
                container.draining = True
                end = api_pb2.FunctionGetInputsItem(kill_switch=True)
                return api_pb2.FunctionGetInputsResponse(inputs=[end])
            count = min(max(1, request.batch_max_size), len(pool.pending))
            given = [pool.pending.popleft() for _ in range(count)]
        return api_pb2.FunctionGetInputsResponse(
            inputs=[self.give(container, one) for one in given]
        )

    def give(self, container: Container, one: Input) -> api_pb2.FunctionGetInputsItem:
        """Hand an input to a container and watch over it."""
        container.current[one.input_id] = one
        container.inputs_given += 1
        container.commits = 0
        one.task_id = container.task_id
        self.counts.started[one.call.call_id] += 1
        if container.definition.timeout_secs:
            self.calls.spawn(self.limit(container, one, container.definition.timeout_secs))
        self.arm(container, one)
        return api_pb2.FunctionGetInputsItem(
            input_id=one.input_id,
            input=one.payload,
            function_call_id=one.call.call_id,
            function_call_invocation_type=one.call.kind,
            retry_count=one.attempt,
            function_map_idx=one.index,
        )

    async def limit(self, container: Container, one: Input, seconds: float) -> None:
        """Kill a container whose input takes too long."""
        attempt = one.attempt
        await asyncio.sleep(seconds)
        if container.current.get(one.input_id) is one and one.attempt == attempt:
            self.counts.events["timeouts"] += 1
            container.kill("timeout")

    async def function_put_outputs(
        self, request: api_pb2.FunctionPutOutputsRequest, caller: Caller
    ) -> Empty:
        """Outputs; one of an attempt that is no longer the container's is dropped."""
        _, container = self.of(caller)
        for item in request.outputs:
            one = container.current.get(item.input_id)
            if one is None or one.attempt != item.retry_count:
                continue
            del container.current[item.input_id]
            self.calls.settle(one, item.result, item.data_format, item.input_started_at)
        return Empty()

    # Kills.

    def rule(self, container: Container, one: Input) -> Kill | None:
        """The kill that is due for this container's current input."""
        rule = self.knobs.kill
        if rule is None or rule.times <= 0 or rule.call not in ("", one.call.call_id):
            return None
        return rule if rule.input in (0, container.inputs_given) else None

    def arm(self, container: Container, one: Input) -> None:
        """Start the clock of a kill."""
        rule = self.rule(container, one)
        if rule and rule.after_seconds is not None:
            rule.times -= 1
            self.calls.spawn(self.kill_later(container, one, rule))

    async def kill_later(self, container: Container, one: Input, rule: Kill) -> None:
        """Kill while the input still runs; one that was faster leaves the rule for the next."""
        await asyncio.sleep(rule.after_seconds or 0)
        if container.current.get(one.input_id) is one:
            self.kill(container, rule)
        else:
            rule.times += 1

    def kill(self, container: Container, rule: Kill) -> None:
        """Preempt a container."""
        self.counts.events["kills"] += 1
        container.kill("preempted", rule.signal)

    def kill_at(self, container: Container, moment: str) -> bool:
        """Kill at a commit, where the rule names it."""
        for one in container.current.values():
            rule = self.rule(container, one)
            if rule and getattr(rule, moment) == container.commits:
                rule.times -= 1
                self.kill(container, rule)
                return True
        return False

    # Volumes in containers.

    async def volume_commit(
        self, request: api_pb2.VolumeCommitRequest, caller: Caller
    ) -> api_pb2.VolumeCommitResponse:
        """``Volume.commit``, and the last commit of a container that ends in peace."""
        _, container = self.of(caller)
        layer = layer_of(container.layers, request.volume_id)
        container.commits += 1
        if self.kill_at(container, "at_commit"):
            raise not_found("the container is gone")
        await self.starter.files.commit(layer, container.pid)
        self.counts.commits[layer.volume.name] += 1
        self.kill_at(container, "after_commits")
        return api_pb2.VolumeCommitResponse(skip_reload=not self.knobs.commit_reloads)

    async def volume_reload(self, request: api_pb2.VolumeReloadRequest, caller: Caller) -> Empty:
        """``Volume.reload``."""
        if not caller.task_id:
            return Empty()  # outside of a container there is nothing to reload
        _, container = self.of(caller)
        layer = layer_of(container.layers, request.volume_id)
        await self.starter.files.reload(layer, container.pid)
        return Empty()


async def notify(condition: asyncio.Condition) -> None:
    """Wake all who wait."""
    async with condition:
        condition.notify_all()
