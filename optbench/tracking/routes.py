"""The part of Opik's REST API that its client and opik-optimizer use, over an :class:`OpikStore`.

Written against opik 2.2.122. Paths are those below ``/v1/private``, except ``is-alive``.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from optbench.tracking.store import OpikStore, Payload

OPIK_VERSION = "2.2.122"
PAGE = 2000
"""Rows of a stream's page, as the real server has it."""


@dataclass(frozen=True)
class Request:
    """One request, decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """One reply; ``body`` None is an empty one, a list of payloads is sent as NDJSON."""

    status: int
    body: Payload | list[Payload] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[..., Reply]
NO_CONTENT = Reply(204)
_ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


def route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    """Registers a handler; ``{name}`` in the pattern becomes its keyword argument."""
    regex = re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern) + "$")

    def register(handler: Handler) -> Handler:
        _ROUTES.append((method, regex, handler))
        return handler

    return register


def answer(store: OpikStore, request: Request) -> Reply | None:
    """The reply to a request; None for an endpoint nobody has written here."""
    for method, regex, handler in _ROUTES:
        match = regex.match(request.path)
        if method == request.method and match:
            return handler(store, request, **match.groupdict())
    return None


def _new_id() -> str:
    return str(uuid.uuid4())


def _created(path: str, id_: str) -> Reply:
    return Reply(201, {"id": id_}, {"Location": f"http://opik.invalid/api/v1/private/{path}/{id_}"})


def _missing(what: str) -> Reply:
    return Reply(404, {"code": 404, "message": f"{what} not found"})


def _page(rows: list[Payload], request: Request) -> Reply:
    page, size = int(request.query.get("page", 1)), int(request.query.get("size", 10))
    shown = rows[(page - 1) * size : page * size]
    return Reply(200, {"content": shown, "page": page, "size": len(shown), "total": len(rows)})


@route("GET", "/is-alive/ver")
def _version(_store: OpikStore, _request: Request) -> Reply:
    # The client compares it with features of real servers: the version this was written against.
    return Reply(200, {"version": OPIK_VERSION})


@route("GET", "/is-alive/ping")
def _ping(_store: OpikStore, _request: Request) -> Reply:
    return Reply(200, {"message": "alive", "healthy": True})


@route("GET", "/auth/workspace")
def _workspace(_store: OpikStore, _request: Request) -> Reply:
    return Reply(200, {"workspaceName": "optbench"})


@route("POST", "/projects/retrieve")
def _project(store: OpikStore, request: Request) -> Reply:
    name = request.body["name"]
    found = store.find("projects", name=name)
    if not found:
        found = [{"id": _new_id(), "name": name}]
        store.put("projects", found[0]["id"], found[0], name=name)
    return Reply(200, found[0])


@route("POST", "/datasets")
def _create_dataset(store: OpikStore, request: Request) -> Reply:
    body = request.body
    if store.find("datasets", name=body["name"]):
        return Reply(409, {"code": 409, "message": "Dataset already exists"})
    id_ = body.get("id") or _new_id()
    store.put("datasets", id_, {**body, "id": id_}, name=body["name"])
    return _created("datasets", id_)


def _described(store: OpikStore, dataset: Payload) -> Payload:
    items = store.count("dataset_items", dataset_id=dataset["id"])
    return {**dataset, "dataset_items_count": items, "created_at": "2026-01-01T00:00:00Z"}


@route("POST", "/datasets/retrieve")
def _dataset_by_name(store: OpikStore, request: Request) -> Reply:
    found = store.find("datasets", name=request.body["dataset_name"])
    return Reply(200, _described(store, found[0])) if found else _missing("Dataset")


@route("PUT", "/datasets/items")
def _insert_items(store: OpikStore, request: Request) -> Reply:
    body = request.body
    id_ = body.get("dataset_id")
    if not id_:
        found = store.find("datasets", name=body["dataset_name"])
        if not found:
            return _missing("Dataset")
        id_ = found[0]["id"]
    with store.transaction():
        for item in body["items"]:
            store.put("dataset_items", item["id"], item, dataset_id=id_)
    return NO_CONTENT


@route("POST", "/datasets/items/stream")
def _stream_items(store: OpikStore, request: Request) -> Reply:
    found = store.find("datasets", name=request.body["dataset_name"])
    if not found:
        return _missing("Dataset")
    rows = store.find("dataset_items", dataset_id=found[0]["id"])
    last = request.body.get("last_retrieved_id")
    if last is not None:
        ids = [row["id"] for row in rows]
        rows = rows[ids.index(last) + 1 :] if last in ids else []
    # The client's own spelling of the key.
    limit = request.body.get("steam_limit") or request.body.get("stream_limit") or PAGE
    return Reply(200, rows[: int(limit)])


@route("GET", "/datasets/{id_}")
def _dataset(store: OpikStore, _request: Request, id_: str) -> Reply:
    found = store.get("datasets", id_)
    return Reply(200, _described(store, found)) if found else _missing("Dataset")


@route("GET", "/datasets/{id_}/versions")
def _dataset_versions(_store: OpikStore, request: Request, id_: str) -> Reply:  # noqa: ARG001
    return _page([], request)


@route("GET", "/datasets/{id_}/items")
def _dataset_items(store: OpikStore, request: Request, id_: str) -> Reply:
    reply = _page(store.find("dataset_items", dataset_id=id_), request)
    return Reply(reply.status, {**_object(reply), "columns": []})


def _object(reply: Reply) -> Payload:
    return reply.body if isinstance(reply.body, dict) else {}


@route("POST", "/optimizations")
def _create_optimization(store: OpikStore, request: Request) -> Reply:
    id_ = request.body.get("id") or _new_id()
    store.put("optimizations", id_, {**request.body, "id": id_})
    return _created("optimizations", id_)


@route("PUT", "/optimizations/{id_}")
def _update_optimization(store: OpikStore, request: Request, id_: str) -> Reply:
    store.put("optimizations", id_, request.body)
    return NO_CONTENT


@route("GET", "/optimizations/{id_}")
def _optimization(store: OpikStore, _request: Request, id_: str) -> Reply:
    found = store.get("optimizations", id_)
    return Reply(200, found) if found else _missing("Optimization")


@route("POST", "/experiments")
def _create_experiment(store: OpikStore, request: Request) -> Reply:
    body = request.body
    id_ = body.get("id") or _new_id()
    store.put("experiments", id_, {**body, "id": id_}, dataset_name=body.get("dataset_name"))
    return _created("experiments", id_)


@route("GET", "/experiments/{id_}")
def _experiment(store: OpikStore, _request: Request, id_: str) -> Reply:
    found = store.get("experiments", id_)
    return Reply(200, found) if found else _missing("Experiment")


@route("PATCH", "/experiments/{id_}")
def _update_experiment(store: OpikStore, request: Request, id_: str) -> Reply:
    known = store.get("experiments", id_) or {}
    store.put("experiments", id_, request.body, dataset_name=known.get("dataset_name"))
    return NO_CONTENT


@route("POST", "/experiments/finish")
def _finish_experiments(_store: OpikStore, _request: Request) -> Reply:
    return NO_CONTENT


@route("POST", "/experiments/items")
def _insert_experiment_items(store: OpikStore, request: Request) -> Reply:
    with store.transaction():
        for item in request.body["experiment_items"]:
            id_ = item.get("id") or _new_id()
            store.put(
                "experiment_items",
                id_,
                {**item, "id": id_},
                experiment_id=item["experiment_id"],
                trace_id=item["trace_id"],
            )
    return NO_CONTENT


def _put_traces(store: OpikStore, traces: Iterable[Payload]) -> Reply:
    with store.transaction():
        for trace in traces:
            store.put("traces", trace["id"], trace)
    return NO_CONTENT


def _put_spans(store: OpikStore, spans: Iterable[Payload]) -> Reply:
    with store.transaction():
        for span in spans:
            known = store.get("spans", span["id"]) or {}
            trace = span.get("trace_id") or known.get("trace_id")
            store.put("spans", span["id"], span, trace_id=trace)
    return NO_CONTENT


@route("POST", "/traces/batch")
def _traces(store: OpikStore, request: Request) -> Reply:
    return _put_traces(store, request.body["traces"])


@route("POST", "/traces")
def _trace(store: OpikStore, request: Request) -> Reply:
    return _put_traces(store, [request.body])


@route("PATCH", "/traces/{id_}")
def _update_trace(store: OpikStore, request: Request, id_: str) -> Reply:
    return _put_traces(store, [{**request.body, "id": id_}])


@route("POST", "/spans/batch")
def _spans(store: OpikStore, request: Request) -> Reply:
    return _put_spans(store, request.body["spans"])


@route("POST", "/spans")
def _span(store: OpikStore, request: Request) -> Reply:
    return _put_spans(store, [request.body])


@route("PATCH", "/spans/{id_}")
def _update_span(store: OpikStore, request: Request, id_: str) -> Reply:
    return _put_spans(store, [{**request.body, "id": id_}])


@route("PUT", "/{entity}/feedback-scores")
def _scores(store: OpikStore, request: Request, entity: str) -> Reply:
    with store.transaction():
        for score in request.body["scores"]:
            store.put_score(entity, score["id"], score)
    return NO_CONTENT


def encode(reply: Reply) -> bytes:
    """A reply's body as bytes: JSON, or a line of JSON for each payload of a list."""
    if reply.body is None:
        return b""
    if isinstance(reply.body, list):
        return b"".join(json.dumps(row).encode() + b"\n" for row in reply.body)
    return json.dumps(reply.body).encode()
