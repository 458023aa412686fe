"""Local files as they come: broken, empty, in another encoding, larger than the memory."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import read_split

from optbench.config.schema import (
    DatasetConf,
    SliceConf,
    SlicesConf,
    SourceConf,
    SourceKind,
)
from optbench.data import files
from optbench.data.load import fingerprint_problems, load
from optbench.errors import DataError
from optbench.imports import Allowed

GB = 2**30


def conf(path: Path, count: int = 3, **keys: Any) -> DatasetConf:
    """Three slices of ``count`` rows from a file."""
    parts = [SliceConf("all", start * count, count) for start in range(3)]
    source = SourceConf(SourceKind.file, path=str(path), **keys)
    return DatasetConf(name="mine", source=source, slices=SlicesConf(*parts))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def nine(path: Path) -> Path:
    return write(path, [{"q": f"question {i}", "a": str(i)} for i in range(9)])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("latin1.jsonl", '{"q": "caf\xe9"}\n'.encode("latin1"), "line 1 is not UTF-8 (byte 0xe9)"),
        ("utf16.jsonl", '{"q": "a"}\n'.encode("utf-16"), "line 1 is not UTF-8 (byte 0xff)"),
        ("latin1.json", '[{"q": "caf\xe9"}]'.encode("latin1"), "is not UTF-8 (byte 0xe9)"),
        ("latin1.csv", b"q,a\ncaf\xe9,1\n", "line 2 is not UTF-8 (byte 0xe9)"),
        ("empty.jsonl", b"", "is empty"),
        ("empty.csv", b"", "is empty"),
        ("empty.parquet", b"", "is empty"),
        ("blank.jsonl", b"\n \n", "the split has 0"),
        ("text.parquet", b"not parquet at all", "cannot read"),
        ("ragged.csv", b"q,a\n1,2\n3\n", "the row in line 3 has 1 cells, and the header 2"),
        ("array.json", b'{"q": 1}', "holds no array of rows"),
        ("words.json", b'["a", "b", "c", "d"]', "element 0 is not a JSON object"),
        ("deep.jsonl", b"[" * 100_000 + b"\n", "nested too deeply"),
        ("deep.json", b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_bad_files_are_one_clear_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(conf(file))
    assert said in caught.value.what
    assert "\n" not in caught.value.what
    assert str(caught.value.key).startswith("dataset.s")
    assert caught.value.mend
    if "UTF" in said:
        assert "iconv" in caught.value.mend


def test_a_column_that_stands_twice_in_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    file = tmp_path / "rows.parquet"
    parquet.write_table(pa.table([["1"] * 9, ["2"] * 9], names=["a", "a"]), file)
    with pytest.raises(DataError, match="column 'a' twice"):
        load(conf(file))


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "rows.jsonl"
    folder.mkdir()
    with pytest.raises(DataError, match="cannot read"):
        load(conf(folder))


def test_json_array_and_byte_order_mark(tmp_path: Path) -> None:
    rows = [{"q": f"{i}é"} for i in range(9)]
    array, marked = tmp_path / "rows.json", tmp_path / "rows.jsonl"
    array.write_text(json.dumps(rows))
    marked.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8-sig")
    assert load(conf(array)).test.fingerprint == load(conf(marked)).test.fingerprint


def test_csv_with_line_ends_within_values(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("q,a\n" + "".join(f'"line\nof {i}",{i}\n' for i in range(9)))
    assert load(conf(file)).test.items[2].row == {"q": "line\nof 8", "a": "8"}


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet", "json"])
def test_a_broken_row_behind_the_slices_does_not_matter(tmp_path: Path, ending: str) -> None:
    """Nor does a shuffle see other rows than the file has."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    rows = [{"q": f"question {i}", "part": "ab"[i % 2]} for i in range(5000)]
    file = tmp_path / f"rows.{ending}"
    if ending == "jsonl":
        write(file, rows)
    elif ending == "json":
        file.write_text(json.dumps(rows))
    else:
        save = csv.write_csv if ending == "csv" else parquet.write_table
        save(pa.Table.from_pylist(rows), file)
    source = SourceConf(SourceKind.file, path=str(file), split_column="part")
    assert read_split(source, "b", needed=2) == [rows[1], rows[3]]
    assert len(read_split(source, "a")) == 2500
    made = conf(file)
    made.shuffle_seed = 4
    shuffled = load(made)
    assert [item.row["q"] for item in shuffled.train] != [row["q"] for row in rows[:3]]
    for item in shuffled.train:
        assert item.row == rows[int(item.id.removeprefix("all-"))]


def test_two_gigabytes_cost_neither_memory_nor_time(tmp_path: Path) -> None:
    """A sparse file: the rows that a slice needs, then nothing that is a row."""
    file = nine(tmp_path / "big.jsonl")
    with file.open("ab") as big:
        big.write(b"\n")
        big.truncate(2 * GB)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    assert [len(part) for part in load(conf(file))] == [3, 3, 3]
    shuffled = conf(file)
    shuffled.shuffle_seed = 1
    with pytest.raises(DataError, match="line 10 is longer than 64 MB"):
        load(shuffled)
    assert time.perf_counter() - began < 10
    used_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert used_kb < 4 * files.MAX_LINE_BYTES / 1024


def test_a_large_json_array_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "big.json"
    with file.open("wb") as big:
        big.truncate(2 * GB)
    with pytest.raises(DataError) as caught:
        load(conf(file))
    assert "2048 MB" in caught.value.what
    assert ".jsonl" in str(caught.value.mend)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 9**9), count=st.integers(1, 3))
