"""Provider models through the real litellm client, against a loopback server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from peers import completion, openai
from support import command

from optbench.chat import ChatRequest, ModelCallError
from optbench.config.schema import LiteLLMModelConf, PriceConf
from optbench.models.remote import RemoteModel

KEY = "sk-loopback-secret"
ASK = ChatRequest([{"role": "user", "content": "hello"}], temperature=0.5, max_tokens=7, seed=3)


def model(address: str, **more: Any) -> RemoteModel:
    conf = LiteLLMModelConf(
        name="peer", id="openai/peer", api_key_env="PEER_API_KEY", api_base=address, **more
    )
    return RemoteModel(conf)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEER_API_KEY", KEY)


def test_a_call_carries_all_and_brings_all() -> None:
    with openai(lambda _: (200, completion("hi"))) as (address, seen):
        reply = model(address, extra={"top_p": 0.9}).complete(ASK)
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("hi", 12, 3)
    assert reply.cost_usd is None  # nobody knows a price of "peer", and unknown is not free
    (asked,) = seen
    assert asked["authorization"] == f"Bearer {KEY}"
    sent = (
        asked["model"],
        asked["temperature"],
        asked["max_tokens"],
        asked["top_p"],
        asked["seed"],
    )
    assert sent == ("peer", 0.5, 7, 0.9, 3)


def test_a_stated_price_is_used() -> None:
    price = PriceConf(input_per_million=1.0, output_per_million=2.0)
    with openai(lambda _: (200, completion("hi"))) as (address, _):
        assert model(address, price=price).complete(ASK).cost_usd == pytest.approx(18e-6)


def test_a_price_goes_by_the_name_that_was_asked() -> None:
    def answer(_: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 200, {**completion("hi"), "model": "gpt-4o-mini"}

    with openai(answer) as (address, _):
        assert model(address).complete(ASK).cost_usd is None


def test_an_empty_account_is_told_from_a_busy_server() -> None:
    said = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    with openai(lambda _: (429, said)) as (address, _), pytest.raises(ModelCallError) as caught:
        model(address).complete(ASK)
    assert caught.value.kind == "quota"


def test_a_schema_reaches_the_server() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    request = ChatRequest(ASK.messages, response_format=form)
    with openai(lambda _: (200, completion("{}"))) as (address, seen):
        model(address).complete(request)
    assert seen[0]["response_format"]["json_schema"]["schema"] == schema


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, "rate_limit"),
        (401, "auth"),
        (400, "bad_request"),
        (404, "bad_request"),
        (500, "server"),
    ],
)
def test_failures_are_told_apart_and_asked_once(status: int, kind: str) -> None:
    error = {"error": {"message": f"no, {KEY}", "type": "x", "code": None}}
    with (
        openai(lambda _: (status, error)) as (address, seen),
        pytest.raises(ModelCallError) as caught,
    ):
        model(address).complete(ASK)
    assert caught.value.kind == kind
    assert KEY not in str(caught.value)
    assert len(seen) == 1


@pytest.mark.parametrize("form", ["seconds", "date", "nonsense", "none"])
def test_the_pause_a_server_asks_for(form: str) -> None:
    said = {
        "seconds": "17",
        "date": format_datetime(datetime.now(UTC) + timedelta(seconds=17), usegmt=True),
        "nonsense": "soon",
    }
    headers = {"retry-after": said[form]} if form in said else {}
    with (
        openai(lambda _: (429, {"error": {"message": "busy"}}), headers) as (address, _),
        pytest.raises(ModelCallError) as caught,
    ):
        model(address).complete(ASK)
    asked = caught.value.retry_after_s
    assert asked is None if form in ("nonsense", "none") else 15 <= (asked or 0) <= 17


def test_a_server_that_is_not_there() -> None:
    with openai(lambda _: (200, {})) as (address, _):
        pass
    with pytest.raises(ModelCallError) as caught:
        model(address).complete(ASK)
    assert caught.value.kind in ("connection", "server")


@pytest.mark.parametrize("optimizer", ["random_few_shot", "meta_prompt", "gepa", "parameter"])
def test_a_whole_task_over_http(tmp_path: Path, optimizer: str) -> None:
    """As a user of a local server: the console script, model=vllm, real HTTP, no key anywhere."""

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body.get("response_format"):
            prompt = [{"role": "system", "content": "Name the product, nothing else."},
                      {"role": "user", "content": "{message}"}]  # fmt: skip
            return 200, completion(json.dumps({"prompts": [{"prompt": prompt}]}))
        return 200, completion("```\nName the product and nothing else.\n```")

    with openai(answer) as (address, seen):
        done = command(
            "test_mode=true", "model=vllm", "model.id=hosted_vllm/peer", f"model.api_base={address}",
            f"optimizer={optimizer}", "hydra.run.dir=out", cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["simulated"] is False
    assert result["ledger"]["total"]["paid"]["calls"] == len(seen)
    assert result["ledger"]["total"]["used"]["cost_usd"] == 0.0
    assert result["candidates"] >= 1
