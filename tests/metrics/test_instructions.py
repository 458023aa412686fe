"""IFBench's and IFEval's verifiers on cases computed by hand, and on every real row."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from optbench.config.schema import MetricConf
from optbench.errors import ConfigError
from optbench.metrics.instructions import IFBench, IFEval
from optbench.metrics.registry import build

nltk = pytest.importorskip("nltk")
pytest.importorskip("if_verifiable", reason="pip install 'optbench[ifbench]'")

import nltk_tables  # noqa: E402  beside this file


@pytest.fixture(scope="module", autouse=True)
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with nltk_tables.in_place(tmp_path_factory.mktemp("nltk_data")):
        yield


def row(*asked: tuple[str, dict[str, Any]], prompt: str = "Say something.") -> dict[str, Any]:
    """A row as the hub has it: arguments that are not given are None."""
    return {
        "prompt": prompt,
        "instruction_id_list": [name for name, _ in asked],
        "kwargs": [{"unused": None, **given} for _, given in asked],
    }


WORDS = ("count:word_count_range", {"min_words": 3, "max_words": 5})
BARE = ("format:no_whitespace", {})
KEYWORDS = (
    "count:keywords_multiple",
    {f"keyword{i}": word for i, word in enumerate(["one", "two", "three", "five", "seven"], 1)},
)


@pytest.mark.parametrize(
    ("asked", "output", "value"),
    [
        ([WORDS], "one two three", 1), ([WORDS], "one two three four five", 1),
        ([WORDS], "one two", 0), ([WORDS], "one two three four five six", 0),
        ([BARE], "bare", 1), ([BARE], "not bare", 0),
        ([("punctuation:no_comma", {})], "none", 1),  # IFEval's, on which IFBench is trained
        ([("punctuation:no_comma", {})], "one, here", 0),
        ([WORDS, BARE], "one two three", 1 / 2), ([WORDS, BARE], "one-two-three", 1),
        ([KEYWORDS], "one" + " two" * 2 + " three" * 3 + " five" * 5 + " seven" * 7, 1),
        ([KEYWORDS], "one" + " two" * 2 + " three" * 3 + " five" * 5 + " seven" * 6, 0),
        ([("words:start_verb", {})], "Write it down.", 1),
        ([("words:start_verb", {})], "Down it goes.", 0),
        ([("count:numbers", {"N": 2})], "From 3 to 44.", 1),
        ([("count:numbers", {"N": 2})], "From three to 44.", 0),
        ([WORDS, BARE], "", 0), ([WORDS], "<think>one two three</think>", 0),
    ],
)  # fmt: skip
def test_ifbench(asked: list[tuple[str, dict[str, Any]]], output: str, value: float) -> None:
    score = IFBench("instruction_id_list").score(output, row(*asked))
    assert score.value == value, score.reason
    whole = IFBench("instruction_id_list", level="prompt").score(output, row(*asked))
    assert whole.value == (1.0 if value == 1 else 0.0)


@pytest.mark.parametrize(
    ("asked", "output", "value"),
    [
        (("punctuation:no_comma", {}), "No comma here", 1),
        (("punctuation:no_comma", {}), "Well, here", 0),
        (("length_constraints:number_words", {"num_words": 3, "relation": "at least"}), "a b c", 1),
        (("length_constraints:number_words", {"num_words": 3, "relation": "at least"}), "a b", 0),
        (("keywords:existence", {"keywords": ["sun", "moon"]}), "the moon and the sun", 1),
        (("keywords:existence", {"keywords": ["sun", "moon"]}), "the moon", 0),
        (("detectable_format:title", {}), "<<Night>> falls", 1),
        (("length_constraints:number_sentences", {"num_sentences": 2, "relation": "less than"}),
         "It ends here. It does not. It does.", 0),
    ],
)  # fmt: skip
def test_ifeval(asked: tuple[str, dict[str, Any]], output: str, value: float) -> None:
    score = IFEval("instruction_id_list").score(output, row(asked))
    assert score.value == value, score.reason


def test_an_index_of_0_is_taken_as_it_stands() -> None:
    span = {"prompt_to_repeat": "ten green bottles hang here now", "n_start": 0, "n_end": 2}
    metric = IFBench("instruction_id_list")
    for _ in range(20):  # the verifier itself draws another start each time
        assert metric.score("ten green", row(("repeat:repeat_span", span))).value == 1
        assert metric.score("green", row(("repeat:repeat_span", span))).value == 0


def test_loose_forgives_a_first_line_and_asterisks() -> None:
    asked = row(BARE)
    for output in ("Here you are:\n**bare**", "bare\nI hope this helps!"):
        assert IFBench("instruction_id_list").score(output, asked).value == 0
        assert IFBench("instruction_id_list", strict=False).score(output, asked).value == 1


def test_the_reason_says_in_words_what_was_not_followed() -> None:
    reason = IFBench("instruction_id_list").score("one two three", row(WORDS, BARE)).reason
    assert reason.startswith("1 of 2 instructions are followed. Not: format:no_whitespace (")
    assert "whitespace" in reason
    told = IFBench("instruction_id_list").score("one", row(WORDS)).reason
    assert "The response must contain between 3 and 5 words." in told


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (row(("format:fancy", {})), "ifbench has no instruction 'format:fancy'"),
        (row(("count:numbers", {"M": 2})), "'count:numbers' does not take"),
        (
            {**row(WORDS), "kwargs": []},
            "1 instructions in column 'instruction_id_list', 0 arguments",
        ),
        ({**row(WORDS), "kwargs": "[]"}, "must be lists"),
    ],
)
def test_rows_that_cannot_be_scored(rows: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        IFBench("instruction_id_list").check(rows)


def test_wrong_level_is_a_config_error() -> None:
    conf = MetricConf(name="ifbench", target="instruction_id_list", params={"level": "row"})
    with pytest.raises(ConfigError, match="level 'row' is none of instruction, prompt"):
        build([conf])


def test_missing_tables_name_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    with pytest.raises(ConfigError, match="punkt_tab") as caught:
        IFEval("instruction_id_list")
    assert caught.value.mend == "python -m nltk.downloader punkt_tab"


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "if_verifiable.common", None)
    with pytest.raises(ConfigError) as caught:
        IFBench("instruction_id_list")
    assert caught.value.mend == "pip install 'optbench[ifbench]'"


def real_rows() -> list[dict[str, Any]]:
    file = Path(os.environ.get("OPTBENCH_TEST_DATA", "../shared/data"), "ifbench/if_test_294.jsonl")
    if not file.exists():
        pytest.skip("no real rows here: set OPTBENCH_TEST_DATA")
    return [json.loads(line) for line in file.read_text().splitlines()]


ODD = "Write: 'well', 12 (a [b {c}])!\n\n* one\n  - two\n\nWho? The stop… 東京 🙂\n"


def test_every_real_row_is_scored_alike_twice() -> None:
    metric, loose = IFBench("instruction_id_list"), IFBench("instruction_id_list", strict=False)
    rows = real_rows()
    assert len(rows) == 294
    for one in rows:
        metric.check(one)
        scores = [metric.score(text, one) for text in (ODD, one["prompt"], ".", ODD)]
        assert scores[0] == scores[3], one["key"]
        assert all(0 <= score.value <= 1 for score in scores)
        assert loose.score(ODD, one).value >= scores[0].value
