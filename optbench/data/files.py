"""Rows of local files, read piece by piece: a file may be larger than the memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from optbench.data import csv_file
from optbench.data.source import Row
from optbench.errors import DataError, first_line

KEY = "dataset.source.path"
MAX_LINE_BYTES = 64 * 2**20
"""A longer line is no row: most likely the whole file is one line."""
MAX_ARRAY_BYTES = 256 * 2**20
"""A JSON array cannot be read piece by piece."""
_BATCH_ROWS = 1024


class FileRows:
    """The rows of a split in a file; each pass reads the file once, and only as far as it must.

    Args:
        opened: Gives the path, which is there as long as the context lasts.
        split_column: The column that names a row's split; None where the whole file is the split.
        split: The split's name.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Path]],
        split_column: str | None,
        split: str,
    ) -> None:
        self._opened, self._column, self._split = opened, split_column, split

    def length(self) -> int:
        """See ``Rows``; reads the whole file, and keeps nothing of it."""
        with self._opened() as path, _told(path):
            return sum(len(self._chosen(chunk)) for chunk in _chunks(path))

    def take(self, numbers: Sequence[int]) -> dict[int, Row]:
        """See ``Rows``."""
        wanted = set(numbers)
        last = max(wanted, default=-1)
        found: dict[int, Row] = {}
        first = 0
        with self._opened() as path, _told(path):
            for chunk in _chunks(path):
                chosen = self._chosen(chunk)
                for number in wanted.intersection(range(first, first + len(chosen))):
                    found[number] = chunk.row(chosen[number - first])
                first += len(chosen)
                if first > last:  # before the next piece is read
                    break
        return {number: found[number] for number in numbers if number in found}

    def _chosen(self, chunk: _Chunk) -> Sequence[int]:
        """Which of a chunk's rows are of this split."""
        if self._column is None:
            return range(len(chunk))
        return [i for i, value in enumerate(chunk.values(self._column)) if value == self._split]


class _Chunk(Protocol):
    def __len__(self) -> int: ...

    def row(self, index: int) -> Row: ...

    def values(self, column: str) -> list[Any]: ...


class _Line:
    """A line of a JSON Lines file, parsed when it is asked for."""

    def __init__(self, number: int, line: bytes) -> None:
        self._number, self._line = number, line

    def __len__(self) -> int:
        return 1

    def row(self, index: int) -> Row:  # noqa: ARG002  there is one
        where = f"line {self._number}"
        try:
            row = json.loads(self._line.decode())
        except UnicodeDecodeError as error:
            raise _not_utf8(where, error) from error
        except json.JSONDecodeError as error:
            raise ValueError(f"{where} is not JSON: {error.msg}") from error
        except RecursionError as error:
            raise ValueError(f"{where} is nested too deeply") from error
        return _object(row, where)

    def values(self, column: str) -> list[Any]:
        row = self.row(0)
        if column not in row:
            raise _no_split_column(column, row, f"line {self._number} has ")
        return [row[column]]


class _Objects:
    """The rows of a JSON array."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, index: int) -> Row:
        return _object(self._rows[index], f"element {index}")

    def values(self, column: str) -> list[Any]:
        found = []
        for index in range(len(self)):
            row = self.row(index)
            if column not in row:
                raise _no_split_column(column, row, f"element {index} has ")
            found.append(row[column])
        return found


class _Cells:
    """A row of a CSV file."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def __len__(self) -> int:
        return 1

    def row(self, index: int) -> Row:  # noqa: ARG002  there is one
        return self._row

    def values(self, column: str) -> list[Any]:
        if column not in self._row:
            raise _no_split_column(column, self._row)
        return [self._row[column]]


class _Table:
    """A batch of columns."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def row(self, index: int) -> Row:
        row: Row = self._batch.slice(index, 1).to_pylist()[0]
        return row

    def values(self, column: str) -> list[Any]:
        names = self._batch.schema.names
        if column not in names:
            raise _no_split_column(column, dict.fromkeys(names))
        values: list[Any] = self._batch.column(names.index(column)).to_pylist()
        return values


def _chunks(path: Path) -> Iterator[_Chunk]:
    reader = _FORMATS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"'{path.name}' is none of {', '.join(_FORMATS)}", key=KEY, mend="convert the file"
        )
    if path.stat().st_size == 0:
        raise DataError(f"'{path}' is empty", key=KEY, mend="name a file with rows")
    return reader(path)


def _jsonl(path: Path) -> Iterator[_Chunk]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise ValueError(
                    f"line {number} is longer than {MAX_LINE_BYTES // 2**20} MB; a row is one line"
                )
            if number == 1:
                line = line.removeprefix(
                    b"\xef\xbb\xbf"
                )  # the mark that Windows programs put there
            if line.strip():
                yield _Line(number, line)


def _json(path: Path) -> Iterator[_Chunk]:
    size = path.stat().st_size
    if size > MAX_ARRAY_BYTES:
        raise DataError(
            f"'{path}' has {size / 2**20:.0f} MB, and a JSON array is read at once",
            key=KEY,
            mend="write it as .jsonl, one object a line",
        )
    try:
        rows = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _not_utf8(f"byte {error.start}", error) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(rows, list):
        raise ValueError("it holds no array of rows")  # noqa: TRY004 one type for bad files
    yield _Objects(rows)


def _csv(path: Path) -> Iterator[_Chunk]:
    return map(_Cells, csv_file.rows(path))


def _parquet(path: Path) -> Iterator[_Chunk]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        for at, name in enumerate(names):
            if name in names[:at]:  # of the two a row would have the last
                raise ValueError(f"it has column '{name}' twice")
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            yield _Table(batch)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Whatever a file does to its readers, told as one error."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"no file '{path}'", key=KEY, mend="check the path") from error
    except (ValueError, OSError) as error:
        said = first_line(error)
        wrong_bytes = "UTF-8" in said or "UTF8" in said
        raise DataError(
            f"cannot read '{path}': {said}",
            key=KEY,
            mend="write it as UTF-8, such as by `iconv -f latin1 -t utf-8`"
            if wrong_bytes
            else "repair the file",
        ) from error


def _object(row: Any, where: str) -> Row:
    if not isinstance(row, dict):
        raise ValueError(f"{where} is not a JSON object")  # noqa: TRY004 one type for bad files
    return row


def _not_utf8(where: str, error: UnicodeDecodeError) -> ValueError:
    return ValueError(f"{where} is not UTF-8 (byte 0x{error.object[error.start]:02x})")


def _no_split_column(column: str, row: Row, where: str = "") -> DataError:
    return DataError(
        f"{where}no column '{column}'; there are {', '.join(sorted(row))}",
        key="dataset.source.split_column",
        mend="name the column that tells the split, or null",
    )


_FORMATS: dict[str, Callable[[Path], Iterator[_Chunk]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
}
