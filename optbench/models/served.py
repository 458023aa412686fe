"""An embedded model that another process serves: the same replies, over loopback HTTP.

The launcher starts the server once for all jobs of a sweep. Asked over HTTP, llama.cpp's server
answers as it does in the process (xllamacpp 2026.10.11549), errors included. A prompt's beginning that
it kept from before can tip a reply at temperature 0, so a job's first call makes it forget the others'.
"""

from __future__ import annotations

import itertools
import json
import threading
from typing import Any

import httpx

from optbench.chat import ChatReply, ChatRequest, FailureKind, ModelCallError
from optbench.models import llamacpp
from optbench.models.embedded import weights_file
from optbench.models.llamacpp import Access, Opening

CONNECT_S = 30.0
"""How long the server may take to accept a connection, in seconds: its cores are at work."""
READ_S = 3600.0
"""How long a reply may take, in seconds. It waits for every other job's calls, each of which may run
to the context's end, and in the process there is no limit at all. A server that is gone is noticed at
once, since the kernel closes its connections; a job that hangs is ``hydra.launcher.timeout_s``'s."""


class ServedModel:
    """One model behind an address.

    Args:
        opening: How the server opened it.
        access: The way to it.

    Raises:
        ConfigError: When the model's file is not to be found, see :func:`weights_file`.
    """

    simulated = False

    def __init__(self, opening: Opening, access: Access) -> None:
        self._opening = opening
        self._path = weights_file(opening.path)
        self._slots = threading.Semaphore(opening.n_parallel)
        self._calls = itertools.count()
        self._client = httpx.Client(
            base_url=access.address,
            headers={"authorization": f"Bearer {access.token}"},
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S, pool=None),
            # An open connection keeps one of the server's few threads, at work or not.
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,  # no proxy between a machine and itself
        )

    def complete(self, request: ChatRequest) -> ChatReply:
        """Answers one request.

        Raises:
            ModelCallError: As in the process; also ``connection`` when the server is gone and
                ``timeout`` after ``READ_S``.
        """
        name = self._path.stem
        try:
            asked = llamacpp.question(request)
            # One for each of the server's slots; none is left over where there is one, as by default.
            asked["cache_prompt"] = next(self._calls) >= self._opening.n_parallel
            content = json.dumps(asked, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise llamacpp.refused(error, name) from error
        with self._slots:
            try:
                response = self._client.post(
                    "/v1/chat/completions",
                    content=content,
                    headers={"content-type": "application/json"},
                )
            except httpx.HTTPError as error:
                raise self._unreachable(error) from error
        try:
            answer = response.json()
        except ValueError as error:
            raise ModelCallError(
                f"{name}: its server gave status {response.status_code} and no JSON",
                kind="bad_request" if response.status_code < 500 else "server",
                key="model",
            ) from error
        return llamacpp.reply(answer, name)

    def _unreachable(self, error: httpx.HTTPError) -> ModelCallError:
        late = isinstance(error, httpx.TimeoutException)
        kind: FailureKind = "timeout" if late else "connection"
        said = f"gave no reply in {READ_S:g} s" if late else "has ended"
        return ModelCallError(
            f"{self._path.stem}: the server that the jobs of this sweep share {said} "
            f"({type(error).__name__})",
            kind=kind,
            key="model",
            mend="start the same command again: replies that were recorded are not asked again; "
            "with hydra.launcher.retries=1 that happens by itself",
        )

    def facts(self) -> dict[str, Any]:
        """What the replies depend on."""
        opening = self._opening
        return llamacpp.facts(self._path, opening.n_parallel, opening.context_tokens)

    def close(self) -> None:
        """Closes the connections; the server stays, for the other jobs."""
        self._client.close()
