"""What the optimizers of tables are called, and what tells their runs apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from optbench.results.variants import optimizers, seeds


def tasks(*rows: dict[str, Any]) -> pd.DataFrame:
    plain = {
        "dataset": "d", "model": "m", "optimizer": "gepa", "seed": 1, "budget": "trials=3",
        "agent": "chat", "optimizer_model": "m", "judge_model": None, "test_mode": False,
        "folder": "/nowhere", "transferred_from": None, "source_model": None,
        "source_dataset": None, "source_seed": None,
    }  # fmt: skip
    return pd.DataFrame([{**plain, **row} for row in rows])


def words(folder: Path, *overrides: str) -> dict[str, str]:
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(list(overrides)))
    return {"folder": str(folder)}


def test_an_optimizer_that_has_one_task_a_seed_keeps_its_name() -> None:
    assert optimizers(tasks({"seed": 1}, {"seed": 2}, {"optimizer": "none"})).tolist() == [
        "gepa", "gepa", "none",
    ]  # fmt: skip


def test_what_differs_is_in_the_name(tmp_path: Path) -> None:
    frame = tasks(
        {**words(tmp_path / "a", "seed=1", "optimizer.params.k=1", "dataset=d")},
        {**words(tmp_path / "b", "seed=1", "optimizer.params.k=2", "dataset=d")},
        {"optimizer": "none", "budget": "usd=1"},
        {"optimizer": "none", "budget": "usd=2"},
    )
    assert optimizers(frame).tolist() == [
        "gepa[optimizer.params.k=1]", "gepa[optimizer.params.k=2]",
        "none[budget=usd=1]", "none[budget=usd=2]",
    ]  # fmt: skip


def test_words_that_cannot_be_read_make_no_difference(tmp_path: Path) -> None:
    (tmp_path / "a" / ".hydra").mkdir(parents=True)
    (tmp_path / "a" / ".hydra" / "overrides.yaml").write_text("!!python/object:os.system {}")
    frame = tasks({"folder": str(tmp_path / "a")}, {"folder": str(tmp_path / "b")})
    assert optimizers(frame).tolist() == ["gepa", "gepa"]


def test_a_transferred_prompt_has_the_seed_of_its_search() -> None:
    moved = {"optimizer": "transfer-gepa", "transferred_from": "gepa", "source_model": "big",
             "source_dataset": "d"}  # fmt: skip
    frame = tasks({**moved, "source_seed": 4}, {**moved, "source_seed": 5}, {"seed": 9})
    assert seeds(frame).tolist() == [4, 5, 9]
    named = optimizers(frame.assign(seed=seeds(frame)))
    assert named.tolist() == ["gepa from big", "gepa from big", "gepa"]
    both = tasks({**moved, "source_seed": 4}, {**moved, "source_seed": 4, "seed": 2})
    assert seeds(both).tolist() == ["4/1", "4/2"]
