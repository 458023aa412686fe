"""What a client does, by name: reads ``[number, action, arguments]`` lines of JSON.

Prints ``[number, result]`` lines; an exception is ``{"error": [class, text]}``.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import modal


def shown(error: BaseException) -> dict[str, Any]:
    """An exception as the caller sees it."""
    kind = type(error)
    return {"error": [f"{kind.__module__}.{kind.__qualname__}", str(error)]}


def function(options: dict[str, Any] | None = None, name: str = "work") -> modal.Function:
    """The deployed function, with other options where given."""
    found = modal.Function.from_name("sample", name)
    if not options:
        return found
    if named := options.pop("secret", None):
        options["secrets"] = [modal.Secret.from_name(named[0], required_keys=named[1:])]
    if retries := options.pop("retries", None):
        options["retries"] = modal.Retries(**retries)
    return found.with_options(**options)


def spawn(inputs: list[Any], options: dict[str, Any] | None = None) -> list[str]:
    """Submit inputs; the ids of the calls."""
    remote = function(options)
    return [remote.spawn(one).object_id for one in inputs]


def timed_spawn(inputs: list[Any]) -> dict[str, Any]:
    """Submit inputs; ids and seconds."""
    remote = function().hydrate()
    start = time.monotonic()
    ids = [remote.spawn(one).object_id for one in inputs]
    return {"ids": ids, "seconds": time.monotonic() - start}


def get(ids: list[str], timeout: float | None = 30) -> list[Any]:
    """Wait for calls, all at once; a value or an error each."""

    def one(call_id: str) -> Any:
        try:
            return modal.FunctionCall.from_id(call_id).get(timeout=timeout)
        except Exception as error:
            return shown(error)

    with ThreadPoolExecutor(len(ids)) as pool:
        return list(pool.map(one, ids))


def run(inputs: list[Any], options: dict[str, Any] | None = None, timeout: float = 30) -> list[Any]:
    """Submit inputs and wait."""
    return get(spawn(inputs, options), timeout)


def look_up(app: str, name: str) -> str:
    """Find a function."""
    return modal.Function.from_name(app, name).hydrate().object_id


def cancel(call_id: str) -> None:
    """Cancel a call."""
    modal.FunctionCall.from_id(call_id).cancel()


def listing(volume: str, path: str = "/") -> list[str]:
    """All files of a volume."""
    entries = modal.Volume.from_name(volume).listdir(path, recursive=True)
    return [one.path for one in entries if one.type.name == "FILE"]


def read(volume: str, path: str) -> str:
    """A file of a volume."""
    return b"".join(modal.Volume.from_name(volume).read_file(path)).decode()


def tour(volume: str, version: int) -> list[Any]:
    """What a client may do with a volume."""
    from io import BytesIO

    remote = modal.Volume.from_name(volume, create_if_missing=True, version=version)
    with remote.batch_upload() as batch:
        batch.put_file(BytesIO(b"small"), "/a/small.txt")
        batch.put_file(BytesIO(bytes(9_000_000) + b"end"), "/a/large.bin")
    seen = [sorted(one.path for one in remote.iterdir("/", recursive=True))]
    seen.append(b"".join(remote.read_file("a/small.txt")).decode())
    seen.append(len(b"".join(remote.read_file("a/large.bin"))))
    remote.copy_files(["a/small.txt"], "b.txt")
    remote.remove_file("a", recursive=True)
    return [*seen, sorted(one.path for one in remote.listdir("/", recursive=True))]


def act(number: int, action: str, arguments: dict[str, Any]) -> None:
    """Run one action and print what it gives."""
    try:
        result = globals()[action](**arguments)
    except Exception as error:
        result = shown(error)
    print(json.dumps([number, result]), flush=True)


def main() -> None:
    """Run each action in a thread of its own."""
    for line in sys.stdin:
        threading.Thread(target=act, args=json.loads(line), daemon=True).start()


main()
