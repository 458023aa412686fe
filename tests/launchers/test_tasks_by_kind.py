"""Tasks that are made by what differs are the very tasks that their configs say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import launch

from hydra_plugins.optbench_launcher import _tasks
from hydra_plugins.optbench_launcher._compose import Composer
from hydra_plugins.optbench_launcher._tasks import Tasks
from optbench.task import Task

VALUES = {
    "seed": st.integers(0, 3).map(str),
    "n_threads": st.integers(1, 3).map(str),  # another key refers to it
    "optimizer": st.sampled_from(["gepa", "few_shot", "none"]),
    "budget.rollouts": st.sampled_from(["7", "'8'", "null"]),
    "budget.trials": st.integers(1, 9).map(str),
    "dataset.slices.test.count": st.integers(1, 20).map(str),
    "dataset.description": st.sampled_from(["a", "'b c'", "null", "'${seed}'", "???"]),
    "dataset.slices.test": st.sampled_from(["{split:test,start:1,count:3}"]),
    "model.name": st.sampled_from(["a", "1"]),
    "model.latency_s": st.sampled_from(["1", "0.5", "1e-2", "x"]),
    "+dataset.source.args.x": st.sampled_from(["1", "[1,2]"]),
    "test_mode": st.sampled_from(["true", "false"]),
    "cache.mode": st.sampled_from(["off", "read", "readwrite"]),
}


@st.composite
def jobs(draw: st.DrawFn) -> list[list[str]]:
    keys = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=5, unique=True))
    return [[f"{key}={draw(VALUES[key])}" for key in keys] for _ in range(4)]


def made(make: Tasks | Composer, words: Sequence[str]) -> Task | str:
    try:
        return make.task(words) if isinstance(make, Tasks) else Task.from_config(make.bare(words))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(jobs=jobs())
@example(jobs=[["dataset.description=a"], ["dataset.description=???"]])
def test_both_ways_make_the_same(jobs: list[list[str]]) -> None:
    with launch("model=simulated") as (master, loader):
        composer = Composer(loader, master)
        tasks = Tasks(composer)
        for words in (*jobs, jobs[0]):  # what was made before is not changed by those after
            assert made(tasks, words) == made(composer, words)


def test_seeds_cost_no_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[object] = []
    slow = Task.from_config

    def counted(cfg: object) -> Task:
        converted.append(cfg)
        return slow(cfg)  # type: ignore[arg-type]

    monkeypatch.setattr(_tasks.Task, "from_config", counted)
    with launch("model=simulated") as (master, loader):
        tasks = Tasks(Composer(loader, master))
        identities = {
            tasks.task([f"optimizer={name}", f"seed={seed}"]).identity
            for seed in range(10)
            for name in ("none", "gepa")
        }
    assert len(identities) == 20
    assert len(converted) == 2


def test_a_key_that_others_refer_to_reaches_them() -> None:
    with launch("model=simulated") as (master, loader):
        tasks = Tasks(Composer(loader, master))
        for threads in (1, 2, 3):
            task = tasks.task(["optimizer=gepa", f"n_threads={threads}"])
            assert task.config.optimizer.params.n_threads == threads  # type: ignore[attr-defined]


def test_few_kinds_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tasks, "MOST_KINDS", 2)
    with launch("model=simulated") as (master, loader):
        tasks = Tasks(Composer(loader, master))
        for name in ("none", "gepa", "few_shot", "none"):
            assert tasks.task([f"optimizer={name}", "seed=2"]).config.optimizer.name == name
        assert len(tasks._known) == 2
