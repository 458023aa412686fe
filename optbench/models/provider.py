"""The gateway as a litellm provider, so that libraries that call litellm call the gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import litellm
from litellm.llms.custom_llm import CustomLLM
from pydantic import BaseModel, ValidationError

from optbench.chat import ChatReply, ChatRequest, FailureKind, ModelCallError
from optbench.models.calls import Role
from optbench.models.gateway import Alias, Gateway

PROVIDER = "optbench"
_SAMPLING = frozenset({"top_p", "top_k", "min_p", "stop", "presence_penalty", "frequency_penalty"})
"""What goes on to the model beside a request's own fields. Not what litellm adds for its own use:
its num_retries comes here as max_retries, and would fail the call to the real model."""

_LITELLM_ERRORS: dict[FailureKind, Callable[..., Exception]] = {
    "rate_limit": litellm.RateLimitError,
    "timeout": litellm.Timeout,
    "auth": litellm.AuthenticationError,
    "quota": litellm.AuthenticationError,
    "bad_request": litellm.BadRequestError,
    "connection": litellm.APIConnectionError,
    "server": litellm.InternalServerError,
}


def model_string(alias: Alias) -> str:
    """What to give a library as its litellm model."""
    return f"{PROVIDER}/{alias}"


@contextmanager
def registered(gateway: Gateway) -> Iterator[None]:
    """Points ``optbench/<alias>`` at a gateway for as long as the context is open.

    litellm keeps its providers process-wide, and so does this: one task at a time in a process.
    """
    before = list(litellm.custom_provider_map)
    others = [item for item in before if item["provider"] != PROVIDER]
    provider = {"provider": PROVIDER, "custom_handler": GatewayProvider(gateway)}
    litellm.custom_provider_map = [*others, provider]
    litellm.utils.custom_llm_setup()
    try:
        yield
    finally:
        litellm.custom_provider_map = before


class GatewayProvider(CustomLLM):  # type: ignore[misc]  # litellm ships no types for it
    """Hands completions to a gateway; who asks for the judge judges, any other is an optimizer."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway

    def completion(self, *args: Any, **kwargs: Any) -> Any:
        """litellm's synchronous entry."""
        return self._answer(*_read(args, kwargs))

    async def acompletion(self, *args: Any, **kwargs: Any) -> Any:
        """litellm's asynchronous entry; the call itself runs in a thread."""
        return await asyncio.to_thread(self._answer, *_read(args, kwargs))

    def _answer(self, alias: Alias, request: ChatRequest, usable: Callable[[str], bool]) -> Any:
        try:
            role: Role = "judge" if alias == "judge" else "optimizer"
            reply = self._gateway.complete(alias, request, role, usable=usable)
        except ModelCallError as error:
            raise _LITELLM_ERRORS[error.kind](
                message=error.what, model=alias, llm_provider=PROVIDER
            ) from error
        return _response(alias, reply)


def _read(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Alias, ChatRequest, Callable[[str], bool]]:
    """litellm passes keywords; the two leading ones are also accepted by position."""
    model = args[0] if args else kwargs["model"]
    messages = args[1] if len(args) > 1 else kwargs["messages"]
    params: Mapping[str, Any] = kwargs.get("optional_params") or {}
    if int(params.get("n") or 1) > 1:
        raise ValueError("optbench answers one completion a call; set n=1")
    response_format, usable = _structured(params.get("response_format"))
    request = ChatRequest(
        messages=[_plain(message) for message in messages],
        temperature=params.get("temperature"),
        max_tokens=params.get("max_tokens") or params.get("max_completion_tokens"),
        response_format=response_format,
        extra={
            key: value for key, value in params.items() if key in _SAMPLING and value is not None
        },
    )
    alias = cast(Alias, str(model).removeprefix(f"{PROVIDER}/"))
    return alias, request, usable


def _plain(message: Any) -> dict[str, str]:
    content = message.get("content")
    if isinstance(content, list):  # content parts: only text reaches a text model
        content = "\n".join(str(part.get("text", "")) for part in content)
    return {"role": str(message["role"]), "content": str(content or "")}


def _structured(asked: Any) -> tuple[dict[str, Any] | None, Callable[[str], bool]]:
    """The response format as plain data, and what tells a usable reply."""
    if asked is None:
        return None, lambda text: bool(text.strip())
    if isinstance(asked, type) and issubclass(asked, BaseModel):
        schema = {"name": asked.__name__, "schema": asked.model_json_schema()}
        return {"type": "json_schema", "json_schema": schema}, _fits(asked)
    return dict(asked), _is_json


def _fits(kind: type[BaseModel]) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            kind.model_validate_json(text)
        except ValidationError:
            return False
        return True

    return fits


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _response(alias: Alias, reply: ChatReply) -> Any:
    return litellm.ModelResponse(
        model=alias,
        choices=[
            {
                "index": 0,
                "finish_reason": reply.finish_reason,
                "message": {"role": "assistant", "content": reply.text},
            }
        ],
        usage=litellm.Usage(
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            total_tokens=reply.prompt_tokens + reply.completion_tokens,
        ),
    )
