"""One process at a time in a folder; the kernel frees a dead one's lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from optbench.errors import ConfigError


@contextmanager
def alone(file: Path, *, doing: str, key: str, wait_s: float = 0.0) -> Iterator[None]:
    """Holds a lock file for as long as the context is open.

    Args:
        file: The lock file, in a folder that is there.
        doing: What another holder is at, for the error: ``running the task in 'x'``.
        key: The config key that names the folder.
        wait_s: How long the former holder may take to be gone, in seconds.

    Raises:
        ConfigError: When another process holds it.
    """
    lock = FileLock(file)
    try:
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        raise ConfigError(
            f"another process is {doing}",
            key=key,
            mend="wait for it, or choose another folder",
        ) from error
    try:
        yield
    finally:
        lock.release()
