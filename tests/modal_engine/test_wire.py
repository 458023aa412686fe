"""What goes to a container and comes back."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import composed, options

from optbench.config.identity import identity_of
from optbench.config.wire import KIND, VALUE, from_wire, to_wire
from optbench.errors import ConfigError
from optbench.task import Task
from optbench_modal import fetch
from optbench_modal.journal import Journal
from optbench_modal.payload import MOST_BYTES, Payload, Reply, WireError

PLAIN = Payload("run", "key", "name", 1, "code")


@pytest.mark.parametrize("optimizer", options("optimizer"))
def test_a_config_survives_the_wire(optimizer: str) -> None:
    for model, mode in itertools.product(("simulated", "smollm2"), ("true", "false")):
        words = (f"optimizer={optimizer}", f"model={model}", f"test_mode={mode}")
        task = Task.from_config(composed(*words))
        sent = json.loads(json.dumps(to_wire(task.config)))
        assert from_wire(sent) == task.config
        assert type(from_wire(sent).model) is type(task.config.model)
        assert identity_of(json.loads(json.dumps(task.plain))) == task.identity


@pytest.mark.parametrize(
    "value",
    [
        {KIND: "Popen", VALUE: {"args": "true"}},
        {KIND: "os.system", VALUE: "true"},
        {KIND: "Role", VALUE: "root"},
        {KIND: "BudgetConf", VALUE: {"bribe": 1}},
        {KIND: "BudgetConf", VALUE: [1]},
        {KIND: ["BudgetConf"], VALUE: {}},
        {KIND: "BudgetConf"},
    ],
)
def test_nothing_but_the_schema_is_made_of_a_message(value: Any) -> None:
    with pytest.raises(ConfigError, match="another version"):
        from_wire(value)


def test_what_the_schema_has_not_is_not_sent() -> None:
    with pytest.raises(ConfigError, match="object"):
        to_wire({"a": [object()]})
    with pytest.raises(ConfigError, match="no key of a config"):
        to_wire({KIND: 1})


def test_a_payload_has_a_limit() -> None:
    assert Payload.loads(PLAIN.dumps()) == PLAIN
    with pytest.raises(ConfigError, match="16 that are sent") as caught:
        Payload("r", "k", "n", 1, "c", task="x" * MOST_BYTES).dumps()
    assert "dataset.source.path" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        None, b"bytes", 3, "", "no json", "[]", "{}", '"success"', '{"schema_version": 2}',
        '{"schema_version": 1, "key": "k", "attempt": 1}',
        '{"schema_version": 1, "key": "k", "attempt": 1, "state": "fine"}',
        '{"schema_version": 1, "key": 1, "attempt": 1, "state": "failed"}',
        '{"schema_version": 1, "key": "k", "attempt": "1", "state": "failed"}',
        '{"schema_version": 1, "key": "k", "attempt": 1, "state": "failed", "error": "x"}',
        '{"schema_version": 1, "key": "k", "attempt": 1, "state": "duplicate", "call": 3}',
        '{"schema_version": 1, "key": "k", "attempt": 1, "state": ["success"]}',
        '{"schema_version": 1, "key": "k", "attempt": 1, "state": "failed", "more": 1}',
    ],
)  # fmt: skip
def test_a_reply_that_is_none_is_said_to_be(text: Any) -> None:
    with pytest.raises(WireError):
        Reply.loads(text)


@given(st.text(max_size=200) | st.binary(max_size=50) | st.none() | st.integers())
def test_no_reply_does_more_harm_than_that(text: Any) -> None:
    with pytest.raises(WireError):
        Reply.loads(text)


def test_a_reply_survives() -> None:
    reply = Reply("k", 2, "failed", error={"type": "E", "message": "m"}, traceback="t")
    assert Reply.loads(reply.dumps()) == reply


@pytest.mark.parametrize(
    "listed",
    [
        "runs/r/k/output/../../../escape", "runs/r/k/output/..", "/etc/passwd", "runs/r/k2/output/x",
        "runs/r/k/output", "runs/r/k/output/a/../../b", "runs/r/k/output/c:\\x", "..", "",
        "runs/r/k/output/a\\..\\b", "runs/r/k/output/a\0b",
    ],
)  # fmt: skip
def test_a_listing_cannot_name_another_place(listed: str) -> None:
    with pytest.raises(WireError):
        fetch.inner_path(listed, "runs/r/k/output")


@pytest.mark.parametrize("listed", ["runs/r/k/output/a.json", "/runs/r/k/output/b/c d.txt"])
def test_a_listing_names_files_of_the_job(listed: str) -> None:
    assert str(fetch.inner_path(listed, "runs/r/k/output")) == listed.partition("output/")[2]


def test_a_journal_remembers(tmp_path: Path) -> None:
    path = tmp_path / "modal" / "journal.jsonl"
    journal = Journal(path, "sweep", {"app": "a"})
    journal.intend("k1", "one", 1)
    journal.spawned("k1", "fc-1")
    journal.intend("k2", "two", 1)
    journal.intend("k3", "three", 1)
    journal.spawned("k3", "fc-3")
    journal.ended("k3", "failed")
    journal.intend("k3", "three", 2)
    again = Journal(path, "other", {"app": "b"})
    assert again.run == journal.run
    assert again.run.startswith("sweep-")
    assert again.about["app"] == "a"
    assert again.entries == journal.entries
    assert [(one.key, one.state, one.attempt, one.call) for one in again.open()] == [
        ("k1", "spawned", 1, "fc-1"), ("k2", "intended", 1, None), ("k3", "intended", 2, None),
    ]  # fmt: skip


def test_a_line_cut_short_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, "sweep").intend("k1", "one", 1)
    with path.open("a") as file:
        file.write('{"event": "spawned", "key": "k1", "ca')
    journal = Journal(path, "sweep")
    assert journal.entries["k1"].state == "intended"
    journal.spawned("k1", "fc-1")
    assert Journal(path, "sweep").entries["k1"].call == "fc-1"


def test_lines_of_others_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('[1]\n{"event": "exploded", "key": "k"}\n\x00\n{"event": "ended"}\n\n')
    journal = Journal(path, "sweep")
    assert journal.entries == {}
    assert journal.run
