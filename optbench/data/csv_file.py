"""Rows of a CSV file as RFC 4180 has them: every cell is text, as it stands there.

Nothing is guessed from a cell: ``00003``, ``0.10``, ``NA`` and ``10:30`` are what somebody wrote down as
the right answer, and a number, a null or a time in their place would be another one. So a CSV file and a
JSON Lines file of strings with the same texts are the same rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

MAX_LINE_BYTES = 64 * 2**20
"""A longer line is no row: most likely the file is no text."""
MAX_CELL_CHARACTERS = 16 * 2**20
"""A longer cell is none: most likely its quote is not closed."""


def rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows after the header, read line by line; empty lines are none.

    Raises:
        ValueError: Naming line or column, for what is not UTF-8 or no text, a column that stands twice,
            a row with fewer or more cells than the header, or a quote that is not closed.
    """
    if csv.field_size_limit() < MAX_CELL_CHARACTERS:  # by default 131,072, less than an article
        csv.field_size_limit(MAX_CELL_CHARACTERS)
    with path.open("rb") as file:
        reader = csv.reader(_lines(file), strict=True)
        columns: list[str] = []
        while True:
            first = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                raise ValueError(_explained(error, first, reader.line_num)) from error
            if not cells:
                continue
            if not columns:
                columns = _header(cells, first)
                continue
            if len(cells) != len(columns):
                raise ValueError(
                    f"the row in line {first} has {len(cells)} cells, and the header "
                    f"{len(columns)}; a cell that holds a comma is written in quotes"
                )
            yield dict(zip(columns, cells, strict=True))
    if not columns:
        raise ValueError("it holds no header and no rows")


def _header(cells: Sequence[str], line: int) -> list[str]:
    for at, name in enumerate(cells):
        if name in cells[:at]:
            raise ValueError(f"the header in line {line} has column '{name}' twice")
    return list(cells)


def _explained(error: csv.Error, first: int, last: int) -> str:
    said = str(error)
    where = f"line {first}" if first >= last else f"lines {first} to {last}"
    if "unexpected end of data" in said or "field limit" in said:
        return f"a quote in the row that begins in line {first} is not closed"
    if "expected after" in said:
        return (
            f"{where}: a quote ends within a cell; a quote that belongs to the text is doubled, and "
            "one that is not closed takes in the rows after it"
        )
    return f"{where}: {said}"


def _lines(file: io.BufferedReader) -> Iterator[str]:
    """The file's lines with their ends; a lone carriage return is one too."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if b"\0" in line:
            raise ValueError(f"line {number} holds a zero byte, so it is no text, or not in UTF-8")
        if len(line) > MAX_LINE_BYTES:
            raise ValueError(f"line {number} is longer than {MAX_LINE_BYTES // 2**20} MB")
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"line {number} is not UTF-8 (byte 0x{error.object[error.start]:02x})"
            ) from error
        if "\r" in text.removesuffix("\r\n"):
            pieces = list(io.StringIO(text, newline=""))
            number += len(pieces) - 1
            yield from pieces
        else:
            yield text
