"""Sweeps that nobody ran, in a folder of its own, and the command line over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from results.job_files import make, unfinished

from optbench.commands import cli

GOOD, FAIR, POOR = (1.0, 1.0, 1.0, 0.0), (1.0, 0.0, 1.0, 0.0), (0.0, 0.0, 1.0, 0.0)


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``optbench-results`` in an empty folder, 80 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def ran(*words: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return ran


def sweep(
    folder: Path,
    *,
    datasets: Sequence[str] = ("tickets",),
    seeds: Sequence[int] = (1, 2, 3),
    **changes: Any,
) -> Path:
    """A sweep of three optimizers: ``good``, ``fair`` and ``none``."""
    for dataset in datasets:
        for optimizer, after in (("good", GOOD), ("fair", FAIR), ("none", POOR)):
            for seed in seeds:
                make(
                    folder / dataset / optimizer / f"s{seed}", before=POOR, after=after,
                    dataset=dataset, optimizer=optimizer, seed=seed, **changes,
                )  # fmt: skip
    (folder / "multirun.yaml").write_text("hydra: {}\n")
    return folder


def fail(folder: Path, error: dict[str, str], identity: str = "f" * 64, log: str = "") -> Path:
    """A job that has failed."""
    job = unfinished(folder, {"state": "failed", "error": error}, identity)
    job.log.write_text(log)
    return folder
