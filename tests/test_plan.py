"""A plan says what tasks would cost, what is there already, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import command, composed, searches

from optbench import plan
from optbench.plan.detectable import detectable
from optbench.plan.estimate import Expected
from optbench.preflight import PreflightError
from optbench.task import Task, run_task

SMALL = (
    "model=simulated",
    *(f"dataset.slices.{name}.count=8" for name in ("train", "validation", "test")),
)


def task(*overrides: str) -> Task:
    return Task.from_config(composed(*SMALL, *overrides))


@pytest.mark.parametrize("optimizer", searches())
def test_it_comes_true(optimizer: str, tmp_path: Path) -> None:
    """Calls within a third of what the run then makes; tokens no less than the task's own replies."""
    one = task(f"optimizer={optimizer}", "budget=trials_5", "cache=off")
    planned = plan.Planner().expect(one, tmp_path / "job")
    assert (planned.state, planned.answered) == ("new", 0)
    used = run_task(one, tmp_path / "job")["ledger"]["total"]["used"]
    assert used["calls"] * 0.7 <= planned.calls <= used["calls"] * 1.5
    tokens = used["tokens_in"] + used["tokens_out"]
    print(f"{optimizer}: {planned.tokens} tokens planned, {tokens} used")
    assert tokens * 0.7 <= planned.tokens <= tokens * 2.5
    assert planned.usd is not None
    assert planned.usd >= used["cost_usd"] * 0.7
    again = plan.Planner().expect(one, tmp_path / "job")
    assert (again.state, again.answered, again.usd) == ("done", again.calls, 0.0)


def test_what_the_cache_holds_is_counted(tmp_path: Path) -> None:
    run_task(task("optimizer=none"), tmp_path / "a", tmp_path)
    planned = plan.Planner().expect(task("optimizer=random_few_shot"), tmp_path / "b", tmp_path)
    assert (planned.state, planned.answered) == ("new", 16)
    off = plan.Planner().expect(
        task("optimizer=random_few_shot", "cache=off"), tmp_path / "b", tmp_path
    )
    assert off.answered == 0
    other = plan.Planner().expect(
        task("optimizer=random_few_shot", "seed=2"), tmp_path / "b", tmp_path
    )
    assert other.answered == 0  # a simulated model is another one for another seed


@pytest.mark.parametrize(
    ("limit", "field", "most"),
    [("rollouts=20", "calls", 2 * 16 + 20), ("llm_calls=20", "calls", 2 * 16 + 20)],
)
def test_limits_bound_it(limit: str, field: str, most: int, tmp_path: Path) -> None:
    planned = plan.Planner().expect(
        task("optimizer=random_few_shot", "budget.trials=1000", f"budget.{limit}"), tmp_path
    )
    assert getattr(planned, field) == most


def test_an_unknown_price_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unpriced = ("model=vllm", "model.price=null", "model.id=openai/nobody")
    planned = plan.Planner().expect(task(*unpriced), tmp_path)
    assert planned.usd is None
    priced = plan.Planner().expect(task(), tmp_path)
    plan.show([planned, priced])
    said = capsys.readouterr().out
    assert "cost unknown" in said
    assert "+ unknown" in said
    with pytest.raises(PreflightError, match=r"no price is known of model 'vllm'") as caught:
        plan.Planner().expect(task(*unpriced, "budget=usd_1"), tmp_path)
    assert "model.price=" in str(caught.value)


@pytest.mark.parametrize("mode", [[], ["-m"]])
def test_it_needs_no_key_and_leaves_nothing_behind(mode: list[str], tmp_path: Path) -> None:
    seeds = "seed=1,2" if mode else "seed=1"
    done = command(
        *mode, "plan=true", "model=gpt-4o-mini", "optimizer=gepa", "budget=rollouts_500", seeds,
        "budget.sweep_usd=5", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    tasks = 2 if mode else 1
    assert f"plan: {tasks} task{'s' * (tasks > 1)} ({tasks} new), about" in done.stdout
    assert "stops all jobs at $5.00" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    words = ("-m", *SMALL, "optimizer=none", "hydra.sweep.dir=sweep")
    assert command(*words, "seed=1", cwd=tmp_path).returncode == 0
    (result,) = (tmp_path / "sweep").rglob("result.json")
    before = json.loads(result.read_text())
    done = command(*words, "seed=1,2", "plan=true", cwd=tmp_path)
    assert "plan: 2 tasks (1 done, 1 new), about" in done.stdout
    assert json.loads(result.read_text()) == before


def test_it_says_what_could_be_found() -> None:
    def planned(optimizer: str, seed: int, dataset: str = "tickets") -> Expected:
        return Expected(dataset, optimizer, "m", seed, "new", 10, 0, 100, None, 80)

    five = [planned(name, seed) for name in ("gepa", "few_shot", "none") for seed in range(5)]
    line, assumed = detectable(five)
    assert "5 seeds x 80 test items" in line
    assert "from 7 seeds on by an exact test" in line  # 2 / 2**7 * 3 pairs = 0.047
    assert "assumed" in assumed
    one_seed = detectable([planned("gepa", 1), planned("none", 1)])
    assert "one seed tells prompts apart" in one_seed[0]
    two = detectable([planned(name, seed) for name in "abcde" for seed in (1, 2)])
    assert "no difference between two of 5 optimizers could be shown" in two[0]
    assert detectable([planned("gepa", 1), planned("gepa", 2)]) == []
    assert detectable([planned("gepa", 1), planned("none", 2)]) == []
    more = detectable([planned(name, 1, f"d{n}") for name in "ab" for n in range(9)])
    assert "d0, d1, d2 and 6 more" in more[0]
