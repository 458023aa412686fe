"""What the embedded Opik backend remembers: one SQLite file a job."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optbench.config.redact import redacted
from optbench.errors import OptbenchError
from optbench.sqlite import transaction

SCHEMA_VERSION = 1

_TABLES = {
    "projects": "id TEXT PRIMARY KEY, name TEXT UNIQUE, payload TEXT",
    "datasets": "id TEXT PRIMARY KEY, name TEXT UNIQUE, payload TEXT",
    "dataset_items": "id TEXT PRIMARY KEY, dataset_id TEXT, payload TEXT",
    "optimizations": "id TEXT PRIMARY KEY, payload TEXT",
    "experiments": "id TEXT PRIMARY KEY, dataset_name TEXT, payload TEXT",
    "experiment_items": "id TEXT PRIMARY KEY, experiment_id TEXT, trace_id TEXT, payload TEXT",
    "traces": "id TEXT PRIMARY KEY, payload TEXT",
    "spans": "id TEXT PRIMARY KEY, trace_id TEXT, payload TEXT",
    "feedback_scores": (
        "entity TEXT, entity_id TEXT, name TEXT, value REAL, payload TEXT, "
        "PRIMARY KEY (entity, entity_id, name)"
    ),
}
_INDEXES = {
    "dataset_items_of": "dataset_items (dataset_id, id)",
    "experiment_items_of": "experiment_items (experiment_id)",
    "spans_of": "spans (trace_id)",
}

Payload = dict[str, Any]


class OpikStore:
    """Rows by table; each keeps the whole JSON payload beside the columns that are asked for.

    Args:
        path: The file; made when it is not there.

    Raises:
        OptbenchError: When the file is of another schema version, or no SQLite file; it is left as
            it was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            filled = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise OptbenchError(
                f"'{path}' is no SQLite file", mend="move it away, or choose another folder"
            ) from error
        if filled and version != SCHEMA_VERSION:
            self._db.close()
            raise OptbenchError(
                f"'{path}' has schema version {version}, this optbench writes {SCHEMA_VERSION}",
                mend="choose another folder",
            )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        for table, columns in _TABLES.items():
            self._db.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        for name, on in _INDEXES.items():
            self._db.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {on}")
        self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is written together, or not at all."""
        with self._lock, transaction(self._db):
            yield

    def put(self, table: str, id_: str, payload: Mapping[str, Any], **columns: Any) -> None:
        """Writes a row; of one that is there the new payload's values replace the old."""
        with self._lock:
            old = self.get(table, id_) or {}
            known = {key: value for key, value in payload.items() if value is not None}
            row = {"id": id_, "payload": redacted(json.dumps({**old, **known})), **columns}
            self._write(table, row)

    def put_score(self, entity: str, id_: str, payload: Mapping[str, Any]) -> None:
        """Writes a feedback score of a trace or a span; a second of the same name replaces it."""
        row = {
            "entity": entity,
            "entity_id": id_,
            "name": payload.get("name"),
            "value": payload.get("value"),
            "payload": redacted(json.dumps(payload)),
        }
        with self._lock:
            self._write("feedback_scores", row)

    def _write(self, table: str, row: Mapping[str, Any]) -> None:
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        self._db.execute(
            f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", list(row.values())
        )

    def get(self, table: str, id_: str) -> Payload | None:
        """A row's payload by id."""
        return next(iter(self.find(table, id=id_)), None)

    def find(self, table: str, **equal: Any) -> list[Payload]:
        """Payloads of the rows whose columns have these values, in the order of their ids."""
        where = " AND ".join(f"{name} = ?" for name in equal) or "1"
        with self._lock:
            rows: Iterable[tuple[str]] = self._db.execute(
                f"SELECT payload FROM {table} WHERE {where} ORDER BY rowid", list(equal.values())
            )
            return [json.loads(row[0]) for row in rows]

    def count(self, table: str, **equal: Any) -> int:
        """How many such rows there are."""
        where = " AND ".join(f"{name} = ?" for name in equal) or "1"
        with self._lock:
            found = self._db.execute(
                f"SELECT count(*) FROM {table} WHERE {where}", list(equal.values())
            ).fetchone()
        return int(found[0])

    def close(self) -> None:
        """Folds the write-ahead log into the file and closes it."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()
