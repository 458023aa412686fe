"""Every optimizer end to end on the simulated model, offline: files, ledger, counts."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support import composed, searches

from optbench.errors import NoProposalsError
from optbench.layout import JobFolder
from optbench.models.simulated import SimulatedModel
from optbench.task import Task, run_task
from optbench.tracking.transport import install

PAID = "select count(*) from calls where source = 'model'"
SMALL = (
    "model=simulated",
    "budget=trials_3",
    "dataset.slices.train.count=12",
    "dataset.slices.validation.count=10",
    "dataset.slices.test.count=10",
)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the simulated model itself counted, each call once."""
    counted: list[int] = []
    answer = SimulatedModel.complete

    def counting(self: SimulatedModel, request: object) -> object:
        counted.append(1)
        return answer(self, request)  # type: ignore[arg-type]

    monkeypatch.setattr(SimulatedModel, "complete", counting)
    return counted


@pytest.mark.parametrize("optimizer", searches())
def test_end_to_end(optimizer: str, tmp_path: Path, seen: list[int]) -> None:
    task = Task.from_config(composed(*SMALL, f"optimizer={optimizer}", "tracking.spans=true"))
    result = run_task(task, tmp_path)
    folder = JobFolder(tmp_path)
    for file in (
        folder.task,
        folder.status,
        folder.items,
        folder.trials,
        folder.calls,
        folder.opik,
    ):
        assert file.exists(), file
    assert result["ledger"]["total"]["paid"]["calls"] == len(seen)
    # The embedded Opik backend knows every request of every optimizer.
    assert install().unknown_requests == []
    with sqlite3.connect(folder.calls) as db:
        assert db.execute(PAID).fetchone()[0] == len(seen)
    phases = result["ledger"]
    assert phases["baseline"]["task"]["used"]["calls"] == 20
    lines = [json.loads(line) for line in folder.trials.read_text().splitlines()]
    assert len(lines) == result["trials"]
    assert [line["index"] for line in lines] == list(range(len(lines)))
    assert {line["slice"] for line in lines} <= {"train", "validation"}
    rows = pq.read_table(folder.items).to_pylist()
    for line in lines:
        scored = [row["item_id"] for row in rows if row["trial"] == line["index"]]
        assert len(scored) == line["items"] == len(set(scored))
    if optimizer != "none":
        assert result["candidates"] >= 1
        assert sum(line["items"] for line in lines) == phases["optimise"]["task"]["used"]["calls"]
    with sqlite3.connect(folder.opik) as db:
        kept = {
            table: db.execute(f"select count(*) from {table}").fetchone()[0]
            for table in (
                "datasets",
                "experiments",
                "experiment_items",
                "traces",
                "spans",
                "feedback_scores",
            )
        }
    assert all(kept.values()), kept
    assert kept["traces"] >= phases["total"]["used"]["calls"] - 60


@pytest.mark.parametrize(
    "optimizer",
    ["meta_prompt", "evolutionary_optimizer", "gepa", "few_shot",
     pytest.param("hierarchical_reflective", marks=pytest.mark.slow)],
)  # fmt: skip
def test_an_optimizer_whose_model_always_fails_has_failed(optimizer: str, tmp_path: Path) -> None:
    task = Task.from_config(
        composed(
            *SMALL,
            f"optimizer={optimizer}",
            "model@optimizer_model=simulated",
            "optimizer_model.errors.rate_limit=1.0",
            "optimizer_model.retries=1",
        )
    )
    with pytest.raises(NoProposalsError, match="no proposals"):
        run_task(task, tmp_path)
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["state"], status["reason"]) == ("failed", "no proposals")
    assert not (tmp_path / "result.json").exists()
    assert (tmp_path / "items.parquet").exists()


@pytest.mark.parametrize("optimizer", ["meta_prompt", "few_shot"])
def test_malformed_replies_are_no_proposals_either(optimizer: str, tmp_path: Path) -> None:
    task = Task.from_config(
        composed(*SMALL, f"optimizer={optimizer}", "model.errors.malformed_json=1.0")
    )
    with pytest.raises(NoProposalsError, match="no proposals"):
        run_task(task, tmp_path)


@pytest.mark.slow
@pytest.mark.llm
@pytest.mark.parametrize("optimizer", [name for name in searches() if name != "none"])
def test_on_the_embedded_language_model(optimizer: str, tmp_path: Path) -> None:
    """Whatever it gains: it completes, or it says that this small model gave it nothing to try."""
    task = Task.from_config(
        composed(
            f"optimizer={optimizer}",
            "budget=trials_3",
            "dataset.slices.train.count=6",
            "dataset.slices.validation.count=6",
            "dataset.slices.test.count=6",
        )
    )
    try:
        result = run_task(task, tmp_path)
    except NoProposalsError:
        assert json.loads((tmp_path / "status.json").read_text())["reason"] == "no proposals"
    else:
        assert result["simulated"] is False
        assert result["models"]["task"]["sha256"].startswith("b179c952")
