"""Bad data is told before anything is paid: all that is wrong with a task, in one table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import composed

from optbench.preflight import PreflightError, check, read
from optbench.task import Task


def problems(*overrides: str) -> dict[str, str]:
    """What preflight says, by key."""
    config = Task.from_config(composed("model=simulated", "optimizer=none", *overrides)).config
    with pytest.raises(PreflightError) as caught:
        check(config, read(config))
    told = str(caught.value)
    for problem in caught.value.problems:
        assert problem.key
        assert problem.key in told
    return {str(problem.key): problem.what for problem in caught.value.problems}


def from_file(tmp_path: Path, **columns: str) -> list[str]:
    rows = [
        {"message": f"My kettle {i} leaks.", "product": "kettle", "n": i, **columns}
        for i in range(9)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return [
        "dataset.source.kind=file",
        f"dataset.source.path='{file}'",
        "dataset.source.split_column=null",
        "dataset.source.id_column=n",
        *(
            f"dataset.slices.{name}={{split:all,start:{3 * i},count:3}}"
            for i, name in enumerate(("train", "validation", "test"))
        ),
    ]


def test_what_is_wrong_besides_the_rows_is_told_too(tmp_path: Path) -> None:
    found = problems(
        "model=gpt-4o-mini",
        "model.api_key_env=NO_SUCH_KEY",
        "seed=-1",
        "dataset.source.kind=file",
        f"dataset.source.path='{tmp_path}/none.jsonl'",
        "dataset.metrics.0.name=exakt_match",
    )
    assert list(found) == [
        "dataset.source.path",
        "dataset.metrics.0.name",
        "model.api_key_env",
        "seed",
    ]
    assert "no file" in found["dataset.source.path"]


def test_a_renamed_column_is_named_where_it_is_missed(tmp_path: Path) -> None:
    found = problems(*from_file(tmp_path), "+dataset.source.rename.text=message")
    assert found["dataset.prompt"] == "'{message}' is no column"
    found = problems(*from_file(tmp_path), "+dataset.source.rename.answer=product")
    assert "needs column 'product'" in found["dataset.metrics.0.target"]
    assert found["dataset.demonstration"] == "'{product}' is no column"


def test_demonstrations_need_something_to_show(tmp_path: Path) -> None:
    found = problems(*from_file(tmp_path), "optimizer=random_few_shot", "dataset.demonstration=''")
    assert list(found) == ["dataset.demonstration"]
    assert "random_few_shot" in found["dataset.demonstration"]


def test_a_recorded_fingerprint_can_be_left_out_on_the_command_line(tmp_path: Path) -> None:
    other = "+dataset.fingerprints.test=" + "0" * 64
    assert "dataset.fingerprints.test" in problems(*from_file(tmp_path), other)
    config = Task.from_config(
        composed("dataset=gsm8k", "~dataset.fingerprints.test", "dataset.slices.test.count=9")
    ).config
    assert set(config.dataset.fingerprints) == {"train", "validation"}
