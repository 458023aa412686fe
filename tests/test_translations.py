"""Every command line of the reference runner that its page translates does what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import command, swept

from optbench.commands import cli as results

PAGE = (
    Path(__file__).parent.parent / "docs" / "how-to" / "from-the-reference-runner.md"
).read_text(encoding="utf-8")
TABLE = PAGE.partition("## Command lines")[2].partition("\n## ")[0]
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in TABLE.splitlines()
    if line.startswith("| `")
]
TASKS = {
    "--demo-datasets gsm8k --optimizers": [("gsm8k", "few_shot", "openai/gpt-4o-mini", 1)],
    "--models groq": [("tickets", "none", "groq/llama-3.3-70b-versatile", 1)],
    "--seed": [("tickets", "none", "simulated", 7)],
}
"""By the beginning of a row's left side the tasks that its right side composes to."""
RESULTS = "check_results.py"
"""Run by the tests of ``optbench-results``; here its words are parsed."""
RUN = (
    "--config", "--test-mode", "--max-concurrent", "--checkpoint-dir", "--resume-run-id",
    "--retry-failed-run-id", "--list-registries", "--engine local",
)  # fmt: skip
"""Rows that :func:`test_what_is_run` runs."""
ELSEWHERE = ("--engine modal",)
"""Run by the tests of the Modal engine."""
OTHER_BRANCH = ("--demo-datasets gsm8k ai2_arc",)
"""Composed where the dataset is there."""


def starts(row: tuple[str, ...], beginning: str) -> bool:
    return row[0].removeprefix("`").startswith(beginning)


def right(beginning: str) -> str:
    (row,) = [row for row in ROWS if starts(row, beginning)]
    return row[1].split("`")[1].removeprefix("optbench ")


def test_every_row_is_looked_at() -> None:
    looked_at = (*TASKS, RESULTS, *RUN, *ELSEWHERE, *OTHER_BRANCH)
    assert len(ROWS) == len(looked_at) == 14
    for row in ROWS:
        assert sum(starts(row, one) for one in looked_at) == 1, row


def test_commands_for_results_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = [row for row in ROWS if starts(row, RESULTS)]
    told = row[1].replace("`", "").removeprefix("optbench-results ")
    commands = [words.split() for words in told.split(", ")]
    assert len(commands) == 6
    for name, *words in commands:
        with pytest.raises(SystemExit) as ended:
            results.main([name, "--help"])
        assert ended.value.code == 0
        told = capsys.readouterr().out
        assert all(word in told for word in words)


@pytest.mark.parametrize("beginning", TASKS)
def test_what_is_composed(beginning: str) -> None:
    words = right(beginning).split()
    keys = {word.partition("=")[0] for word in words}
    filled = [
        word for word in ("optimizer=none", "model=simulated") if word.partition("=")[0] not in keys
    ]
    found = [
        (
            one["dataset"]["name"],
            one["optimizer"]["name"],
            one["model"].get("id", one["model"]["name"]),
            one["seed"],
        )
        for one in swept(*words, *filled)
    ]
    assert found == TASKS[beginning]


def test_a_matrix() -> None:
    from support import options

    if "ai2_arc" not in options("dataset"):
        pytest.skip("no dataset ai2_arc in this tree")
    (_, *words) = right("--demo-datasets gsm8k ai2_arc").split()
    assert [(one["dataset"]["name"], one["optimizer"]["name"]) for one in swept(*words)] == [
        (dataset, optimizer)
        for dataset in ("gsm8k", "ai2_arc")
        for optimizer in ("few_shot", "meta_prompt")
    ]


def test_what_is_run(tmp_path: Path) -> None:
    task = {"dataset": "tickets", "optimizer": "none", "model": "simulated"}
    (tmp_path / "manifest.json").write_text(json.dumps({"tasks": [task]}))
    words = [
        right("--config"), right("--test-mode"), right("--engine local"),
        *(right(row).removeprefix("-m ") for row in ("--max-concurrent", "--checkpoint-dir")),
    ]  # fmt: skip
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "results").rglob("result.json"))) == 1
    for row in ("--resume-run-id", "--retry-failed-run-id"):
        again = command(right(row), cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        assert "1 done before, 0 to do" in again.stdout
    listed = command(right("--list-registries"), cwd=tmp_path)
    for name in ("tickets", "gepa", "trials_2", "litellm", "gepa_smoke"):
        assert name in listed.stdout
