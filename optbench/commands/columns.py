"""Anybody's table: read as text, and its columns by the names that statistics use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.errors import ConfigError
from optbench.results.brief import SIMULATED

from .text import visible

if TYPE_CHECKING:
    import pandas as pd

KINDS = (".csv", ".parquet", ".jsonl")
MARK = "merge_version"
"""Column of a file of ``merge``, whose other columns are known."""
OF_MERGED = {
    "dataset": "dataset", "optimizer": "optimizer", "score": "final", "model": "model",
    "seed": "seed", "item": None, "baseline": "initial",
}  # fmt: skip
_NEEDED = ("dataset", "optimizer", "score")


@dataclass(frozen=True)
class Named:
    """A table by the names that statistics use.

    Attributes:
        scores: ``dataset, model, optimizer, seed, item, score``, and ``baseline`` where there is one.
        minimize: Datasets whose scores are better when lower, as far as the table says so itself.
        notes: What a reader must know.
    """

    scores: pd.DataFrame
    minimize: list[str]
    notes: list[str]


def named_columns(path: Path, names: Mapping[str, str | None]) -> Named:
    """The columns of a table that were named; of a file of ``merge`` they are known.

    Args:
        path: A file of csv, parquet or jsonl.
        names: Columns by what they are; None: the column that is called so, where there is one that
            was not named as something else.

    Raises:
        ConfigError: When it cannot be read, or has no such column.
    """
    import pandas as pd

    table = read(path)
    minimize: list[str] = []
    notes: list[str] = []
    if MARK in table.columns:
        names = {key: names[key] or OF_MERGED.get(key) for key in names}
        table = _told_apart(table)
        if "simulated" in table and table["simulated"].astype("str").str.lower().eq("true").any():
            notes.append(SIMULATED)
        minimize = [*table.loc[table["direction"] == "minimize", "dataset"].unique()]
    else:
        own = {key for key in names if key in table.columns} - set(names.values())
        names = {key: name or (key if key in own else None) for key, name in names.items()}
    for what in _NEEDED:
        if names[what] is None:
            raise ConfigError(
                f"which column is the {what}?{_columns(table, what)}",
                key=f"--{what}",
                mend=f"--{what} COLUMN",
            )
    found = {}
    for what, name in names.items():
        if name is not None:
            found[what] = _column(table, what, name)
    for what in ("score", "baseline"):
        if what in found:
            found[what] = pd.to_numeric(found[what], errors="coerce").astype("float64")
    for what in ("dataset", "optimizer", "model", "seed", "item"):
        found[what] = found[what].map(_text) if what in found else pd.Series("", table.index)
    if "cluster" in found:
        found["cluster"] = found["cluster"].map(_text)
    return Named(pd.DataFrame(found), minimize, notes)


def _told_apart(table: pd.DataFrame) -> pd.DataFrame:
    """Runs of a merged file that only their submitters tell apart, with these in their names."""
    keys = ["dataset", "model", "optimizer", "seed"]
    for column in ("submitter", "identity"):
        if not {*keys, column} <= set(table.columns):
            break
        doubled = table[table.duplicated(keys, keep=False)]
        names = doubled["optimizer"].astype("str") + " of " + doubled[column].astype("str").str[:40]
        table = table.assign(optimizer=names.reindex(table.index).fillna(table["optimizer"]))
    return table


def read(path: Path) -> pd.DataFrame:
    """A table whose cells are as they stand there: of csv all are texts.

    Raises:
        ConfigError: When it cannot be read.
    """
    import pandas as pd
    from pyarrow import ArrowException

    if path.suffix not in KINDS:
        raise ConfigError(
            f"'{visible(path)}' is none of {', '.join(KINDS)}", key="TABLE", mend="convert it"
        )
    try:
        if path.suffix == ".csv":
            return pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        with path.open(encoding="utf-8") as lines:
            return pd.DataFrame([_object(line, at) for at, line in enumerate(lines, 1)
                                 if line.strip()])  # fmt: skip
    except OSError as error:
        said = error.strerror or str(error)
    except (ValueError, ArrowException) as error:  # of csv, of UTF-8 and of JSON
        said = (str(error).splitlines() or ["?"])[0]
    raise ConfigError(
        f"'{visible(path)}' cannot be read: {visible(said, 200)}", key="TABLE", mend="repair it"
    )


def _object(line: str, at: int) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ValueError(f"line {at} is no JSON object")  # noqa: TRY004 - of the file's content
    return told


def _column(table: pd.DataFrame, what: str, name: str) -> pd.Series:
    if name not in table.columns:
        raise ConfigError(
            f"there is no column '{visible(name, 60)}'.{_columns(table, name)}",
            key=f"--{what}",
        )
    return table[name]


def _columns(table: pd.DataFrame, wanted: str) -> str:
    from optbench.wording import close_names

    return close_names(wanted, [visible(name, 60) for name in list(table.columns)[:40]])


def _text(value: Any) -> str:
    """A name; whole numbers without a point, as csv and parquet would differ else."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None or value != value else str(value)
