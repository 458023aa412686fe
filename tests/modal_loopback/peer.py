"""The loopback server as tests use it.

with loopback() as modal:
    subprocess.run([sys.executable, "-m", "modal", "deploy", "app.py"], env=modal.env)
    modal.knobs(kill={"input": 2, "after_seconds": 0.5})
    ...
    assert modal.counts()["events"]["kills"] == 1
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from .common import open_work_folders

TESTS = Path(__file__).parent.parent


@cache
def unavailable() -> str:
    """Why containers cannot be made on this machine; empty where they can."""
    if missing := [one for one in ("unshare", "nsenter", "setpriv") if not shutil.which(one)]:
        return f"needs {', '.join(missing)} (util-linux)"
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("lower", "upper", "work", "place"):
            (Path(folder) / name).mkdir()
        layers = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work,userxattr"
        command = ("mount", "-t", "overlay", "overlay", "-o", layers, f"{folder}/place")
        unshare = ("unshare", "--mount", "--pid", "--fork", *user, *command)
        done = subprocess.run(unshare, capture_output=True, text=True, check=False)
        subprocess.run(["chmod", "-R", "u+rwx", folder], check=False)
    return f"mount namespaces with overlays: {done.stderr.strip()}" if done.returncode else ""


class Loopback:
    """A running server."""

    def __init__(self, state: Path, addresses: dict[str, str], pid: int) -> None:
        self.state = state
        self.url = addresses["server_url"]
        self.admin = addresses["admin_url"]
        self.pid = pid
        self.env = environment(self.url)

    def knobs(self, **values: Any) -> None:
        """Turn knobs; see ``knobs.Knobs`` for names."""
        self._ask("/admin/knobs", json.dumps(values).encode())

    def counts(self) -> dict[str, Any]:
        """What happened: ``rpc``, ``events``, ``started``, ``finished``, ``commits``, and what is."""
        state: dict[str, Any] = json.loads(self._ask("/admin/state"))
        return state

    def containers(self) -> dict[str, Any]:
        """The containers that live, by task id."""
        found: dict[str, Any] = self.counts()["containers"]
        return found

    def logs(self) -> str:
        """All that containers printed."""
        return self._ask("/admin/logs").decode()

    def volume(self, name: str) -> Path:
        """The committed files of a volume; to be read, not written."""
        return Path(self.counts()["volumes"][name])

    def wait(self, ready: Callable[[dict[str, Any]], Any], timeout: float = 20.0) -> None:
        """Until the counts say so."""
        end = time.monotonic() + timeout
        while not ready(self.counts()):
            if time.monotonic() > end:
                raise TimeoutError(f"after {timeout} s: {self.counts()}\n{self.logs()}")
            time.sleep(0.03)

    def _ask(self, path: str, data: bytes | None = None) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.admin + path, data) as reply:
                body: bytes = reply.read()
                return body
        except urllib.error.HTTPError as error:
            raise ValueError(error.read().decode()) from None


def environment(url: str) -> dict[str, str]:
    """The variables of a client: this server, made-up tokens and nothing of the user's profile."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MODAL_")}
    return env | {
        "MODAL_SERVER_URL": url,
        "MODAL_TOKEN_ID": "ak-loopback",
        "MODAL_TOKEN_SECRET": "as-loopback",
        "MODAL_CONFIG_PATH": "/nonexistent/modal.toml",
        "MODAL_DISABLE_API_PROXY": "1",
    }


@contextmanager
def loopback(
    binds: dict[str, Path] | None = None, keep: Path | None = None, **knobs: Any
) -> Iterator[Loopback]:
    """A server for as long as the context is open.

    ``binds`` shows folders of the machine in containers, by their place there; ``keep`` is a
    folder for the state that stays.
    """
    state = keep or Path(tempfile.mkdtemp(prefix="modal-loopback-"))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "modal_loopback", str(state)),
            *(f"{place}={source}" for place, source in (binds or {}).items()),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        # An interrupt of the tests must not end the server before its containers are gone.
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        server = Loopback(state, json.loads(process.stdout.readline()), process.pid)
        if knobs:
            server.knobs(**knobs)
        yield server
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.stdout.close()
            if keep is None:
                clean(state)


def clean(state: Path) -> None:
    """Remove what is left; a killed server could not open its overlays' work folders."""
    open_work_folders(state, "containers/*/*")
    shutil.rmtree(state, ignore_errors=True)
