"""A file is there whole, or not at all; what is none of ours is named and left."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from optbench.errors import ConfigError, OptbenchError
from optbench.layout import (
    SWEEP_FILES,
    JobFolder,
    job_folders,
    read_json,
    refuse_links,
    write_json,
)
from optbench.sqlite import transaction


@pytest.mark.parametrize(
    "name",
    ["trials.jsonl", ".hydra", ".hydra/config.yaml", "shared/cache.sqlite", "calls.sqlite-wal"],
)
def test_a_job_that_would_write_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    link = tmp_path / "job" / name
    link.parent.mkdir(parents=True)
    refuse_links(tmp_path / "job")
    link.symlink_to(tmp_path / "victim")
    with pytest.raises(ConfigError, match="is a link to"):
        refuse_links(tmp_path / "job")


def test_the_way_to_a_job_is_no_link_and_what_the_user_links_is(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "elsewhere" / "s1").mkdir(parents=True)
    (tmp_path / "sweep" / "d").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="d' is a link to"):
        refuse_links(tmp_path / "sweep" / "d" / "s1", below=tmp_path / "sweep")
    (tmp_path / "mine").symlink_to(tmp_path / "sweep")
    refuse_links(tmp_path / "mine", names=SWEEP_FILES)
    refuse_links(tmp_path / "mine" / "e" / "s1", below=tmp_path / "mine")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "no whole JSON"),
        (b"\xff\xfe", "decode"),
        (b"[1]", "no JSON object"),
        (b"{}", "schema version None, not 1"),
        (b'{"schema_version": 2}', "schema version 2, not 1"),
    ],
)
def test_a_result_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    folder = JobFolder(tmp_path)
    folder.result.write_bytes(content)
    with pytest.raises(OptbenchError, match=why) as caught:
        folder.read_result()
    assert "result.json" in str(caught.value)
    assert folder.result.read_bytes() == content


def test_a_folder_in_a_results_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "result.json").mkdir()
    with pytest.raises(OptbenchError, match=r"result\.json.*directory"):
        JobFolder(tmp_path).read_result()


def test_a_file_is_replaced_whole_or_left(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    assert read_json(file) is None
    write_json(file, {"b": "ä", "a": 1})
    assert read_json(file) == {"schema_version": 1, "b": "ä", "a": 1}
    text = file.read_text(encoding="utf-8")
    assert text == '{\n  "schema_version": 1,\n  "b": "ä",\n  "a": 1\n}\n'
    with pytest.raises(TypeError):
        write_json(file, {"b": object()})
    assert read_json(file) == {"schema_version": 1, "b": "ä", "a": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["result.json"]  # and nothing aside


def test_job_folders_come_by_path(tmp_path: Path) -> None:
    for name in ("b/2", "a", "b/1", "none"):
        (tmp_path / name).mkdir(parents=True)
        if name != "none":
            (tmp_path / name / "task.json").touch()
    found = [str(one.path.relative_to(tmp_path)) for one in job_folders(tmp_path)]
    assert found == ["a", "b/1", "b/2"]


def test_what_fails_within_a_transaction_has_written_nothing(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "some.sqlite", isolation_level=None)
    db.execute("CREATE TABLE numbers (n)")
    with transaction(db):
        db.execute("INSERT INTO numbers VALUES (1)")
    with pytest.raises(sqlite3.OperationalError), transaction(db):
        _ = (
            db.execute("INSERT INTO numbers VALUES (2)"),
            db.execute("INSERT INTO nowhere VALUES (3)"),
        )
    assert db.execute("SELECT n FROM numbers").fetchall() == [(1,)]
    db.close()
