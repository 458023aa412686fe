"""The hub's path over HTTP, against a hub on this machine; each load in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub import Hub, jsonl, parquet, serve
from omegaconf import OmegaConf
from support import clean_environment

REPO = "someone/sums"
OLD, NEW = "a" * 40, "b" * 40
CARD = """configs:
- config_name: main
  data_files:
  - {split: train, path: main/train.parquet}
  - {split: test, path: main/test.parquet}
- config_name: other
  data_files: other.jsonl
"""
QUICK_S = 5.0
"""A hub that is not there must be told so soon, imports aside; its client alone takes 23 s."""


def rows(split: str, count: int, column: str = "question") -> list[dict[str, Any]]:
    return [
        {column: f"{split} {i}?", "answer": f"{i}", "tags": ["x", f"{i}"]} for i in range(count)
    ]


def files(column: str = "question", count: int = 40) -> dict[str, bytes]:
    return {
        "main/train.parquet": parquet(rows("train", count, column)),
        "main/test.parquet": parquet(rows("test", count, column)),
        "other.jsonl": jsonl(rows("other", 9)),
    }


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    hub.add(REPO, OLD, files(), CARD)
    hub.add(REPO, NEW, files(column="query"), CARD)
    with serve(hub):
        yield hub


def conf(*overrides: str) -> dict[str, Any]:
    """10, 10 and 10 rows of the test's dataset, as plain data."""
    base = {
        "name": "sums",
        "prompt": [],
        "demonstration": "",
        "max_tokens": 1,
        "metrics": [],
        "source": {"kind": "hub", "id": REPO, "config": "main", "revision": OLD},
        "slices": {
            "train": {"split": "train", "start": 0, "count": 10},
            "validation": {"split": "train", "start": 10, "count": 10},
            "test": {"split": "test", "start": 0, "count": 10},
        },
    }
    made: Any = OmegaConf.to_container(OmegaConf.merge(base, OmegaConf.from_dotlist([*overrides])))
    return made


