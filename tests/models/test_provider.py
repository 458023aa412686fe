"""What a library that calls litellm gets from the gateway: replies, and errors of litellm's kinds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import litellm
import pytest
from pydantic import BaseModel
from scripted import Scripted, gateway

from optbench.chat import ChatReply, ChatRequest, FailureKind, ModelCallError
from optbench.models.provider import GatewayProvider, registered


class Saying(Scripted):
    """Answers with a text of one's own."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def complete(self, request: ChatRequest) -> ChatReply:
        super().complete(request)
        return ChatReply(self.text, "length", 10, 2, cost_usd=0.5)


class City(BaseModel):
    name: str


ASKED: dict[str, Any] = {"model": "optbench/task", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        ("rate_limit", litellm.RateLimitError),
        ("timeout", litellm.Timeout),
        ("bad_request", litellm.BadRequestError),
        ("connection", litellm.APIConnectionError),
        ("server", litellm.InternalServerError),
    ],
)
def test_a_failure_is_of_the_kind_that_a_library_knows(
    tmp_path: Path, kind: FailureKind, raised: type[Exception]
) -> None:
    entry = gateway(tmp_path, Scripted(ModelCallError("told to", kind=kind)), retries=0)
    with pytest.raises(raised, match="told to"):
        GatewayProvider(entry).completion(**ASKED)


def test_a_reply_arrives_whole_also_where_it_is_waited_for(tmp_path: Path) -> None:
    provider = GatewayProvider(gateway(tmp_path, Saying("yes")))  # type: ignore[arg-type]
    for reply in (provider.completion(**ASKED), asyncio.run(provider.acompletion(**ASKED))):
        (choice,) = reply.choices
        assert (choice.message.content, choice.finish_reason) == ("yes", "length")
        usage = reply.usage
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (10, 2, 12)


def test_what_is_asked_arrives_and_nothing_of_litellms_own(tmp_path: Path) -> None:
    model = Scripted()
    parts = [
        {"type": "text", "text": "one"},
        {"type": "image_url"},
        {"type": "text", "text": "two"},
    ]
    GatewayProvider(gateway(tmp_path, model)).completion(
        "optbench/optimizer",
        [{"role": "system", "content": None}, {"role": "user", "content": parts, "name": "x"}],
        optional_params={
            "temperature": 0.5, "max_completion_tokens": 3, "top_p": 0.25, "stop": None,
            "max_retries": 4,
        },
    )  # fmt: skip
    (asked,) = model.asked
    assert asked.messages == [
        {"role": "system", "content": ""}, {"role": "user", "content": "one\n\ntwo"},
    ]  # fmt: skip
    assert (asked.temperature, asked.max_tokens, asked.extra) == (0.5, 3, {"top_p": 0.25})


def test_several_completions_of_one_call_are_refused(tmp_path: Path) -> None:
    model = Scripted()
    with pytest.raises(ValueError, match="set n=1"):
        GatewayProvider(gateway(tmp_path, model)).completion(**ASKED, optional_params={"n": 2})
    assert model.asked == []


@pytest.mark.parametrize(
    ("asked", "text", "outcome"),
    [
        (None, " \n", "invalid"),
        (None, "yes", "ok"),
        (City, '{"name": "Oslo"}', "ok"),
        (City, '{"town": "Oslo"}', "invalid"),
        (City, "Oslo", "invalid"),
        ({"type": "json_object"}, "[1]", "ok"),
        ({"type": "json_object"}, "[1", "invalid"),
    ],
)
def test_a_reply_that_is_of_no_use_is_counted_as_such(
    tmp_path: Path, asked: Any, text: str, outcome: str
) -> None:
    entry = gateway(tmp_path, Saying(text))  # type: ignore[arg-type]
    GatewayProvider(entry).completion(**ASKED, optional_params={"response_format": asked})
    assert [call.outcome for call in entry.ledger.calls()] == [outcome]


def test_who_asks_for_the_judge_judges(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted())
    entry.routes = {**entry.routes, "judge": entry.routes["task"]}
    for alias in ("judge", "task", "optimizer"):
        GatewayProvider(entry).completion(f"optbench/{alias}", ASKED["messages"])
    assert [call.role for call in entry.ledger.calls()] == ["judge", "optimizer", "optimizer"]


def test_another_task_leaves_no_provider_behind(tmp_path: Path) -> None:
    before = list(litellm.custom_provider_map)
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    outer = gateway(one, Saying("outer"))  # type: ignore[arg-type]
    with registered(outer), registered(gateway(two, Saying("inner"))):  # type: ignore[arg-type]
        reply = litellm.completion(**ASKED)
        assert reply.choices[0].message.content == "inner"
        handlers = [item["provider"] for item in litellm.custom_provider_map]
        assert handlers.count("optbench") == 1
    assert litellm.custom_provider_map == before
