"""What a task does when things go wrong around it."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from support import composed

from optbench.errors import ConfigError, OptbenchError
from optbench.metrics.exact_match import ExactMatch
from optbench.task import Task, run_task

SMALL = ("model=simulated", "test_mode=true", "optimizer=none")


def test_full_disk_is_said_clearly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import optbench.recorder

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(optbench.recorder, "write_items", full)
    with pytest.raises(OptbenchError, match="the disk is full") as caught:
        run_task(Task.from_config(composed(*SMALL)), tmp_path)
    assert "hydra.run.dir" in str(caught.value)
    assert json.loads((tmp_path / "status.json").read_text())["state"] == "failed"


def test_metric_that_raises_names_the_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score = ExactMatch.score

    def moody(self: ExactMatch, output: str, row: dict[str, str]) -> object:
        # Preflight scores the answer itself; only a real output makes it raise.
        if output != row["product"]:
            raise RuntimeError("moody")
        return score(self, output, row)

    monkeypatch.setattr(ExactMatch, "score", moody)
    with pytest.raises(
        OptbenchError, match=r"metric 'exact_match' raised RuntimeError on item 't\d+'"
    ):
        run_task(Task.from_config(composed(*SMALL)), tmp_path)
    assert (tmp_path / "items.parquet").exists()


def test_missing_value_is_named() -> None:
    with pytest.raises(ConfigError, match=r"model\.path"):
        Task.from_config(composed("model=gguf"))


def test_errors_survive_a_process_boundary() -> None:
    import pickle

    error = ConfigError("wrong", key="a.b", mend="mend it")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)


def test_a_result_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-key")
    run_task(Task.from_config(composed(*SMALL, "model@optimizer_model=gpt-4o-mini")), tmp_path)
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"sk-planted-key" not in file.read_bytes(), file
