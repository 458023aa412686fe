"""A real language model inside the task's process: llama.cpp through xllamacpp, any GGUF file.

llama.cpp's server runs on threads of this process and ends with it, killed or not; it listens on a
loopback port of its own choosing, which wants a token that nobody is told.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from optbench.config.identity import file_sha256
from optbench.errors import ConfigError
from optbench.models.hardware import cores
from optbench.models.json_schema import bounded
from optbench.models.types import ChatReply, ChatRequest, FailureKind, ModelCallError
from optbench.models.weights import check_available

_CACHE_MIB = 256  # prompts kept for reuse beside the slots' own; the runtime's 8 GiB fill up
_SILENT = -1  # llama.cpp's verbosity: errors come back as values


class EmbeddedModel:
    """One GGUF model; callers beyond ``n_parallel`` wait for their turn.

    Args:
        path: The GGUF file; it must carry a chat template.
        n_parallel: Requests decoded together.
        context_tokens: Longest request and reply together, in tokens, of each of them.
        n_threads: Threads that compute; default is one a core. More than cores makes it many times
            slower, since llama.cpp's threads spin.

    Raises:
        ConfigError: See :func:`check_available`; also when the runtime refuses the file.
    """

    simulated = False

    def __init__(
        self,
        path: Path,
        *,
        n_parallel: int = 1,
        context_tokens: int = 4096,
        n_threads: int | None = None,
    ) -> None:
        check_available(str(path))
        import xllamacpp

        self._path = path
        self._n_parallel = n_parallel
        self._context = context_tokens
        self._threads = n_threads or cores()
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_parallel = n_parallel
        params.n_ctx = n_parallel * context_tokens
        params.cpuparams.n_threads = self._threads
        params.cpuparams_batch.n_threads = self._threads
        params.verbosity = _SILENT
        params.warmup = False
        params.cache_ram_mib = _CACHE_MIB
        params.hostnames = ["127.0.0.1"]
        params.api_keys = [secrets.token_hex(32)]
        try:
            self._server: Any = xllamacpp.Server(params)
        except Exception as error:
            raise ConfigError(
                f"the runtime cannot load '{path.name}': {error}",
                key="model.path",
                mend="check that this llama.cpp knows the model's architecture",
            ) from error
        self._slots = threading.Semaphore(n_parallel)

    def complete(self, request: ChatRequest) -> ChatReply:
        """Answers one request.

        Raises:
            ModelCallError: ``bad_request`` when it does not fit the context or its schema cannot be
                turned into a grammar.
        """
        asked: dict[str, Any] = {
            **request.extra,
            "messages": [dict(message) for message in request.messages],
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
            "response_format": _constrained(request.response_format),
            "cache_prompt": True,
        }
        asked = {key: value for key, value in asked.items() if value is not None}
        with self._slots:
            try:
                answer = self._server.handle_chat_completions(asked)
            except Exception as error:  # the binding raises whatever llama.cpp throws
                raise ModelCallError(
                    f"{self._path.stem}: {error}", kind="bad_request", key="model"
                ) from error
        if "error" in answer:
            raise self._failure(answer["error"])
        return _reply(answer)

    def _failure(self, error: Mapping[str, Any]) -> ModelCallError:
        kind: FailureKind = "bad_request" if error.get("code") == 400 else "server"
        too_long = error.get("type") == "exceed_context_size_error"
        return ModelCallError(
            f"{self._path.stem}: {error.get('message', error)}",
            kind=kind,
            key="model.context_tokens" if too_long else "model",
            mend="raise model.context_tokens, or shorten the prompt" if too_long else None,
        )

    def facts(self) -> dict[str, Any]:
        """What the replies depend on."""
        return {
            "kind": "embedded",
            "file": self._path.name,
            "bytes": self._path.stat().st_size,
            "sha256": file_sha256(self._path),
            "xllamacpp": version("xllamacpp"),
            "n_parallel": self._n_parallel,
            "context_tokens": self._context,
        }

    def close(self) -> None:
        """Ends the server's threads and frees the memory."""
        self._server = None


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


def _reply(answer: Mapping[str, Any]) -> ChatReply:
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
