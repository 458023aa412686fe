"""Every dataset that ships: its slices, its transform, its prompt and the columns its metrics read."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from copy import deepcopy
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf
from support import composed, options

from optbench.app import conf_folder
from optbench.config.schema import DatasetConf, SourceKind, initial_messages
from optbench.data.items import Data
from optbench.data.load import load
from optbench.prompts import Prompt, fill

REAL = Path(os.environ.get("OPTBENCH_TEST_DATA", "../shared/data")).resolve()
SIZES = {
    "hotpot": (150, 300, 300),
    "hover": (150, 300, 300),
    "ifbench": (150, 300, 294),
    "pupa": (111, 111, 221),
    "hotpot_300": (100, 100, 100),
    "tiny_test": (15, 15, 22),
    "ifeval": (150, 150, 241),
}
"""Rows a slice; all others of the hub have 150."""
OF_THE_HUB = [name for name in options("dataset") if "tickets" not in name and name != "arithmetic"]
UNPINNED = {"tiny_test": 1, "hover": 1, "ifbench": 1}
"""Sources whose commit could not be verified, each said in its file."""

# Rows of our own with the columns that the hub documents, for the sets that are not at hand.
MADE: dict[str, list[dict[str, Any]]] = {
    "ragbench_sentence_relevance": [
        {"question": f"What is {i}?", "sentence": f"{i} is a number.", "label": i % 2}
        for i in range(6)
    ],
    "election_questions": [
        {"question": f"Where does town {i} vote?", "label": ("Harmless", "Harmful")[i % 2]}
        for i in range(6)
    ],
    "rag_hallucinations": [
        {
            "context": f"Town {i} has a market.",
            "question": f"What has town {i}?",
            "answer": "A market.",
            "is_hallucination": bool(i % 2),
        }
        for i in range(6)
    ],
    "cnn_dailymail": [
        {"article": f"On day {i} it rained.", "highlights": f"Rain on day {i} .", "id": f"{i:x}"}
        for i in range(6)
    ],
    "pupa": [
        {
            "conversation_hash": f"{i}",
            "predicted_category": "letters",
            "user_query": f"Write to Ann Ray, room {i}.",
            "target_response": f"Dear friend, of room {i}",
            "pii_units": "ann ray",
            "redacted_query": f"Write to [NAME], room {i}.",
        }
        for i in range(6)
    ],
    "halu_eval": [
        {
            "ID": f"{i}",
            "user_query": f"Name river {i}.",
            "chatgpt_response": "The Rhine.",
            "hallucination": ("no", "yes")[i % 2],
            "hallucination_spans": [],
        }
        for i in range(6)
    ],
    "ifeval": [
        {
            "key": i,
            "prompt": f"Write {i} lines without a comma.",
            "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
            "kwargs": [
                {"num_words": None, "relation": None},
                {"num_words": 9, "relation": "at least"},
            ],
        }
        for i in range(6)
    ],
}
FILES = {
    "gsm8k": "gsm8k/{split}.jsonl",
    "ai2_arc": "ai2_arc/{split}.jsonl",
    "hotpot": "hotpot_qa/{split}.jsonl",
    "hotpot_300": "hotpot_qa/{split}.jsonl",
    "hover": "hover/validation.jsonl",
    "medhallu": "medhallu/train.jsonl",
    "truthful_qa": "truthful_qa/generation.validation.jsonl",
    "truthful_qa_mc2": "truthful_qa/generation.validation.jsonl",
    "truthful_qa_open": "truthful_qa/generation.validation.jsonl",
    "ifbench": "ifbench/if_test_294.jsonl",
    "tiny_test": "tiny_test/train.jsonl",
}
"""Real rows; their files hold fewer than the hub, so slices are cut shorter."""


@cache
def _composed(name: str) -> DatasetConf:
    config: Any = OmegaConf.to_object(composed(f"dataset={name}"))
    found: DatasetConf = config.dataset
    return found


def of(name: str) -> DatasetConf:
    """A dataset's config, the caller's own."""
    return deepcopy(_composed(name))


def from_file(name: str, path: Path, count: int) -> DatasetConf:
    """The dataset with its rows from a file, each slice after the one before, of ``count`` rows."""
    conf = of(name)
    conf.source.kind, conf.source.path = SourceKind.file, str(path)
    conf.source.splits = {}
    for start, part in enumerate((conf.slices.train, conf.slices.validation, conf.slices.test)):
        part.start, part.count = start * count, count
    conf.fingerprints = {}
    return conf


@pytest.fixture(scope="module", params=OF_THE_HUB)
def read(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Each dataset of the hub with 33 real rows a slice, or 2 of our own."""
    name = request.param
    if name in FILES:
        if not REAL.is_dir():
            pytest.skip("no real rows here: set OPTBENCH_TEST_DATA")
        conf = from_file(name, REAL / FILES[name], 17 if name == "tiny_test" else 33)
    else:
        file = tmp_path_factory.mktemp(name) / "rows.jsonl"
        file.write_text("\n".join(json.dumps(row) for row in MADE[name]))
        conf = from_file(name, file, 2)
    return name, conf, load(conf)


