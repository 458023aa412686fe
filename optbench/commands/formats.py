"""Tables as files: csv, parquet, JSON, Markdown and LaTeX."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.errors import ConfigError

from .concluded import records
from .screen import put, replaced
from .tables import Column, Table, latex, markdown, text
from .text import UNKNOWN, number, unknown

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("csv", "parquet", "json", "md", "latex")
_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def check(form: str, output: Path | None) -> None:
    """Before anything is read.

    Raises:
        ConfigError: When a binary format would go to a terminal.
    """
    if form == "parquet" and output is None:
        raise ConfigError("parquet is no text", key="--output", mend="--output FILE.parquet")


def write(
    frame: pd.DataFrame, form: str, output: Path | None, drawn: Sequence[Table] | None = None
) -> None:
    """Writes a table.

    Args:
        frame: As programs want it.
        form: One of :data:`FORMATS`.
        output: The file; None for standard output, where the format is one of text.
        drawn: As people want it, for Markdown and LaTeX; None: ``frame``, cell by cell.

    Raises:
        ConfigError: When the file cannot be written.
    """
    if form == "parquet":
        assert output is not None
        with replaced(output) as aside:
            frame.to_parquet(aside, index=False)
    elif form == "csv":
        _csv(frame, output)
    elif form == "json":
        put(json.dumps(records(frame), indent=1, allow_nan=False) + "\n", output)
    else:
        shape = markdown if form == "md" else latex
        put("\n".join(shape(one) for one in drawn or [as_drawn(frame)]), output)


def as_drawn(frame: pd.DataFrame) -> Table:
    """Any frame as a table of texts."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    columns = [
        Column(str(name)) if is_numeric_dtype(kind) and not is_bool_dtype(kind) else text(str(name))
        for name, kind in frame.dtypes.items()
    ]
    return Table("", columns, [[_cell(one) for one in row] for row in _rows(frame)])


def harmless(cell: Any) -> Any:
    """A text that a spreadsheet does not take for a formula; a number stays what it is."""
    return f"'{cell}" if isinstance(cell, str) and harmful(cell) else cell


def harmful(cell: str) -> bool:
    """Whether a spreadsheet would take a text for a formula."""
    return cell.startswith(_STARTS) and not _NUMBER.fullmatch(cell)


def _csv(frame: pd.DataFrame, output: Path | None) -> None:
    from pandas.api.types import is_numeric_dtype

    safe = frame.copy(deep=False)
    for name in safe.columns:
        if not is_numeric_dtype(safe[name].dtype):
            column = safe[name].astype("object")
            safe[name] = column.map(harmless, na_action="ignore")
    safe.columns = [harmless(str(name)) for name in safe.columns]
    if output is None:
        safe.to_csv(sys.stdout, index=False)
        return
    with replaced(output) as aside:
        safe.to_csv(aside, index=False)


def _cell(value: Any) -> str:
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, int):
        return f"{value}"
    return UNKNOWN if unknown(value) else number(value)


def _rows(frame: pd.DataFrame) -> list[list[Any]]:
    import math

    rows: list[list[Any]] = frame.astype("object").to_numpy().tolist()
    return [["" if isinstance(one, float) and math.isnan(one) else one for one in row]
            for row in rows]  # fmt: skip
