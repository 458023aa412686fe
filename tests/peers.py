"""Loopback peers over real HTTP: an OpenAI-compatible server, and Opik's REST API.

127.0.0.1 only, on a free port, for as long as the context is open.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server that answers with a handler."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def openai(
    answer: Answer, headers: dict[str, str] | None = None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A chat-completions server; yields its address and the requests it saw, headers included.

    ``headers`` go out with every reply.
    """
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            seen.append({**body, "authorization": self.headers.get("authorization")})
            status, reply = answer(body)
            content = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    with serving(Handler) as address:
        yield f"{address}/v1", seen


def completion(text: str) -> dict[str, Any]:
    """A reply as the protocol has it: 12 tokens in, 3 out."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "peer",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
    }


@contextmanager
def opik_server(path: Path) -> Iterator[str]:
    """Opik's REST API over HTTP, as the embedded backend speaks it; yields OPIK_URL_OVERRIDE."""
    from optbench.tracking.store import OpikStore
    from optbench.tracking.transport import EmbeddedTransport

    transport = EmbeddedTransport()
    store = OpikStore(path)
    transport.attach(store)

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = httpx.Request(
                self.command, f"http://peer{self.path}", headers=dict(self.headers), content=body
            )
            reply = transport.handle_request(request)
            content = reply.read()
            self.send_response(reply.status_code)
            for name in ("content-type", "location"):
                if name in reply.headers:
                    self.send_header(name, reply.headers[name])
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = _pass_on  # noqa: N815  http.server's names

        def log_message(self, *_: object) -> None: ...

    try:
        with serving(Handler) as address:
            yield f"{address}/api"
        assert transport.unknown_requests == []
    finally:
        store.close()
