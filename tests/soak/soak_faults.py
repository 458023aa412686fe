"""What can go wrong around a sweep: a full disk, a clock that jumps, a folder that refuses writes."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.hub import Hub, parquet, serve

SMALL_DISK_MB = 48
SHIM = """
import os, time
_now, _now_ns = time.time, time.time_ns
def _offset():
    try:
        with open(os.environ["SOAK_CLOCK"]) as file:
            return float(file.read() or 0)
    except OSError:
        return 0.0
time.time = lambda: _now() + _offset()
time.time_ns = lambda: _now_ns() + int(_offset() * 10**9)
"""
"""``sitecustomize`` of every process of the sweep: the wall clock, as a file says; no other clock."""


class Disk:
    """A small file system of its own where the machine allows one; else a plain folder.

    Attributes:
        real: Whether it can be filled.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        size = f"size={SMALL_DISK_MB}m"
        self.real = _succeeds("mount", "-t", "tmpfs", "-o", size, "none", str(folder))
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Not one byte is left."""
        block = b"\0" * 65536
        with self._ballast.open("ab", buffering=0) as file:
            while block:
                try:
                    file.write(block)
                except OSError as error:
                    assert error.errno == errno.ENOSPC
                    block = block[: len(block) // 2]

    def free(self) -> None:
        """As before."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Gone, as soon as nobody is at work in it."""
        if self.real:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)


class Clock:
    """The wall clock of the processes that are given its environment; monotonic clocks go on."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._file = folder / "offset"
        (folder / "sitecustomize.py").write_text(SHIM)
        self.set(0)
        self.path, self.environment = str(folder), {"SOAK_CLOCK": str(self._file)}

    def set(self, offset_s: float) -> None:
        """Steps to so many seconds from the true time."""
        aside = self._file.with_suffix(".new")
        aside.write_text(str(offset_s))
        aside.replace(self._file)


@contextmanager
def read_only(folder: Path) -> Iterator[bool]:
    """Nothing can be made, renamed or removed in a folder for a while; False where it cannot be done.

    Root heeds no modes: a mount that is read only, and modes for all others.
    """
    place = str(folder)
    if os.getuid():
        before = folder.stat().st_mode
        folder.chmod(0o555)
        try:
            yield True
        finally:
            folder.chmod(before)
        return
    bound = _succeeds("mount", "--bind", place, place)
    try:
        yield bound and _succeeds("mount", "-o", "remount,bind,ro", place)
    finally:
        if bound:  # lazily: files may be open through it
            subprocess.run(["umount", "-l", place], check=True)


class SlowHub(Hub):
    """A hub that answers late, in part or not at all, when it is told to.

    Attributes:
        mood: ``fine``, ``slow``, ``broken``, ``stalled``, or ``cut``: files end in their middle.
    """

    STALL_S = 12.0
    mood = "fine"

    def commit(self, repo: str, revision: str | None) -> str | None:
        """As the hub's; each answer asks for it."""
        time.sleep({"slow": 0.5, "stalled": self.STALL_S}.get(self.mood, 0.0))
        return super().commit(repo, revision)

    def feel(self, mood: str) -> None:
        """Behaves so from the next request on."""
        self.mood, self.broken, self.cuts = mood, mood == "broken", mood == "cut"


HUB_ROWS, HUB_COMMIT = "someone/sums", "a" * 40


@contextmanager
def slow_hub() -> Iterator[SlowHub]:
    """Serves the rows of :data:`HUB_ROWS`."""
    hub = SlowHub()
    rows = [{"question": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(40)]
    card = "configs:\n- config_name: main\n  data_files:\n  - {split: train, path: train.parquet}\n"
    hub.add(HUB_ROWS, HUB_COMMIT, {"train.parquet": parquet(rows)}, card)
    with serve(hub):
        yield hub


def jump(rng: random.Random) -> float:
    """A step of the wall clock: of seconds, hours or months, either way."""
    return rng.choice((-1, 1)) * rng.choice((90.0, 7_200.0, 5_000_000.0))


def _succeeds(*words: str) -> bool:
    if shutil.which(words[0]) is None:
        return False
    with contextlib.suppress(OSError):
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    return False
