"""The client of a served model: its protocol against a peer, its replies against the model itself."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
import pytest
from peers import completion, openai

from optbench.chat import ChatRequest, ModelCallError
from optbench.models.embedded import EmbeddedModel, open_server
from optbench.models.llamacpp import Access, Opening
from optbench.models.served import ServedModel
from optbench.models.weights import default_weights

TOKEN = "a-token-of-this-launch"
OPENING = Opening(path=None, n_parallel=1, context_tokens=4096)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}


def model(address: str, token: str = TOKEN) -> ServedModel:
    return ServedModel(OPENING, Access(address.removesuffix("/v1"), token))


def asking(text: str, **more: Any) -> ChatRequest:
    return ChatRequest(
        [{"role": "user", "content": text}],
        **{"temperature": 0.0, "max_tokens": 12, "seed": 3, **more},
    )


def test_a_call_carries_what_the_model_in_the_process_is_asked() -> None:
    request = asking("hello", response_format=FORM, extra={"top_p": 0.9})
    with openai(lambda _: (200, completion("hi"))) as (address, seen):
        reply = model(address).complete(request)
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("hi", 12, 3)
    assert reply.cost_usd == 0.0
    (asked,) = seen
    assert asked.pop("authorization") == f"Bearer {TOKEN}"
    bounded = asked.pop("response_format")["json_schema"]["schema"]
    assert bounded["properties"]["a"]["maxLength"] > 0
    assert asked == {
        "messages": [{"role": "user", "content": "hello"}],
        "temperature": 0.0,
        "max_tokens": 12,
        "seed": 3,
        "top_p": 0.9,
        "cache_prompt": False,  # a job's first call
    }


@pytest.mark.parametrize(
    ("status", "type_", "kind", "key"),
    [
        (400, "invalid_request_error", "bad_request", "model"),
        (400, "exceed_context_size_error", "bad_request", "model.context_tokens"),
        (401, "authentication_error", "auth", "model"),
        (500, "server_error", "server", "model"),
        (503, "unavailable_error", "server", "model"),
    ],
)
def test_failures_are_told_apart_and_asked_once(
    status: int, type_: str, kind: str, key: str
) -> None:
    error = {"error": {"message": "no", "type": type_, "code": status}}
    with (
        openai(lambda _: (status, error)) as (address, seen),
        pytest.raises(ModelCallError) as caught,
    ):
        model(address).complete(asking("hello"))
    assert (caught.value.kind, caught.value.key) == (kind, key)
    assert len(seen) == 1


def test_a_server_that_is_gone() -> None:
    with openai(lambda _: (200, {})) as (address, _):
        pass
    with pytest.raises(ModelCallError, match="has ended") as caught:
        model(address).complete(asking("hello"))
    assert caught.value.kind == "connection"
    assert "start the same command again" in str(caught.value)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert TOKEN not in str(chain) + repr(chain)
        chain = chain.__cause__ or chain.__context__


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(ModelCallError) as caught:
        model("http://127.0.0.1:9").complete(asking("hello", extra={"stop": {1}}))
    assert caught.value.kind == "bad_request"


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(Access("http://127.0.0.1:9", TOKEN))


@pytest.fixture(scope="module")
def both() -> tuple[EmbeddedModel, ServedModel, Any]:
    """The model in the process, the model behind an address, and the server there."""
    token = secrets.token_hex(32)
    server = open_server(default_weights(), token=token)
    return EmbeddedModel(default_weights()), model(server.listening_address, token), server


@pytest.mark.slow
@pytest.mark.llm
@pytest.mark.parametrize(
    "request_",
    [
        asking("Where is Paris?"),
        asking("Where is Paris?", temperature=0.9, max_tokens=30),
        asking("Nul \x00, é, 🎉"),
        asking("Where is Paris?", response_format=FORM, max_tokens=40),
        asking("Where is Paris?", extra={"stop": ["is"], "top_p": 0.5}),
        asking("Where is Paris?", extra={"n": 2}),
        asking("word " * 5000),
        asking(
            "x", response_format={"type": "json_schema", "json_schema": {"schema": {"type": 1}}}
        ),
    ],
    ids=["greedy", "sampled", "unicode", "schema", "extra", "refused", "too-long", "bad-schema"],
)
def test_the_same_replies_as_in_the_process(
    both: tuple[EmbeddedModel, ServedModel, Any], request_: ChatRequest
) -> None:
    def outcome(of: EmbeddedModel | ServedModel) -> object:
        try:
            return of.complete(request_)
        except ModelCallError as error:
            return error.kind, error.key, error.what, error.mend

    embedded, served, _ = both
    assert outcome(served) == outcome(embedded)
    assert served.facts() == embedded.facts()


@pytest.mark.slow
@pytest.mark.llm
def test_refused_without_the_token(both: tuple[EmbeddedModel, ServedModel, Any]) -> None:
    address = both[2].listening_address
    with pytest.raises(ModelCallError) as caught:
        model(address, "another").complete(asking("hello"))
    assert caught.value.kind == "auth"
    for path in ("/v1/chat/completions", "/v1/completions", "/completion", "/slots", "/props"):
        assert httpx.post(f"{address}{path}", json={}, trust_env=False).status_code == 401
