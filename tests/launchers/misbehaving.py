"""An optimizer that goes wrong as it is told; a third-party package, as far as optbench knows."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import threading
import time
from pathlib import Path

import httpx
import litellm

from optbench.optimizers.protocol import Outcome, Problem


class Misbehaving:
    """Goes wrong, once it has scored one candidate.

    Args:
        mode: How.
        until: A file; when it is there, it behaves.
    """

    proposes = False

    def __init__(self, *, mode: str, until: str = "") -> None:
        self.mode = mode
        self.until = until

    def optimize(self, problem: Problem) -> Outcome:
        problem.evaluate(problem.prompt)
        if self.mode == "fine" or (self.until and Path(self.until).exists()):
            return Outcome(problem.prompt, "fine")
        if self.mode == "rate_limit":  # it cannot be unpickled
            raise litellm.RateLimitError("429", llm_provider="x", model="y")
        if self.mode == "http":  # nor can this
            request = httpx.Request("GET", "http://127.0.0.1")
            raise httpx.HTTPStatusError("500", request=request, response=httpx.Response(500))
        if self.mode == "disk_full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.mode == "cancelled":
            raise asyncio.CancelledError
        if self.mode == "huge":
            raise ValueError("\x1b[31mx" * 500_000)
        if self.mode == "nothing":
            return None  # type: ignore[return-value]
        if self.mode == "thread":
            threading.Thread(target=time.sleep, args=(600,), daemon=False).start()
            return Outcome(problem.prompt, "fine")
        if self.mode == "sys_exit":
            sys.exit(3)
        if self.mode == "os_exit":
            os._exit(7)
        if self.mode == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mode == "hang":
            time.sleep(600)
        raise ValueError(f"told to: {self.mode}")
