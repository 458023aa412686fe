"""Whatever stands in a sweep's folder: tables with their problems, and views that do not fall."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fuzzing import Change, changed, changes, looks
from hypothesis import example, given
from hypothesis import strategies as st
from results.job_files import make

from optbench.commands import cli
from optbench.results.runs import load

JSON = ("task.json", "status.json", "result.json")
FILES = (*JSON, "trials.jsonl", "items.parquet", "calls.sqlite")
KEYS = ("schema_version", "identity", "state", "scores", "initial", "final", "test", "validation",
        "prompts", "messages", "content", "lift", "ledger", "config", "dataset", "metrics")  # fmt: skip
MARK = "<script>fuzz()</script>"
TABLES = ("tasks", "items", "trials", "calls")

Spoiling = tuple[str, str, Any]
"""Which file, how, and with what."""

spoilings: st.SearchStrategy[Spoiling] = st.one_of(
    st.tuples(st.sampled_from(FILES), st.just("truncate"), st.floats(0, 1)),
    st.tuples(
        st.sampled_from(FILES), st.just("flip"), st.lists(st.integers(0, 10**6), min_size=1, max_size=8)
    ),
    st.tuples(
        st.sampled_from(FILES), st.just("become"),
        st.sampled_from(("folder", "link away", "link to itself", "pipe", "empty", "none", "other")),
    ),
    st.tuples(st.sampled_from(FILES), st.just("write"), st.binary(max_size=60)),
    st.tuples(st.sampled_from(JSON), st.just("change"), changes(KEYS)),
    st.tuples(st.just("trials.jsonl"), st.just("change"), changes(KEYS)),
    st.tuples(st.sampled_from(FILES), st.just("text"), st.sampled_from((MARK, "\x1b[31m", "\u202e"))),
)  # fmt: skip


def spoil(job: Path, how: Spoiling) -> None:
    name, way, value = how
    file = job / name
    if not file.is_file() or file.is_symlink():
        return
    content = bytearray(file.read_bytes())
    if way == "truncate":
        file.write_bytes(content[: int(len(content) * value)])
    elif way == "flip":
        for bit in value:
            if content:
                content[bit // 8 % len(content)] ^= 1 << bit % 8
        file.write_bytes(content)
    elif way == "write":
        file.write_bytes(value)
    elif way == "become":
        _become(file, value)
    elif way == "text":  # of the same length, wherever it stands, so that binary files stay whole
        word = value.encode()
        content[:] = content.replace(b"good", word[:4]).replace(b"exact_match", word.ljust(11)[:11])
        file.write_bytes(content)
    elif way == "change":
        _change(file, value)


def _become(file: Path, what: str) -> None:
    file.unlink()
    if what == "folder":
        file.mkdir()
    elif what == "link away":
        file.symlink_to("/etc/passwd")
    elif what == "link to itself":
        file.symlink_to(file.name)
    elif what == "pipe":
        os.mkfifo(file)
    elif what == "empty":
        file.touch()
    elif what == "other":
        file.write_bytes(
            (file.parent / "task.json").read_bytes() if file.name != "task.json" else b"[]"
        )


def _change(file: Path, wanted: list[Change]) -> None:
    try:
        text = file.read_text()
        lines = text.splitlines() if file.suffix == ".jsonl" else [text]
        documents = [json.loads(line) for line in lines]
    except ValueError:
        return
    said = [json.dumps(changed(document, wanted)) for document in documents]
    file.write_text("\n".join(said) + "\n")


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three jobs that are well, one of which will be spoiled."""
    folder = tmp_path_factory.mktemp("well") / "sweep"
    for optimizer, seed in (("good", 1), ("good", 2), ("none", 1)):
        make(folder / optimizer / f"s{seed}", optimizer=optimizer, seed=seed)
    return folder


@contextmanager
def spoiled(well: Path, wanted: list[Spoiling]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "sweep"
        shutil.copytree(well, folder)
        for how in wanted:
            spoil(folder / "good" / "s1", how)
        yield folder


def ends(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    return int(ended.value.code or 0)


wanted = st.lists(spoilings, min_size=1, max_size=3)


@looks(30)
@given(wanted)
@example([("task.json", "become", "link to itself")])
def test_tables_of_anything(well: Path, wanted: list[Spoiling]) -> None:
    with spoiled(well, wanted) as folder:
        runs = load(folder)
        for table in TABLES:
            getattr(runs, table).to_json()  # whole, and in a form that can be written
        for identity in runs.tasks["identity"].dropna():
            runs.prompts(identity)
        others = runs.tasks[
            runs.tasks["folder"].map(lambda one: Path(one).name != "s1" or "none" in one)
        ]
        assert len(others) == 2
        assert (others["state"] == "success").all()
        assert set(runs.problems["kind"].map(type)) <= {str}


@looks(3)
@given(wanted)
def test_views_of_anything(well: Path, wanted: list[Spoiling]) -> None:
    with spoiled(well, wanted) as folder:
        for words in (
            ("show",),
            ("show", "--detailed"),
            ("show", "--raw"),
            ("failures",),
            ("prompts",),
        ):
            extra = ("--incomplete",) if words[0] == "show" else ()
            assert ends(*words, str(folder), *extra) in (0, 1, 2)
        for table in cli.TABLES:
            file = folder.parent / f"{table}.csv"
            code = ends("export", str(folder), "--format", "csv", "--table", table, "-o", str(file),
                        "--incomplete")  # fmt: skip
            assert code in (0, 1, 2)


@looks(2)
@given(wanted)
def test_a_report_of_anything(well: Path, wanted: list[Spoiling]) -> None:
    with spoiled(well, [("result.json", "change", [(0, "rename", MARK)]), *wanted]) as folder:
        result = folder / "none" / "s1" / "result.json"
        said = json.loads(result.read_text())
        said["prompts"]["final"]["messages"][0]["content"] = MARK
        said["optimizer"] = said["finish_reason"] = MARK
        result.write_text(json.dumps(said))
        page = folder.parent / "page.html"
        assert ends("report", str(folder), "-o", str(page), "--incomplete") in (0, 1, 2)
        assert not page.exists() or MARK not in page.read_text()