def test_shuffled_slices_stay_disjoint(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int
) -> None:
    made = conf(nine(tmp_path_factory.mktemp("rows") / "rows.jsonl"), count)
    made.shuffle_seed = seed
    data = load(made)
    ids = [item.id for part in data for item in part]
    assert len(set(ids)) == len(ids) == 3 * count


def test_a_count_beyond_all_measure_is_a_short_slice(tmp_path: Path) -> None:
    made = conf(nine(tmp_path / "rows.jsonl"))
    made.slices.test.count = 10**15
    with pytest.raises(DataError, match="the split has 9"):
        load(made)


# Renaming and transforms.


def with_length(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "length": len(row["q"])}


def fails_on_four(row: dict[str, Any]) -> dict[str, Any]:
    if row["a"] == "4":
        raise ZeroDivisionError("no four")
    return row


def lacks(row: dict[str, Any]) -> dict[str, Any]:
    return {"q": row["question"]}


def gives_none(row: dict[str, Any]) -> None:
    return None


def test_rename_comes_before_the_transform_and_the_id(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", [{"Q u": f"w{i}", "No": i} for i in range(9)])
    made = conf(
        file,
        rename={"q": "Q u", "id": "No"},
        id_column="id",
        transform="test_files.with_length",
    )
    data = load(made, allowed=Allowed(("test_files",)))
    assert data.test.items[0].row == {"q": "w6", "id": 6, "length": 2}
    assert [item.id for item in data.test] == ["6", "7", "8"]


@pytest.mark.parametrize(
    ("rename", "key", "said"),
    [
        ({"x": "Q"}, "dataset.source.rename.x", "no column 'Q'; there are a, q"),
        ({"a": "q"}, "dataset.source.rename.a", "there is a column 'a' already"),
    ],
)
def test_renames_that_cannot_be(
    tmp_path: Path, rename: dict[str, str], key: str, said: str
) -> None:
    with pytest.raises(DataError) as caught:
        load(conf(nine(tmp_path / "rows.jsonl"), rename=rename))
    assert (caught.value.key, caught.value.what) == (key, said)


def test_two_columns_can_change_names(tmp_path: Path) -> None:
    made = conf(nine(tmp_path / "rows.jsonl"), rename={"a": "q", "q": "a"})
    assert load(made).train.items[0].row == {"a": "question 0", "q": "0"}


@pytest.mark.parametrize(
    ("transform", "said"),
    [
        ("fails_on_four", "row 4 of split 'all' raised ZeroDivisionError: no four"),
        ("lacks", "row 0 of split 'all' lacks column 'question'; there are a, q"),
        ("gives_none", "row 0 of split 'all' returned NoneType, not a row"),
        ("nothing", "cannot import"),
        ("GB", "names no class and no function"),
    ],
)
def test_transforms_that_fail_name_the_row(tmp_path: Path, transform: str, said: str) -> None:
    made = conf(nine(tmp_path / "rows.jsonl"), transform=f"test_files.{transform}")
    with pytest.raises(DataError) as caught:
        load(made, allowed=Allowed(("test_files",)))
    assert caught.value.key == "dataset.source.transform"
    assert said in caught.value.what


def test_a_split_of_its_own_source(tmp_path: Path) -> None:
    here, there = nine(tmp_path / "here.jsonl"), tmp_path / "there.jsonl"
    write(there, [{"Q": f"other {i}"} for i in range(9)])
    made = conf(here, splits={"far": {"path": str(there), "rename": {"q": "Q"}}})
    made.slices.test.split = "far"
    data = load(made)
    assert data.train.items[0].row["q"] == "question 0"
    assert data.test.items[0].row == {"q": "other 6"}
    assert data.test.items[0].id == "far-6"
    made.source.splits["far"]["id_column"] = "q"
    assert load(made).test.items[0].id == "other 6"


def test_a_split_cannot_have_keys_that_no_source_has(tmp_path: Path) -> None:
    made = conf(nine(tmp_path / "rows.jsonl"), splits={"all": {"pfad": "x"}})
    with pytest.raises(DataError) as caught:
        load(made)
    assert caught.value.key == "dataset.source.splits.all.pfad"
    assert "Did you mean path" in caught.value.what


# Fingerprints.


def told(made: DatasetConf) -> list[str]:
    return [f"{one.key}: {one.what}" for one in fingerprint_problems(made, load(made))]


def test_recorded_fingerprints_are_compared(tmp_path: Path) -> None:
    made = conf(nine(tmp_path / "rows.jsonl"))
    right, other = load(made).test.fingerprint, "0" * 64
    made.fingerprints = {"test": right, "validation": f"0+3 {other}"}  # the latter is rows 3 to 5
    assert told(made) == []
    made.fingerprints = {"test": f"6+3 {other}"}
    (found,) = told(made)
    assert found.startswith("dataset.fingerprints.test: ")
    assert right in found
    assert other in found


def test_fingerprints_that_are_none(tmp_path: Path) -> None:
    made = conf(nine(tmp_path / "rows.jsonl"))
    made.fingerprints = {"tset": "0" * 64, "test": "abc"}
    no_slice, no_fingerprint = told(made)
    assert "Did you mean test" in no_slice
    assert "'abc' is no fingerprint" in no_fingerprint
