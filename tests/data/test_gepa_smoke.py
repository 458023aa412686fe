"""``suite=gepa_smoke`` as it stands, simulated: its rows come from a hub on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hub import Hub, jsonl, parquet, serve
from support import command, composed

pytestmark = pytest.mark.slow

COUNTRIES = ("Fardo", "Gilon", "Hesta", "Ivoran")
SIZE = 240


def hotpot(split: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{split}{n}", "question": f"In which country is {split} town {n}?",
            "answer": COUNTRIES[n % 4], "type": "bridge", "level": "easy",
            "supporting_facts": {"title": [f"Town {n}"], "sent_id": [0]},
            "context": {
                "title": [f"{split} town {n}", "Other"],
                "sentences": [[f"It is in {COUNTRIES[n % 4]}."], ["Nothing of it."]],
            },
        }
        for n in range(SIZE)
    ]  # fmt: skip


def hover(split: str) -> list[dict[str, Any]]:
    return [
        {"id": n, "claim": f"{split} town {n} is in {COUNTRIES[n % 4]}.", "label": n % 2,
         "supporting_facts": [{"key": f"Town {n}", "value": 0}]}
        for n in range(SIZE)
    ]  # fmt: skip


PUPA = [
    {
        "conversation_hash": f"{n}", "predicted_category": "letters",
        "user_query": f"Write to Ann Ray, room {n}.", "target_response": f"Dear friend in {n}.",
        "pii_units": "ann ray", "redacted_query": f"Write to [NAME], room {n}.",
    }
    for n in range(SIZE)
]  # fmt: skip


def laid_out() -> Hub:
    """The three repositories, by the revisions that the config states."""
    hub = Hub()
    sources = {name: composed(f"dataset={name}").dataset.source for name in ("hotpot", "pupa")}
    hub.add(
        sources["hotpot"].id,
        sources["hotpot"].revision,
        {
            "distractor/train-00000-of-00002.parquet": parquet(hotpot("train")),
            "distractor/validation-00000-of-00001.parquet": parquet(hotpot("validation")),
        },
    )
    hub.add(
        composed("dataset=hover").dataset.source.id,
        "c" * 40,
        {
            "data/train-00000-of-00001.parquet": parquet(hover("train")),
            "data/validation-00000-of-00001.parquet": parquet(hover("validation")),
        },
    )
    hub.add(
        sources["pupa"].id,
        sources["pupa"].revision,
        {"PUPA_New.jsonl": jsonl(PUPA)},
        "configs:\n- {config_name: pupa_new, data_files: PUPA_New.jsonl}\n",
    )
    return hub


def test_each_pair_runs_in_test_mode(tmp_path: Path) -> None:
    with serve(laid_out()) as hub:
        done = command(
            "suite=gepa_smoke", "model=simulated", "test_mode=true", "hydra.sweep.dir=sweep",
            cwd=tmp_path, timeout=600,
            env={"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hub"),
                 "HF_HUB_DISABLE_TELEMETRY": "1"},
        )  # fmt: skip
    states = {
        "/".join(file.parts[-5:-3]): json.loads(file.read_text())
        for file in (tmp_path / "sweep").rglob("status.json")
    }
    failed = {name: told["error"] for name, told in states.items() if told["state"] != "success"}
    assert not failed, failed
    assert done.returncode == 0, done.stderr
    assert len(states) == 3 * 5
    for file in (tmp_path / "sweep").rglob("result.json"):
        result = json.loads(file.read_text())
        assert result["simulated"]
        assert result["items"] == {"train": 5, "validation": 5, "test": 5}
        if result["dataset"] == "pupa":  # judged, and less leakage is better
            assert result["directions"] == {"pupa_quality": "maximize", "pupa_leakage": "minimize"}
            assert result["ledger"]["baseline"]["judge"]["used"]["calls"] == 10
            assert result["judge_model"] == "simulated"
