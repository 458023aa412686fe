"""Bad data is told before anything is paid: all that is wrong with a task, in one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig
from support import composed

from optbench.errors import OptbenchError
from optbench.preflight import PreflightError, check, read
from optbench.task import Task


def problems(*overrides: str) -> dict[str, str]:
    """What preflight says, by key."""
    config = Task.from_config(composed("model=simulated", "optimizer=none", *overrides)).config
    with pytest.raises(PreflightError) as caught:
        check(config, read(config))
    told = str(caught.value)
    for problem in caught.value.problems:
        assert problem.key
        assert problem.key in told
    return {str(problem.key): problem.what for problem in caught.value.problems}


def from_file(tmp_path: Path, **columns: str) -> list[str]:
    rows = [
        {"message": f"My kettle {i} leaks.", "product": "kettle", "n": i, **columns}
        for i in range(9)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return [
        "dataset.source.kind=file",
        f"dataset.source.path='{file}'",
        "dataset.source.split_column=null",
        "dataset.source.id_column=n",
        *(
            f"dataset.slices.{name}={{split:all,start:{3 * i},count:3}}"
            for i, name in enumerate(("train", "validation", "test"))
        ),
    ]


def test_what_is_wrong_besides_the_rows_is_told_too(tmp_path: Path) -> None:
    found = problems(
        "model=gpt-4o-mini",
        "model.api_key_env=NO_SUCH_KEY",
        "seed=-1",
        "dataset.source.kind=file",
        f"dataset.source.path='{tmp_path}/none.jsonl'",
        "dataset.metrics.0.name=exakt_match",
    )
    assert list(found) == [
        "dataset.source.path",
        "dataset.metrics.0.name",
        "model.api_key_env",
        "seed",
    ]
    assert "no file" in found["dataset.source.path"]


def test_a_renamed_column_is_named_where_it_is_missed(tmp_path: Path) -> None:
    found = problems(*from_file(tmp_path), "+dataset.source.rename.text=message")
    assert found["dataset.prompt"] == "'{message}' is no column"
    found = problems(*from_file(tmp_path), "+dataset.source.rename.answer=product")
    assert "needs column 'product'" in found["dataset.metrics.0.target"]
    assert found["dataset.demonstration"] == "'{product}' is no column"


def test_demonstrations_need_something_to_show(tmp_path: Path) -> None:
    found = problems(*from_file(tmp_path), "optimizer=random_few_shot", "dataset.demonstration=''")
    assert list(found) == ["dataset.demonstration"]
    assert "random_few_shot" in found["dataset.demonstration"]


def test_a_recorded_fingerprint_can_be_left_out_on_the_command_line(tmp_path: Path) -> None:
    other = "+dataset.fingerprints.test=" + "0" * 64
    assert "dataset.fingerprints.test" in problems(*from_file(tmp_path), other)
    config = Task.from_config(
        composed("dataset=gsm8k", "~dataset.fingerprints.test", "dataset.slices.test.count=9")
    ).config
    assert set(config.dataset.fingerprints) == {"train", "validation"}


def rows_of(tmp_path: Path, rows: list[dict[str, Any]]) -> list[str]:
    """A dataset of these rows, a third of them to a slice, whose prompt shows ``q``."""
    file, count = tmp_path / "rows.jsonl", len(rows) // 3
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return [
        "dataset.source={kind:file,split_column:null,id_column:null}",
        f"dataset.source.path='{file}'",
        "dataset.prompt=[{role:user,content:'{q}'}]",
        "dataset.demonstration='{a}'",
        "dataset.metrics=[{name:exact_match,target:a}]",
        *(
            f"dataset.slices.{name}={{split:all,start:{count * i},count:{count}}}"
            for i, name in enumerate(("train", "validation", "test"))
        ),
    ]


def some(count: int = 9) -> list[dict[str, Any]]:
    return [{"q": f"question {i}", "a": f"{i}"} for i in range(count)]


def test_the_item_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    rows = some()
    del rows[4]["q"], rows[7]["q"]
    assert problems(*rows_of(tmp_path, rows)) == {
        "dataset.prompt": "item 'all-4' of the validation slice has no column 'q', and 1 more items"
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{Q}", "'{Q}' is no column"),
        (None, "the last message must be the user's"),
        ("Answer.", "shows nothing of the item"),
        ('Reply as {"answer": 1}.', "shows nothing of the item"),
    ],
)
def test_a_broken_prompt_is_one_problem(tmp_path: Path, content: str | None, said: str) -> None:
    """That all items are then the same is no news, nor is it to be mended in the rows."""
    config = composed("optimizer=none", "model=simulated", *rows_of(tmp_path, some()))
    if content is None:
        config.dataset.prompt = []
    else:
        config.dataset.prompt[0].content = content
    (found,) = preflight_of(config)
    assert found.key == "dataset.prompt"
    assert said in found.what


def preflight_of(config: DictConfig) -> list[OptbenchError]:
    made = Task.from_config(config).config
    try:
        check(made, read(made))
    except PreflightError as error:
        return error.problems
    return []


def test_json_in_a_prompt_is_text(tmp_path: Path) -> None:
    config = composed("optimizer=none", "model=simulated", *rows_of(tmp_path, some()))
    config.dataset.prompt[0].content = 'Reply as {"answer": 1}, not {1, 2} or \\boxed{42}. {q}'
    config.dataset.demonstration = '{"answer": {a}}'
    assert preflight_of(config) == []
    config.dataset.prompt[0].content = "{q} {word}"
    (found,) = preflight_of(config)
    assert found.what == "'{word}' is no column"
    assert "'{ word }'" in str(found.mend)


HALF = "a smile \ud83d"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"q": HALF}, "item 'all-5' of the validation slice holds half of a character (\\ud83d) in "
         "column 'q'"),
        ({"more": [{"x": ["ok", HALF]}]}, "(\\ud83d) in column 'more'"),
        ({HALF: 1}, "(\\ud83d) in a column's name"),
        ({"more": json.loads("[" * 300 + "]" * 300)}, "nested more than 100 values deep in column"),
        ({"more": json.loads("[" * 900 + "]" * 900)}, "nested more than 100 values deep in column"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_found_before_anything_starts(
    tmp_path: Path, row: dict[str, Any], said: str
) -> None:
    rows = some()
    rows[5] |= row
    found = problems(*rows_of(tmp_path, rows))
    assert list(found) == ["dataset.source"]
    assert said in found["dataset.source"]
    found["dataset.source"].encode()


def test_a_prompt_that_cannot_be_written(tmp_path: Path) -> None:
    config = composed("optimizer=none", "model=simulated", *rows_of(tmp_path, some()))
    config.dataset.prompt[0].content = HALF + " {q}"
    config.dataset.demonstration = HALF
    assert [(one.key, one.what) for one in preflight_of(config)] == [
        ("dataset.prompt", "holds half of a character (\\ud83d)"),
        ("dataset.demonstration", "holds half of a character (\\ud83d)"),
    ]


def test_whole_characters_are_fine(tmp_path: Path) -> None:
    rows = [{**row, "q": f"😀 {row['q']} \x00"} for row in some()]
    assert (
        preflight_of(composed("optimizer=none", "model=simulated", *rows_of(tmp_path, rows))) == []
    )


def test_a_question_that_stands_twice_in_a_slice_is_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = some()
    rows[1]["q"] = rows[0]["q"]
    caplog.set_level("INFO")
    assert (
        preflight_of(composed("optimizer=none", "model=simulated", *rows_of(tmp_path, rows))) == []
    )
    assert "1 of 3 items of the train slice" in caplog.text


def test_a_question_in_two_slices_is_an_error_with_both_items(tmp_path: Path) -> None:
    rows = some()
    rows[7]["q"] = rows[0]["q"]
    assert problems(*rows_of(tmp_path, rows)) == {
        "dataset.slices.test": "shares 1 items with train (such as 'all-7' asks what 'all-0' asks)"
    }


def test_a_missing_column_comes_before_the_fingerprint(tmp_path: Path) -> None:
    rows = [{"problem": row["q"], "a": row["a"]} for row in some()]
    recorded = "+dataset.fingerprints.train=" + "0" * 64
    config = composed("optimizer=none", "model=simulated", *rows_of(tmp_path, rows), recorded)
    (found,) = preflight_of(config)
    assert (found.key, found.what) == ("dataset.prompt", "'{q}' is no column")
    assert "use one of a, problem" in str(found.mend)
