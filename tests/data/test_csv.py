"""CSV files: cells are the texts that stand there, or the line that is wrong is named."""

from __future__ import annotations

import csv
import json
import resource
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import read_split
from test_files import conf

from optbench.config.schema import SourceConf, SourceKind
from optbench.data import csv_file
from optbench.data.load import load
from optbench.errors import DataError

GB = 2**30
AS_WRITTEN = ("00003", "0.10", "12345678901234567890123", "10:30", "NA", "null", "N/A", "", "1", "True",
              "2024-01-02", "1e5", "-0", " x ", "NaN", "+1", "a\"b", "a,b", "é", "\u2028", "\x0b", "#",
              "line\r\nbreak", "line\nbreak", "line\rbreak")  # fmt: skip


def read(file: Path) -> list[dict[str, object]]:
    source = SourceConf(SourceKind.file, path=str(file))
    return [dict(row) for row in read_split(source, "all")]


def saved(file: Path, rows: list[list[str]], ending: str = "\r\n") -> Path:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(rows)
    return file


def test_cells_stay_as_they_are_written(tmp_path: Path) -> None:
    table = [[f"{i}", value] for i, value in enumerate(AS_WRITTEN)]
    for ending in ("\n", "\r\n"):
        rows = read(saved(tmp_path / "rows.csv", [["q", "a"], *table], ending))
        assert [row["a"] for row in rows] == [*AS_WRITTEN]
    # A block of the same value is no reason to think of a type either.
    rows = read(saved(tmp_path / "na.csv", [["q", "a"], *[[f"{i}", "NA"] for i in range(60)]]))
    assert {row["a"] for row in rows} == {"NA"}


def test_the_same_rows_as_json_lines_of_texts(tmp_path: Path) -> None:
    rows = [{"id": f"{i:05}", "q": f"Q {i}, how\nmany?", "a": f"{i / 4:.2f}"} for i in range(9)]
    lines, table = tmp_path / "rows.jsonl", tmp_path / "rows.csv"
    lines.write_text("\n".join(json.dumps(row) for row in rows))
    saved(table, [[*rows[0]], *[[*row.values()] for row in rows]])
    assert [part.fingerprint for part in load(conf(lines))] == [
        part.fingerprint for part in load(conf(table))
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
                 min_size=2, max_size=2),
        max_size=6,
    )
)  # fmt: skip
def test_whatever_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]]
) -> None:
    file = tmp_path_factory.mktemp("rows") / "rows.csv"
    assert [[*row.values()] for row in read(saved(file, [["q", "a"], *table]))] == table


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b,a\n1,2,3\n", "the header in line 1 has column 'a' twice"),
        ('q,a\n1,2\n3,"4\n5,6\n7,8\n', "a quote in the row that begins in line 3 is not closed"),
        ('q,a\n1,2\n"3,4\n5,6\n"7",8\n', "lines 3 to 5: a quote ends within a cell"),
        ("q,a\n1,2,3\n", "the row in line 2 has 3 cells, and the header 2"),
        ("q,a\n\n1,2\n3\n", "the row in line 4 has 1 cells"),
        ("q,a\r1,2\r3\r", "the row in line 3 has 1 cells"),
        ('q,a\n"1\n2",3\n4\n', "the row in line 4 has 1 cells"),
        ("q,a\n1,2\n\0\0\0\0\n", "line 3 holds a zero byte, so it is no text"),
        ("\n\n", "it holds no header and no rows"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(content.encode())
    with pytest.raises(DataError) as caught:
        read(file)
    assert said in caught.value.what
    assert caught.value.key == "dataset.source.path"


def test_line_ends_marks_and_empty_lines(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    for content in ("\ufeffq,a\r\n\r\n1,2\r\n", "q,a\r1,2\r", "q,a\n1,2", '"q","a"\n1,"2"\n\n'):
        file.write_bytes(content.encode())
        assert read(file) == [{"q": "1", "a": "2"}], content
    file.write_text("q,a\n")
    assert read(file) == []


def test_a_text_longer_than_the_library_takes_by_itself(tmp_path: Path) -> None:
    long = "word, " * 100_000
    assert read(saved(tmp_path / "rows.csv", [["q", "a"], [long, "1"]])) == [{"q": long, "a": "1"}]


@pytest.mark.parametrize(
    ("tail", "said"),
    [(b"", "zero byte"), (b'"open\n' + (b"1," + b"2" * 97 + b"\n") * 200_000, "is not closed")],
)
def test_a_large_file_is_read_piece_by_piece(tmp_path: Path, tail: bytes, said: str) -> None:
    """Sparse, or all in one quote: told soon, and without the whole file in memory."""
    file = saved(tmp_path / "big.csv", [["q", "a"], *[[f"{i}", "x"] for i in range(9)]])
    with file.open("ab") as big:
        big.write(tail)
        big.truncate(2 * GB)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    assert [len(part) for part in load(conf(file))] == [3, 3, 3]
    with pytest.raises(DataError, match=said):
        read(file)
    assert time.process_time() - began < 10
    used_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert used_kb < 20 * csv_file.MAX_CELL_CHARACTERS / 1024
