"""Many jobs, some of which go wrong, under a launcher that is killed twice: nothing is lost."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support import command, start
from test_processes import ALLOWED, CONF, HERE

BAD = ("error", "sys_exit", "os_exit", "killed", "hang")
"""Each job that goes wrong does so in one of these ways, as its seed has it."""
TIMEOUT_S = 30


def words(mode_of: dict[int, str], seeds: int) -> tuple[str, ...]:
    """One sweep of all jobs: a row for each bad one, an axis for the others."""
    fine = ",".join(str(seed) for seed in range(seeds) if seed not in mode_of)
    rows = ",".join(
        f"{{seed:{seed},optimizer.params.mode:{mode}}}" for seed, mode in mode_of.items()
    )
    return (
        "--config-dir", "conf", "-m", "model=simulated", "optimizer=misbehaving", f"seed={fine}",
        ALLOWED,
        "test_mode=true", "tracking.spans=false", "n_threads=1", "hydra.sweep.dir=sweep",
        "hydra.launcher.n_jobs=2", f"hydra.launcher.timeout_s={TIMEOUT_S}",
        f"hydra.sweeper.include=[{rows}]",
    )  # fmt: skip


def done(sweep: Path) -> dict[Path, float]:
    """The results there are, and when each was written."""
    return {file: file.stat().st_mtime for file in sweep.rglob("result.json")}


def score(file: Path) -> Any:
    """What must be equal in a calm sweep and in a torn one."""
    result = json.loads(file.read_text())
    return {key: result[key] for key in ("identity", "scores", "lift", "prompts", "trials")}


def killed_after(results: int, folder: Path, *arguments: str) -> None:
    """Starts the sweep and kills its launcher once so many results are there."""
    process = start(*arguments, cwd=folder, env={"PYTHONPATH": str(HERE)})
    try:
        until = time.monotonic() + 300
        while len(done(folder / "sweep")) < results and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert process.poll() is None, "it was not to end by itself"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("seeds", "bad"),
    [
        pytest.param(16, 5, marks=pytest.mark.slow),
        pytest.param(60, 12, marks=pytest.mark.soak),
    ],
)
def test_every_job_ends_in_the_right_state(seeds: int, bad: int, tmp_path: Path) -> None:
    rng = random.Random(11)
    mode_of = {
        seed: BAD[index % len(BAD)] for index, seed in enumerate(rng.sample(range(seeds), bad))
    }
    calm, torn = tmp_path / "calm", tmp_path / "torn"
    for folder in (calm, torn):
        (folder / "conf" / "optimizer").mkdir(parents=True)
        (folder / "conf" / "optimizer" / "misbehaving.yaml").write_text(CONF)
    path = {"PYTHONPATH": str(HERE)}
    arguments = words(mode_of, seeds)
    whole = command(*arguments, cwd=calm, env=path, timeout=1200)
    assert whole.returncode == 1
    assert f"{bad} of {seeds} jobs failed" in whole.stderr

    first, second = sorted(rng.sample(range(2, seeds * 2 // 3 - 2), 2))
    killed_after(first, torn, *arguments)
    kept = done(torn / "sweep")
    killed_after(second + 1, torn, *arguments)
    kept |= {file: at for file, at in done(torn / "sweep").items() if file not in kept}
    last = command(*arguments, cwd=torn, env=path, timeout=1200)
    assert last.returncode == 1
    # Those that failed are tried again by the same command; they fail alike.
    assert f"{bad} of {seeds} jobs failed" in last.stderr

    ended = done(torn / "sweep")
    for file, at in kept.items():
        assert ended[file] == at, f"{file} was done, and done again"
    states = Counter(
        json.loads(file.read_text())["state"] for file in (torn / "sweep").rglob("status.json")
    )
    assert states == {"success": seeds - bad, "failed": bad}
    expected = sorted((score(file) for file in done(calm / "sweep")), key=str)
    assert sorted((score(file) for file in ended), key=str) == expected
    reasons = Counter(
        json.loads(file.read_text())["error"]["type"]
        for file in (torn / "sweep").rglob("status.json")
        if json.loads(file.read_text())["state"] == "failed"
    )
    assert reasons == Counter(
        {"error": "ValueError", "sys_exit": "JobExitError", "hang": "JobTimeoutError"}.get(
            mode, "WorkerDiedError"
        )
        for mode in mode_of.values()
    )