def test_slices_have_the_sizes_and_do_not_overlap() -> None:
    for name in OF_THE_HUB:
        slices = of(name).slices
        parts = [slices.train, slices.validation, slices.test]
        assert tuple(part.count for part in parts) == SIZES.get(name, (150, 150, 150)), name
        for one, other in combinations(parts, 2):
            apart = one.start + one.count <= other.start or other.start + other.count <= one.start
            assert one.split != other.split or apart, name


@pytest.mark.parametrize("name", OF_THE_HUB)
def test_sources_are_pinned_or_say_that_they_are_not(name: str) -> None:
    source = of(name).source
    sources = [source.revision, *(told.get("revision") for told in source.splits.values())]
    loose = [one for one in sources if one is not None and not re.fullmatch("[0-9a-f]{40}", one)]
    text = (conf_folder() / "dataset" / f"{name}.yaml").read_text()
    assert source.revision
    assert len(loose) == UNPINNED.get(name, 0)
    assert text.count("not pinned: commit could not be verified") == len(loose)


@pytest.mark.parametrize("name", OF_THE_HUB)
def test_description_and_licence_are_one_line(name: str) -> None:
    text = (conf_folder() / "dataset" / f"{name}.yaml").read_text()
    told = yaml.safe_load(text)
    assert 20 < len(told["description"]) < 110
    assert "\n" not in told["description"]
    assert of(name).licence


def test_prompts_and_demonstrations_show_the_item(read: tuple[str, DatasetConf, Data]) -> None:
    name, conf, data = read
    prompt = Prompt(tuple(initial_messages(conf)))
    asked = []
    for part in data:
        for item in part:
            wanted = prompt.placeholders()
            assert wanted <= set(item.row), name
            asked.append(str(prompt.render(item.row, wanted)))
            shown = fill(conf.demonstration, item.row)
            assert bool(shown.strip()) == bool(conf.demonstration), name
            assert fill(shown, {}) == shown
    assert len(set(asked)) == len(asked), name


def test_metrics_find_their_columns_and_answers(read: tuple[str, DatasetConf, Data]) -> None:
    name, conf, data = read
    for metric in conf.metrics:
        named = [metric.target]
        named += [v for k, v in metric.params.items() if k in ("choices", "arguments", "prompt")]
        named += [v for k, v in metric.params.items() if k in ("request", "context", "incorrect")]
        for part in data:
            for item in part:
                assert set(named) <= set(item.row), name
                assert item.row[metric.target] not in ("", None, []), name
                if metric.name == "label":
                    assert item.row[metric.target] in metric.params["labels"], name


def test_no_class_is_missing_where_there_are_classes(read: tuple[str, DatasetConf, Data]) -> None:
    name, conf, data = read
    labels = [metric for metric in conf.metrics if metric.name == "label"]
    if not labels or name == "hover":  # all of its rows at hand are of one class
        return
    found = {item.row[labels[0].target] for part in data for item in part}
    assert found == set(labels[0].params["labels"]), name


def test_test_mode_takes_five_rows(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [{"question": f"Where is {i}?", "label": "Harmless"} for i in range(30)]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    conf = from_file("election_questions", file, 10)
    whole, short = load(conf), load(conf, test_mode=True)
    assert [len(part) for part in short] == [5, 5, 5]
    for part, all_of_it in zip(short, whole, strict=True):
        assert part.items == all_of_it.items[:5]


def test_recorded_fingerprints_are_those_of_the_hubs_rows() -> None:
    """The excerpts at hand begin as the hub's splits do."""
    if not REAL.is_dir():
        pytest.skip("no real rows here: set OPTBENCH_TEST_DATA")
    for name, fewer in (("gsm8k", {}), ("medhallu", {"test": 0})):
        conf = of(name)
        conf.source.kind, conf.source.path = SourceKind.file, str(REAL / name / "{split}.jsonl")
        for part, start in fewer.items():
            getattr(conf.slices, part).start = start
        assert conf.fingerprints
        assert load(conf)


def test_why_hover_is_shuffled() -> None:
    """A slice from the top of its validation split would have one class."""
    if not REAL.is_dir():
        pytest.skip("no real rows here: set OPTBENCH_TEST_DATA")
    lines = (REAL / FILES["hover"]).read_text().splitlines()
    assert Counter(json.loads(line)["label"] for line in lines) == {1: 300}
    assert of("hover").shuffle_seed is not None
