"""A dataset hub on a loopback port: what ``datasets`` and ``huggingface_hub`` ask of the real one."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

Files = Mapping[str, bytes]

_INFO = re.compile(r"/api/datasets/(?P<repo>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/]+))?")
_TREE = re.compile(r"/api/datasets/(?P<repo>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)/?(?P<folder>.*)")
_FILE = re.compile(r"/datasets/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


def parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as a parquet file."""
    import pyarrow as pa
    from pyarrow import parquet as writer

    sink = io.BytesIO()
    writer.write_table(pa.Table.from_pylist(list(rows)), sink)
    return sink.getvalue()


def jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as a JSON Lines file."""
    return "\n".join(json.dumps(row) for row in rows).encode()


class Hub:
    """Repositories by name and commit; the last commit of each is ``main``.

    Attributes:
        requests: Paths asked for, in order.
        gated: Repositories whose files need a granted account.
        closed: Repositories whose very existence needs one.
        broken: Answers 503 to everything.
        cuts: Closes the connection in the middle of each answer.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, Files]] = {}
        self.requests: list[str] = []
        self.gated: set[str] = set()
        self.closed: set[str] = set()
        self.broken = False
        self.cuts = False
        self.url = ""

    def add(self, repo: str, commit: str, files: Files, card: str = "") -> None:
        """Adds a commit; ``card`` is the README's YAML, which lists the configs."""
        readme = f"---\n{card}---\n".encode()
        self.repositories.setdefault(repo, {})[commit] = {**files, "README.md": readme}

    def asked(self) -> list[str]:
        """Requests that concern datasets; the client has others of its own."""
        return [request for request in self.requests if "/datasets/" in request]

    def commit(self, repo: str, revision: str | None) -> str | None:
        """The commit of a revision, None where there is none."""
        commits = self.repositories[repo]
        if revision in (None, "main"):
            return list(commits)[-1]
        return revision if revision in commits else None


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serves a hub and fills in its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._respond(with_body=False)

    def do_GET(self) -> None:
        self._respond(with_body=True)

    def log_message(self, *_: object) -> None:
        """Nothing on the test's output."""

    def _respond(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        status, headers, body = self._answer(path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body[: len(body) // 2] if self.hub.cuts else body)
        self.close_connection |= self.hub.cuts

    def _answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if self.hub.broken:
            return 503, {}, b""
        for pattern, answer in ((_TREE, self._tree), (_INFO, self._info), (_FILE, self._file)):
            asked = pattern.fullmatch(path)
            if asked is None:
                continue
            told = asked.groupdict()
            if told["repo"] not in self.hub.repositories:
                return _refused(401, "RepoNotFound")
            if told["repo"] in self.hub.closed:
                return _refused(403, "GatedRepo")
            commit = self.hub.commit(told["repo"], told.get("revision"))
            if commit is None:
                return _refused(404, "RevisionNotFound")
            return answer(told, commit)
        return _refused(404, "EntryNotFound")

    def _info(self, told: dict[str, str], commit: str) -> tuple[int, dict[str, str], bytes]:
        files = self.hub.repositories[told["repo"]][commit]
        return _json(
            {
                "id": told["repo"],
                "sha": commit,
                "siblings": [{"rfilename": name} for name in files],
                "gated": "manual" if told["repo"] in self.hub.gated else False,
                "private": False,
                "disabled": False,
                "downloads": 0,
                "likes": 0,
                "tags": [],
            }
        )

    def _tree(self, told: dict[str, str], commit: str) -> tuple[int, dict[str, str], bytes]:
        files = self.hub.repositories[told["repo"]][commit]
        folder = f"{told['folder']}/" if told["folder"] else ""
        entries: dict[str, dict[str, Any]] = {}
        for name, content in files.items():
            if not name.startswith(folder):
                continue
            first, _, rest = name[len(folder) :].partition("/")
            if rest and "recursive=True" not in self.path and "recursive=true" not in self.path:
                entries[folder + first] = {"type": "directory", "path": folder + first, "oid": "0"}
            else:
                entries[name] = {
                    "type": "file",
                    "path": name,
                    "oid": _etag(content),
                    "size": len(content),
                }
        return _json(list(entries.values())) if entries else _refused(404, "EntryNotFound")

    def _file(self, told: dict[str, str], commit: str) -> tuple[int, dict[str, str], bytes]:
        if told["repo"] in self.hub.gated:
            return _refused(401, "GatedRepo")
        content = self.hub.repositories[told["repo"]][commit].get(told["file"])
        if content is None:
            return (404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b"")
        headers = {
            "ETag": f'"{_etag(content)}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
        }
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked is None:
            return 200, headers, content
        first, last = int(asked[1]), int(asked[2] or len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return 206, headers, content[first : last + 1]


def _json(value: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _refused(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"X-Error-Code": code}, b""


def _etag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
