"""Sources, slices and their errors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from support import composed

from optbench.config.schema import DatasetConf
from optbench.data.arithmetic import generate
from optbench.data.load import load
from optbench.errors import DataError


def dataset(*overrides: str) -> DatasetConf:
    config: Any = OmegaConf.to_object(composed(*overrides))
    return config.dataset


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_file_source(tmp_path: Path, ending: str) -> None:
    rows = [{"q": f"question {i}", "a": f"answer {i}"} for i in range(9)]
    file = tmp_path / f"rows.{ending}"
    if ending == "jsonl":
        file.write_text("\n".join(json.dumps(row) for row in rows))
    else:
        import pyarrow as pa
        from pyarrow import csv, parquet

        write = csv.write_csv if ending == "csv" else parquet.write_table
        write(pa.Table.from_pylist(rows), file)
    data = load(file_dataset(file))
    assert [item.row["q"] for item in data.test] == ["question 6", "question 7", "question 8"]
    assert [item.id for item in data.train] == ["all-0", "all-1", "all-2"]


def file_dataset(file: Path, count: int = 3) -> DatasetConf:
    return dataset(
        f"dataset.source={{kind:file,path:'{file}',package:null,split_column:null,id_column:null}}",
        f"dataset.slices.train={{split:all,start:0,count:{count}}}",
        f"dataset.slices.validation={{split:all,start:3,count:{count}}}",
        f"dataset.slices.test={{split:all,start:6,count:{count}}}",
    )


def test_short_slice_is_an_error_with_its_key(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"q": "one"}\n')
    with pytest.raises(DataError) as caught:
        load(file_dataset(file))
    assert "dataset.slices.train.count" in str(caught.value)
    assert "gives 1 rows" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [("not json\n", "line 1 is not JSON"), ("[1]\n", "line 1 is not a JSON object")],
)
def test_broken_file_names_the_line(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(content)
    with pytest.raises(DataError, match=said):
        load(file_dataset(file))


def test_missing_file_and_unknown_ending(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        load(file_dataset(tmp_path / "none.jsonl"))
    with pytest.raises(DataError, match="is none of"):
        load(file_dataset(tmp_path / "rows.xlsx"))


def test_shuffle_seed_is_a_permutation() -> None:
    plain = load(dataset("dataset.shuffle_seed=null"))
    shuffled = load(dataset("dataset.shuffle_seed=3"))
    again = load(dataset("dataset.shuffle_seed=3"))
    assert shuffled.train.fingerprint == again.train.fingerprint != plain.train.fingerprint
    assert {i.id for i in shuffled.train} == {i.id for i in plain.train}


def test_test_mode_keeps_five() -> None:
    assert [len(part) for part in load(dataset(), test_mode=True)] == [5, 5, 5]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 120))
def test_generated_problems_are_distinct_and_stable(seed: int, count: int) -> None:
    splits = {
        name: generate(split=name, count=count, seed=seed)
        for name in ("train", "validation", "test")
    }
    questions = [row["question"] for rows in splits.values() for row in rows]
    assert len(set(questions)) == len(questions)
    longer = generate(split="test", count=count + 5, seed=seed)
    assert longer[:count] == splits["test"]
    assert all(int(row["answer"]) >= 0 for row in longer)


def test_gsm8k_rows_through_the_file_source() -> None:
    """Real rows, the shape of the hub's: the numeric metric reads the worked solutions."""
    folder = Path(os.environ.get("OPTBENCH_TEST_DATA", "../shared/data")) / "gsm8k"
    if not folder.is_dir():
        pytest.skip("no real rows here: set OPTBENCH_TEST_DATA")
    from optbench.metrics.numeric import Numeric

    data = load(
        dataset(
            "dataset=gsm8k",
            f"dataset.source={{kind:file,path:'{folder.resolve()}/{{split}}.jsonl',id:null}}",
        )
    )
    assert [len(part) for part in data] == [150, 150, 150]
    metric = Numeric("answer")
    for part in data:
        for item in part:
            assert metric.score(item.row["answer"], item.row).value == 1.0
