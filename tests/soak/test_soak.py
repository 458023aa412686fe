"""Sweeps that are killed, starved, frozen and lied to, over and over: nothing is lost, nothing is left.

``SOAK_SEED=7 pytest -m soak tests/soak`` repeats what a failure printed.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from soak_rounds import Soak
from support import clean_environment

SEED = "SOAK_SEED"


def seconds(short: float, long: float) -> list[object]:
    """The same test for CI and for ``make soak``."""
    return [
        pytest.param(short, id="short", marks=pytest.mark.slow),
        pytest.param(long, id="long", marks=pytest.mark.soak),
    ]


@pytest.mark.parametrize("length_s", seconds(60, float(os.environ.get("SOAK_S", 1200))))
def test_nothing_is_lost_and_nothing_is_left(
    length_s: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = random.SystemRandom().randrange(10**6) if length_s > 60 else 12
    seed = int(os.environ.get(SEED, drawn))
    with ExitStack() as stack:
        soak = Soak(tmp_path, seed, stack)
        began, number = time.monotonic(), 0
        while number == 0 or time.monotonic() - began < length_s:
            try:
                soak.round(number)
            except AssertionError as error:
                error.add_note(f"to repeat: {SEED}={seed}, round {number}; {dict(soak.counts)}")
                raise
            number += 1
    with capsys.disabled():
        told = ", ".join(f"{count} {what}" for what, count in sorted(soak.counts.items()))
        print(f"\nsoak of {time.monotonic() - began:.0f} s, {SEED}={seed}: {told}")


@pytest.mark.parametrize("tasks", seconds(16, 400))
def test_a_long_lived_process_does_not_grow(tasks: float, tmp_path: Path) -> None:
    """Handles, threads and memory of one process that runs task after task."""
    script = Path(__file__).parent / "soak_process.py"
    paths = [str(script.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**clean_environment(), "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, str(script), str(int(tasks))],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"files"')]
    assert len(lines) == tasks
    warm, end = lines[3], lines[-1]
    assert end["files"] <= warm["files"], lines
    # Pools of the client and of litellm fill up over time, and opik-optimizer's limiters each have a
    # thread until the collector finds them: some at a time, however many tasks there were.
    assert len(end["names"]) <= 30, lines
    # A task leaves some 0.1 MB of fragments in the allocator; a leak of its tables would be more.
    assert end["mb"] - warm["mb"] < 8 + 0.3 * tasks, lines
