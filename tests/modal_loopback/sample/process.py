"""A client process that stays up: importing the client costs more than most of its actions."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import Future
from typing import Any

from ..peer import TESTS, Loopback


class Client:
    """Runs actions of ``sample.client`` in one process, several at once."""

    def __init__(self, server: Loopback) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modal_loopback.sample.client"],
            env=server.env | {"PYTHONPATH": str(TESTS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.waiting: dict[int, Future[Any]] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, action: str, **arguments: Any) -> Future[Any]:
        """Begin an action."""
        assert self.process.stdin
        number = len(self.waiting)
        self.waiting[number] = Future()
        print(json.dumps([number, action, arguments]), file=self.process.stdin, flush=True)
        return self.waiting[number]

    def __call__(self, action: str, **arguments: Any) -> Any:
        """Run an action to its end."""
        return self.start(action, **arguments).result(60)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            number, result = json.loads(line)
            self.waiting[number].set_result(result)

    def close(self) -> None:
        """End the process, whatever it still waits for."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()