def start(hub: Hub, home: Path, *confs: dict[str, Any], **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "load_once.py"), json.dumps(confs)],
        env={
            **clean_environment(),
            "HF_HOME": str(home),
            "HF_ENDPOINT": hub.url,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **env,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    found: list[dict[str, Any]] = json.loads(out.splitlines()[-1])
    return found


def load(hub: Hub, home: Path, *overrides: str, **env: str) -> dict[str, Any]:
    """Loads one dataset in a process of its own."""
    return told(start(hub, home, conf(*overrides), **env))[0]


def test_four_processes_on_a_cold_cache(hub: Hub, tmp_path: Path) -> None:
    found = [told(process)[0] for process in [start(hub, tmp_path, conf()) for _ in range(4)]]
    assert [one.get("counts") for one in found] == [[10, 10, 10]] * 4, found
    assert len({json.dumps(one["fingerprints"]) for one in found}) == 1
    assert found[0]["first"]["test"] == {"question": "test 0?", "answer": "0", "tags": ["x", "0"]}
    assert all(NEW not in request for request in hub.requests)


def test_a_pinned_slice_is_asked_for_once(hub: Hub, tmp_path: Path) -> None:
    cold = load(hub, tmp_path)
    hub.requests.clear()
    warm = load(hub, tmp_path)
    assert hub.asked() == []
    assert warm["fingerprints"] == cold["fingerprints"]
    assert not warm["imported_datasets"]


def test_a_branch_is_looked_up_each_time(hub: Hub, tmp_path: Path) -> None:
    main = "source.revision=main"
    assert "query" in load(hub, tmp_path, main)["first"]["train"]
    hub.requests.clear()
    again = load(hub, tmp_path, main)
    assert hub.asked() == [f"GET /api/datasets/{REPO}/revision/main"]
    assert "query" in again["first"]["train"]
    hub.add(REPO, "c" * 40, files(column="asked"), CARD)
    assert "asked" in load(hub, tmp_path, main)["first"]["train"]


@pytest.mark.slow
def test_shuffled_slices_are_disjoint_and_the_same_when_warm(hub: Hub, tmp_path: Path) -> None:
    shuffled = "shuffle_seed=5"
    cold = load(hub, tmp_path, shuffled)
    assert cold["fingerprints"] != load(hub, tmp_path)["fingerprints"]
    hub.requests.clear()
    assert load(hub, tmp_path, shuffled)["fingerprints"] == cold["fingerprints"]
    assert hub.asked() == []


@pytest.mark.slow
def test_a_file_of_the_repository(hub: Hub, tmp_path: Path) -> None:
    found = load(
        hub,
        tmp_path,
        "source.path=other.jsonl",
        "source.config=null",
        "slices.train.count=3",
        "slices.validation={split: train, start: 3, count: 3}",
        "slices.test={split: train, start: 6, count: 3}",
    )
    assert found["counts"] == [3, 3, 3]
    assert found["first"]["test"]["question"] == "other 6?"


@pytest.mark.slow
def test_a_split_from_another_repository(hub: Hub, tmp_path: Path) -> None:
    hub.add("someone/else", NEW, {"test.jsonl": jsonl(rows("elsewhere", 12))})
    found = load(
        hub,
        tmp_path,
        f"source.splits.far={{id: someone/else, revision: {NEW}, config: null, split: test}}",
        "slices.test.split=far",
    )
    assert found["first"]["test"]["question"] == "elsewhere 0?"
    assert found["first"]["train"]["question"] == "train 0?"


LACKS = {
    "revision gone": (["source.revision=" + "d" * 40], "source.revision", "no revision"),
    "no dataset": (["source.id=someone/nothing"], "source.id", "no dataset"),
    "config": (["source.config=none"], "source.config", "no config 'none'"),
    "split": (["slices.test.split=none"], "slices", "no split 'none'"),
    "file": (["source.path=no/{split}.csv"], "source.path", "no file"),
    "renamed column": (
        [f"source.revision={NEW}", "source.rename.asked=question"],
        "source.rename.asked",
        "no column 'question'; there are answer, query, tags",
    ),
    "short": (["slices.test.count=41"], "slices.test.count", "the split has 40"),
}


def test_what_the_hub_has_not(hub: Hub, tmp_path: Path) -> None:
    confs = [conf(*overrides) for overrides, _, _ in LACKS.values()]
    found = told(start(hub, tmp_path, *confs))
    for (case, (_, key, said)), one in zip(LACKS.items(), found, strict=True):
        assert one["error"]["key"] == f"dataset.{key}", case
        assert said in one["error"]["what"], case
        assert one["error"]["mend"], case


def test_a_column_that_is_renamed_in_one_split_only(hub: Hub, tmp_path: Path) -> None:
    """Its client casts all splits to the columns of the first; the mend that is told works."""
    one = {**files(), "main/test.parquet": parquet(rows("test", 40, "problem"))}
    hub.add(REPO, NEW, one, CARD)
    mended = (
        *("source.config=null", "source.path=main/{split}.parquet"),
        "source.splits.test.rename.question=problem",
    )
    confs = [conf(f"source.revision={NEW}"), conf(f"source.revision={NEW}", *mended)]
    process = start(hub, tmp_path, *confs)
    out, screen = process.communicate(timeout=120)
    found = json.loads(out.splitlines()[-1])
    assert found[0]["error"]["what"] == (
        f"the files of {REPO} (main) differ in their columns: one of them lacks 'question' and has "
        "'problem' besides; there are answer, problem, tags"
    )
    assert "source.splits.<split>.rename" in found[0]["error"]["mend"]
    assert "Cast" not in screen
    assert found[1]["first"]["test"]["question"] == "test 0?"


@pytest.mark.slow
def test_columns_of_another_type_in_one_split(hub: Hub, tmp_path: Path) -> None:
    other = [{"question": ["a"], "answer": "b", "tags": ["c"]}] * 40
    hub.add(REPO, NEW, {**files(), "main/test.parquet": parquet(other)}, CARD)
    error = load(hub, tmp_path, f"source.revision={NEW}")["error"]
    assert "An error occurred" not in error["what"]
    assert "Couldn't cast" in error["what"]


@pytest.mark.parametrize("kind", ["gated", "closed"])
def test_gated(hub: Hub, tmp_path: Path, kind: str) -> None:
    getattr(hub, kind).add(REPO)
    error = load(hub, tmp_path)["error"]
    assert error["key"] == "dataset.source.id"
    assert "is gated" in error["what"]
    assert "HF_TOKEN" in error["mend"]


def test_a_hub_that_is_down(hub: Hub, tmp_path: Path) -> None:
    hub.broken = True
    found = load(hub, tmp_path)
    assert "it answers 503" in found["error"]["what"]
    assert found["seconds"] < QUICK_S


def test_nothing_listens(hub: Hub, tmp_path: Path) -> None:
    """Cold: told within seconds. Warm: the slice that was taken once needs no hub."""
    load(hub, tmp_path)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        hub.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    cold = load(hub, tmp_path / "empty")
    assert cold["error"]["key"] == "dataset.source.id"
    assert "cannot be asked" in cold["error"]["what"]
    assert "HF_HUB_OFFLINE=1" in cold["error"]["mend"]
    assert cold["seconds"] < QUICK_S


def test_offline_takes_what_was_downloaded_of_that_commit(hub: Hub, tmp_path: Path) -> None:
    load(hub, tmp_path)
    hub.requests.clear()
    other_rows = "slices.test.start=20"
    found = load(hub, tmp_path, other_rows, HF_HUB_OFFLINE="1")
    assert found["first"]["test"]["question"] == "test 20?"
    wrong = load(hub, tmp_path, f"source.revision={NEW}", HF_HUB_OFFLINE="1")
    assert wrong["error"]["key"] == "dataset.source.revision"
    assert f"cached at {OLD} only" in wrong["error"]["what"]
    assert hub.asked() == []


@pytest.mark.slow
def test_offline_and_never_downloaded(hub: Hub, tmp_path: Path) -> None:
    found = load(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert found["error"]["key"] == "dataset.source.id"
    assert found["error"]["mend"].startswith("unset HF_HUB_OFFLINE once")
    assert "HF_HUB_OFFLINE=1" not in found["error"]["mend"]
    assert hub.asked() == []
    assert found["seconds"] < QUICK_S + 5  # it imports `datasets`


@pytest.mark.slow
def test_real_rows_come_as_they_are(hub: Hub, tmp_path: Path) -> None:
    """Nested and uneven columns, over parquet, download and the kept copy, equal the file's rows."""
    folder = Path(os.environ.get("OPTBENCH_TEST_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip("no real rows here: set OPTBENCH_TEST_DATA")
    lines = (folder / "ifbench" / "if_test_294.jsonl").read_text().splitlines()
    real = [json.loads(line) for line in lines]
    hub.add("someone/instructions", NEW, {"train.parquet": parquet(real)})
    words = (
        "source.id=someone/instructions",
        "source.config=null",
        f"source.revision={NEW}",
        "slices.test={split: train, start: 20, count: 274}",
    )
    for _ in range(2):
        found = load(hub, tmp_path, *words)
        assert found["first"]["train"] == real[0]
        assert found["first"]["test"] == real[20]
