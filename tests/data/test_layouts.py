"""The built-in sources as they stand, against a hub whose repositories are laid out as theirs are."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hub import Hub, jsonl, parquet, serve
from omegaconf import OmegaConf
from support import composed
from test_built_in import MADE, OF_THE_HUB
from test_hub import start, told

pytestmark = pytest.mark.slow


def csv(rows: list[dict[str, Any]]) -> bytes:
    names = list(rows[0])
    return "\n".join(
        [",".join(names), *(",".join(f'"{row[name]}"' for name in names) for row in rows)]
    ).encode()


def several(**columns: Any) -> list[dict[str, Any]]:
    return [{"id": f"{i}", "question": f"Why {i}?", **columns} for i in range(8)]


HOTPOT = several(answer="yes", context={"title": ["A"], "sentences": [["It is so."]]})
LAYOUTS: dict[str, tuple[dict[str, bytes], str]] = {
    "hotpotqa/hotpot_qa": (
        {
            "distractor/train-00000-of-00002.parquet": parquet(HOTPOT),
            "distractor/train-00001-of-00002.parquet": b"never asked for",
            "distractor/validation-00000-of-00001.parquet": parquet(HOTPOT),
            "fullwiki/test-00000-of-00001.parquet": b"never asked for",
        },
        "",
    ),
    "abisee/cnn_dailymail": (
        {
            "3.0.0/train-00000-of-00003.parquet": parquet(MADE["cnn_dailymail"]),
            "3.0.0/train-00001-of-00003.parquet": b"never asked for",
            "3.0.0/validation-00000-of-00001.parquet": parquet(MADE["cnn_dailymail"]),
            "3.0.0/test-00000-of-00001.parquet": parquet(MADE["cnn_dailymail"]),
        },
        "",
    ),
    # Split `test` by the files' names; the third file has other columns and is of no split.
    "Anthropic/election_questions": (
        {
            "eu_accuracy_questions.csv": csv([{"question": "Where?"}]),
            "harmlessness_eval.csv": csv(MADE["election_questions"]),
            "persuasion_targeting_eval.csv": csv(
                [
                    {**row, "question": f"And {i}?"}
                    for i, row in enumerate(MADE["election_questions"])
                ]
            ),
        },
        "",
    ),
    "aporia-ai/rag_hallucinations": (
        {"default/train/0000.parquet": parquet(MADE["rag_hallucinations"])},
        "",
    ),
    "vincentkoc/tiny_qa_benchmark_pp": (
        {
            "data/core_en/core_en.jsonl": jsonl(several(text="What?", label="So")),
            "data/packs/pack_en_10.json": b"never asked for",
        },
        "",
    ),
    "google/IFEval": ({"ifeval_input_data.jsonl": jsonl(MADE["ifeval"])}, ""),
    "allenai/IFBench_test": (
        {"data/train-00000-of-00001.parquet": parquet(MADE["ifeval"])},
        "",
    ),
    "Columbia-NLP/PUPA": (
        {"PUPA_TNB.csv": csv(MADE["pupa"]), "PUPA_New.csv": csv(MADE["pupa"])},
        "configs:\n- {config_name: pupa_new, data_files: PUPA_New.csv}\n",
    ),
}


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    """What each dataset whose layout is known gives, two rows a slice."""
    hub, confs = Hub(), {}
    for name in OF_THE_HUB:
        conf: Any = OmegaConf.to_container(
            composed(f"dataset={name}").dataset, resolve=True, enum_to_str=True
        )
        sources = [
            conf["source"],
            *({**conf["source"], **s} for s in conf["source"]["splits"].values()),
        ]
        known = {source["id"] for source in sources} - {"allenai/IF_multi_constraints_upto5"}
        if not known <= set(LAYOUTS):
            continue
        for source in sources:
            if source["id"] in LAYOUTS:
                hub.add(source["id"], source["revision"], *LAYOUTS[source["id"]])
        for start_at, part in enumerate(("train", "validation", "test")):
            conf["slices"][part] |= {"start": 2 * start_at, "count": 2}
        confs[name] = conf
    with serve(hub), tempfile.TemporaryDirectory() as home:
        loaded = told(start(hub, Path(home), *confs.values()))
    return dict(zip(confs, loaded, strict=True))


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("hotpot", "paragraphs"),
        ("hotpot_300", "answer"),
        ("cnn_dailymail", "highlights"),
        ("election_questions", "label"),
        ("rag_hallucinations", "context"),
        ("tiny_test", "text"),
        ("ifeval", "kwargs"),
        ("ifbench", "kwargs"),
        ("pupa", "pii_units"),
    ],
)
def test_sources_find_their_files(found: dict[str, dict[str, Any]], name: str, column: str) -> None:
    assert "error" not in found[name], found[name]
    assert found[name]["counts"] == [2, 2, 2]
    for row in found[name]["first"].values():
        assert column in row
