"""A prompt that another task found: where it fits, and that it is scored without a search."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from support import composed

from optbench import plan
from optbench.optimizers.transfer import MOST_CHARACTERS
from optbench.preflight import PreflightError, settings, transferred
from optbench.prompts import Prompt, PromptSet
from optbench.task import Task, run_task

ASKED = {"role": "user", "content": "{message}"}
BETTER = {"role": "system", "content": "Reply with only the department and nothing else."}


def task(*overrides: str, messages: list[dict[str, str]], **more: Any) -> Task:
    cfg = composed(
        "optimizer=transfer", "dataset=tickets_routing", "model=simulated",
        *(f"dataset.slices.{name}.count=8" for name in ("train", "validation", "test")), *overrides,
    )  # fmt: skip
    cfg.optimizer.params.prompts = [{"name": "prompt", "messages": messages, **more}]
    source = {"optimizer": "gepa", "model": "m", "dataset": "d", "seed": 3, "identity": "f" * 64}
    cfg.optimizer.params.transferred_from.update(source)
    return Task.from_config(cfg)


def refused(*overrides: str, messages: list[dict[str, str]], folder: Path, **more: Any) -> str:
    with pytest.raises(PreflightError) as caught:
        run_task(task(*overrides, messages=messages, **more), folder)
    assert not (folder / "calls.sqlite").exists()
    return str(caught.value)


def test_it_is_scored_beside_the_targets_own_prompt(tmp_path: Path) -> None:
    one = task(messages=[BETTER, ASKED])
    planned = plan.Planner().expect(one, tmp_path)
    result = run_task(one, tmp_path)
    assert result["optimizer_details"]["transfer"] == {
        "optimizer": "gepa", "model": "m", "dataset": "d", "seed": 3, "identity": "f" * 64,
    }  # fmt: skip
    assert result["prompts"]["final"] == {"messages": [BETTER, ASKED]}
    assert result["prompts"]["initial"]["messages"][-1] == ASKED
    assert (result["finish_reason"], result["trials"], result["candidates"]) == (
        "transferred",
        0,
        0,
    )
    assert "optimise" not in result["ledger"]
    calls = {
        phase: result["ledger"][phase]["task"]["used"]["calls"] for phase in ("baseline", "final")
    }
    assert calls == {"baseline": 16, "final": 16}
    assert planned.calls == 32
    assert (tmp_path / "trials.jsonl").read_text() == ""


def test_the_targets_own_prompt_is_not_scored_twice(tmp_path: Path) -> None:
    own = [{"role": "system", "content": "Decide which department handles the customer's message."}]
    one = task(messages=[*own, ASKED])
    assert plan.Planner().expect(one, tmp_path).calls == 16
    result = run_task(one, tmp_path)
    assert not result["prompt_changed"]
    assert result["ledger"]["total"]["used"]["calls"] == 16


def test_sampling_parameters_come_along(tmp_path: Path) -> None:
    one = task(messages=[BETTER, ASKED], params={"temperature": 0.25})
    result = run_task(one, tmp_path)
    assert result["prompts"]["final"]["params"] == {"temperature": 0.25}


def test_braces_that_are_no_placeholders_stay(tmp_path: Path) -> None:
    said = 'Reply as {"department": "billing"}, or {whatever}; only that.'
    one = task(messages=[{"role": "system", "content": said}, ASKED], columns=["message"])
    run_task(one, tmp_path)
    with sqlite3.connect(tmp_path / "calls.sqlite") as db:
        sent = [json.loads(row[1]) for row in db.execute("select * from messages")]
    assert {"role": "system", "content": said} in sent
    assert not any("{message}" in message["content"] for message in sent)


def test_a_placeholder_that_is_no_column(tmp_path: Path) -> None:
    said = refused(messages=[BETTER, {"role": "user", "content": "{question}"}], folder=tmp_path)
    assert "optimizer.params.prompts.prompt" in said
    assert (
        "'{question}' of the transferred prompt is no column of dataset 'tickets_routing'" in said
    )
    assert "mend: choose a dataset whose prompt has the same placeholders (here: message)" in said


def test_no_prompt_is_shown_the_answer(tmp_path: Path) -> None:
    leaking = {"role": "system", "content": "Say {department}."}
    said = refused(messages=[leaking, ASKED], folder=tmp_path)
    assert "'{department}' of the transferred prompt is a column that the prompt of" in said


def test_text_that_would_be_filled_here(tmp_path: Path) -> None:
    said = refused(messages=[BETTER, ASKED], columns=[], folder=tmp_path)
    assert "is text where it comes from, and a column of dataset" in said


@pytest.mark.parametrize(
    ("messages", "more", "said"),
    [
        ([], {}, "is no prompt"),
        ([{"role": "user", "content": "x" * (MOST_CHARACTERS + 1)}], {}, "MOST_CHARACTERS"),
        ([ASKED], {"params": {"api_key": "x"}}, "is no sampling parameter"),
        ([ASKED], {"params": {"max_tokens": 9}}, "over the 8 of dataset"),
        ([{"role": "user", "content": "{message}\ud83d"}], {}, "half of a character"),
    ],
)
def test_a_prompt_that_cannot_be_sent(
    messages: list[dict[str, str]], more: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in refused(messages=messages, folder=tmp_path, **more)


def test_a_prompt_that_no_context_holds() -> None:
    one = task("model=smollm2", messages=[{"role": "user", "content": "{message}" + "x " * 20_000}])
    found = list(_problems(one, {"prompt": Prompt((ASKED,))}))
    assert any("more than 4096 tokens hold" in str(error) for error in found)


def test_the_prompts_of_another_agent() -> None:
    one = task(messages=[ASKED])
    (found,) = _problems(one, {"ask": Prompt((ASKED,)), "answer": Prompt((ASKED,))})
    assert "are 'prompt', and agent 'chat' has 'ask', 'answer'" in str(found)


def test_alone_it_says_where_prompts_come_from(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="optbench -m transfer=<sweep dir> model="):
        run_task(Task.from_config(composed("optimizer=transfer", "model=simulated")), tmp_path)


def test_a_budget_in_usd_needs_no_price() -> None:
    """Nothing is spent in a search; and the model's price may be unknown where the source's was not."""
    words = ("model=litellm", "model.id=nobody/nothing", "budget=usd_1")
    one = task(*words, messages=[BETTER, ASKED])
    assert not [error.key for error in settings.problems(one.config, starting=False)]
    other = Task.from_config(composed(*words))
    assert [error.key for error in settings.problems(other.config, starting=False)] == [
        "budget.usd"
    ]


def _problems(one: Task, parts: dict[str, Prompt]) -> list[Exception]:
    from optbench.data.load import load

    initial = parts["prompt"] if set(parts) == {"prompt"} else PromptSet(parts)
    data = load(one.config.dataset, test_mode=False)
    return list(transferred.problems(one.config, data, initial))
