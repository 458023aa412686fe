"""The genuine opik client against a backend in this process: no socket, no patching.

opik takes a transport through a public hook and caches its connections per process: a second hook is
never asked. So the transport is the one piece of process-wide state here: it is installed once, and
each task attaches its own store to it.
"""

from __future__ import annotations

import gzip
import json
import logging
import threading
from typing import Any

import httpx
import opik.hooks

from optbench.tracking.routes import Reply, Request, answer, encode
from optbench.tracking.store import OpikStore

log = logging.getLogger(__name__)

HEALTH_CHECK = "/is-alive/ping"
_PREFIXES = ("/api/v1/private", "/api")


class EmbeddedTransport(httpx.BaseTransport):
    """Answers the client's requests from the attached store."""

    def __init__(self) -> None:
        self.unknown_requests: list[str] = []
        self._lock = threading.Lock()
        self._store: OpikStore | None = None

    def attach(self, store: OpikStore) -> None:
        """Sends what comes from now on to a store.

        Raises:
            RuntimeError: When another task's store is attached.
        """
        with self._lock:
            if self._store is not None:
                raise RuntimeError(
                    "a store is attached already; optbench runs one task at a time in a process"
                )
            self._store = store
            self.unknown_requests = []

    def detach(self) -> None:
        """Ends the connection to the store; later requests are refused."""
        with self._lock:
            self._store = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """httpx's entry."""
        reply = self._answer(request)
        content_type = (
            "application/x-ndjson" if isinstance(reply.body, list) else "application/json"
        )
        return httpx.Response(
            reply.status,
            headers={"content-type": content_type, **reply.headers},
            content=encode(reply),
        )

    def _answer(self, request: httpx.Request) -> Reply:
        store = self._store
        decoded = _decode(request)
        if store is None:
            if decoded.path == HEALTH_CHECK:
                # A client that is told no keeps what comes next for a server that comes back, and
                # the next task of this process would wait for its traces in vain.
                return Reply(200, {"healthy": True})
            return Reply(503, {"code": 503, "message": "no task is running in this process"})
        reply = answer(store, decoded)
        if reply is not None:
            return reply
        unknown = f"{decoded.method} {decoded.path}"
        with self._lock:
            self.unknown_requests.append(unknown)
        log.warning("the embedded Opik backend does not know %s", unknown)
        return Reply(501, {"code": 501, "message": f"not in the embedded backend: {unknown}"})


def _decode(request: httpx.Request) -> Request:
    content = request.read()
    if request.headers.get("content-encoding") == "gzip":
        content = gzip.decompress(content)
    path = request.url.path
    for prefix in _PREFIXES:
        if path.startswith(prefix + "/"):
            path = path.removeprefix(prefix)
            break
    body: Any = json.loads(content) if content else None
    return Request(request.method, path.rstrip("/"), dict(request.url.params), body)


_installed: EmbeddedTransport | None = None
_installing = threading.Lock()


def install() -> EmbeddedTransport:
    """Installs the transport, once per process; to be called before the first opik client."""
    global _installed
    with _installing:
        if _installed is None:
            _installed = EmbeddedTransport()
            opik.hooks.add_httpx_client_hook(
                opik.hooks.HttpxClientHook(
                    client_modifier=None, client_init_arguments={"transport": _installed}
                )
            )
        return _installed
