"""The gRPC front: every RPC arrives here, is counted, may suffer a fault, and goes to its part."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from grpclib import GRPCError, Status
from grpclib.const import Handler
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.protocol import H2Protocol
from grpclib.server import Server, Stream
from h2.settings import SettingCodes
from modal_proto import api_grpc, api_pb2

from .common import Caller
from .knobs import Counts, Knobs

# A collector keeps one long poll open per call; the default of 100 would queue everything behind.
MAX_STREAMS = 10_000


def snake(rpc: str) -> str:
    """The name of the method that answers an RPC."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", rpc).lower()


class Router:
    """Answers all RPCs of the service from the methods of its parts."""

    def __init__(self, parts: Sequence[object], knobs: Knobs, counts: Counts) -> None:
        self.parts = parts
        self.knobs = knobs
        self.counts = counts
        self.replies: dict[str, Any] = {}

    def __mapping__(self) -> dict[str, Handler]:
        """What grpclib asks of a service; the generated base knows paths and message types."""
        return api_grpc.ModalClientBase.__mapping__(self)  # type: ignore[arg-type]

    def __getattr__(self, rpc: str) -> Callable[[Stream[Any, Any]], Awaitable[None]]:
        if not rpc[0].isupper():
            raise AttributeError(rpc)

        async def answer(stream: Stream[Any, Any]) -> None:
            await self.answer(rpc, stream)

        return answer

    def method(self, rpc: str) -> Callable[[Any, Caller], Any]:
        """The part's method for an RPC."""
        for part in self.parts:
            if method := getattr(part, snake(rpc), None):
                return method
        raise GRPCError(Status.UNIMPLEMENTED, f"{rpc} is not part of the loopback server")

    async def answer(self, rpc: str, stream: Stream[Any, Any]) -> None:
        """Answer one request."""
        request = await stream.recv_message()
        self.counts.rpc[rpc] += 1
        if self.knobs.is_down():
            raise GRPCError(Status.UNAVAILABLE, "the server is down")
        metadata = stream.metadata or {}
        caller = Caller(
            task_id=str(metadata.get("x-loopback-task", "")),
            key=str(metadata.get("x-idempotency-key", "")),
        )
        fault = self.knobs.fault(rpc)
        if fault and fault.mode == "refuse":
            raise fault.error()
        result = self.method(rpc)(request, caller)
        if inspect.isasyncgen(result):
            async for message in result:
                await stream.send_message(message)
            return
        reply = await self.once(rpc, caller, result)
        if fault and fault.mode == "never":
            await asyncio.Event().wait()
        if fault:
            raise fault.error()
        await stream.send_message(reply)

    async def once(self, rpc: str, caller: Caller, result: Awaitable[Any]) -> Any:
        """Run a handler; a repeated submission gets the first reply where the knob says so."""
        if rpc != "FunctionMap" or not self.knobs.idempotent:
            return await result
        if caller.key in self.replies:
            result.close()  # type: ignore[attr-defined]
        else:
            self.replies[caller.key] = await result
        return self.replies[caller.key]


class Details(StatusDetailsCodecBase):
    """Carries details of an error, such as when to come again, in the client's own envelope."""

    def encode(self, status: Status, message: str | None, details: Any) -> bytes:
        """One message for the whole status."""
        envelope = api_pb2.RPCStatus(code=status.value, message=message or "")
        for detail in details or ():
            envelope.details.add().Pack(detail, type_url_prefix="type.modal.com/")
        return envelope.SerializeToString()

    def decode(self, status: Status, message: str | None, data: bytes) -> Any:
        """Only clients read details."""
        raise NotImplementedError


class ManyStreams(H2Protocol):
    """A connection that carries many requests at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so before the client's first request."""
        super().connection_made(transport)
        h2 = self.connection._connection
        h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS})
        self.connection.flush()


class ManyStreamsServer(Server):
    """A grpclib server with such connections."""

    def _protocol_factory(self) -> H2Protocol:
        plain = super()._protocol_factory()
        return ManyStreams(plain.handler, plain.config, plain.h2_config)
