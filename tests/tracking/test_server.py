"""``tracking=opik``: the same code against a server, over real HTTP."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from peers import opik_server
from support import command


@pytest.mark.parametrize("optimizer", ["random_few_shot", "meta_prompt"])
def test_a_task_reports_to_the_server(tmp_path: Path, optimizer: str) -> None:
    file = tmp_path / "server.sqlite"
    with opik_server(file) as address:
        done = command(
            "model=simulated", "test_mode=true", "tracking=opik", f"optimizer={optimizer}",
            "hydra.run.dir=out", cwd=tmp_path,
            env={"OPIK_URL_OVERRIDE": address, "OPIK_WORKSPACE": "team"},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "result.json").exists()
    assert not (tmp_path / "out" / "opik.sqlite").exists()
    with sqlite3.connect(file) as db:
        for table in (
            "datasets",
            "experiments",
            "experiment_items",
            "traces",
            "spans",
            "feedback_scores",
        ):
            assert db.execute(f"select count(*) from {table}").fetchone()[0], table
