"""A job folder: the names of its files, their schema versions, and how they are written."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from optbench.config.redact import redacted, redacted_all
from optbench.errors import ConfigError, OptbenchError
from optbench.replacing import replacing

SCHEMA_VERSION = 1
"""Of task.json, status.json, result.json, trials.jsonl and items.parquet."""


class JobFolder:
    """The files of one job."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.task = path / "task.json"
        self.status = path / "status.json"
        self.items = path / "items.parquet"
        self.trials = path / "trials.jsonl"
        self.calls = path / "calls.sqlite"
        self.opik = path / "opik.sqlite"
        self.result = path / "result.json"
        self.log = path / "job.log"
        self.hydra_config = path / ".hydra" / "config.yaml"
        self.lock = path / ".lock"

    def create(self) -> None:
        """Makes the folder."""
        self.path.mkdir(parents=True, exist_ok=True)

    def sweep_up(self) -> None:
        """Removes what a killed process was writing aside; the caller is alone in the folder."""
        for aside in self.path.glob(".*.tmp"):
            aside.unlink(missing_ok=True)

    def read_result(self) -> dict[str, Any] | None:
        """``result.json``; None when there is none yet: its presence is success.

        Raises:
            OptbenchError: See :func:`read_json`.
        """
        return read_json(self.result)


class SharedFolder:
    """What the jobs of a sweep share on this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path / "shared"
        self.cache = self.path / "cache.sqlite"
        self.lock = self.path / "sweep.lock"
        self.slurm = self.path / "slurm"
        self.modal = self.path / "modal" / "journal.jsonl"


def job_folders(root: Path) -> Iterator[JobFolder]:
    """Every job folder at or below a folder, by path."""
    for file in sorted(root.rglob("task.json")):
        yield JobFolder(file.parent)


SWEEP_FILES = ("multirun.yaml", "manifest.json", "transfer.json", "shared")
"""What a launch writes beside the jobs' folders."""


def refuse_links(
    folder: Path, *, below: Path | None = None, names: Collection[str] | None = None
) -> None:
    """Refuses a folder in which a name stands for a file elsewhere: what is written would land there.

    A folder may come from anybody. That the folder itself is reached by a link is its user's affair.

    Args:
        folder: A job's or a sweep's; it need not be there.
        below: A folder around it; nothing on the way from there may be a link either.
        names: Those of its files that are written; None: all.

    Raises:
        ConfigError: With the first that is found.
    """
    way = [folder, *folder.parents] if below is not None else []
    inside = way[: way.index(below)] if below in way else []
    within = (folder / name for name in (".hydra", "shared", "shared/modal"))
    own = [one for one in _held(folder) if names is None or one.name in names]
    for path in (*inside, *own, *(one for place in within for one in _held(place))):
        if path.is_symlink():
            raise ConfigError(
                f"'{path}' is a link to '{os.readlink(path)}', where the task would write",
                key="hydra.sweep.dir",
                mend="remove it, or choose another folder",
            )


def _held(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON file of this schema version; None when it is not there.

    Raises:
        OptbenchError: When it is something else, by name; it is left as it is.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from error
    try:
        loaded = json.loads(text)
    except ValueError as error:
        raise _unreadable(path, f"no whole JSON ({error})") from error
    if not isinstance(loaded, dict):
        raise _unreadable(path, "no JSON object")
    version = loaded.get("schema_version")
    if version != SCHEMA_VERSION:
        raise _unreadable(path, f"of schema version {version}, not {SCHEMA_VERSION}")
    return loaded


def _unreadable(path: Path, why: str) -> OptbenchError:
    return OptbenchError(
        f"'{path}' is {why}; it is left as it is",
        key="hydra.sweep.dir",
        mend="move it away to run the task anew, or choose another folder",
    )


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replaces a JSON file whole; keys keep their order."""
    with replacing(path) as aside:
        aside.write_text(
            redacted(
                json.dumps(
                    {"schema_version": SCHEMA_VERSION, **value}, indent=2, ensure_ascii=False
                )
            )
            + "\n",
            encoding="utf-8",
        )


def write_items(path: Path, rows: Sequence[dict[str, Any]], metrics: Sequence[str]) -> None:
    """Replaces ``items.parquet``: a row for each rollout, a score and a reason for each metric.

    Args:
        path: The file.
        rows: Values by column; a column that a row lacks is null.
        metrics: Names of the metrics, in order; they make the columns ``score.<name>`` and
            ``reason.<name>``.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema(
        [
            ("phase", pa.string()),
            ("slice", pa.string()),
            ("item_id", pa.string()),
            ("candidate", pa.string()),
            ("trial", pa.int32()),
            ("output", pa.string()),
            *((f"score.{name}", pa.float64()) for name in metrics),
            *((f"reason.{name}", pa.string()) for name in metrics),
            ("tokens_in", pa.int64()),
            ("tokens_out", pa.int64()),
            ("tokens_cached", pa.int64()),
            ("cost_usd", pa.float64()),
            ("latency_s", pa.float64()),
        ],
        metadata={"optbench_schema_version": str(SCHEMA_VERSION)},
    )
    table = pa.Table.from_pylist(redacted_all(list(rows)), schema=schema)
    with replacing(path) as aside:
        parquet.write_table(table, aside)
