"""Two sweeps side by side: paired where they can be, and what else differs."""

from __future__ import annotations

import json
from pathlib import Path

from commands.conftest import FAIR, GOOD, POOR, Run, sweep
from results.job_files import make

from optbench.layout import JobFolder, read_json, write_json


def grid(folder: str, after: tuple[float, ...], seeds: range = range(6), **changes: object) -> Path:
    for seed in seeds:
        make(
            Path(folder) / f"s{seed}",
            before=POOR,
            after=after,
            optimizer="gepa",
            seed=seed,
            **changes,
        )
    return Path(folder)


def test_a_sweep_does_not_differ_from_itself(run: Run) -> None:
    sweep(Path("a"))
    done = run("compare", "a", "a")
    assert done.code == 0
    assert "Versions, budgets and configs are the same." in done.out
    assert "better" not in done.out
    assert "worse" not in done.out


def test_the_second_is_judged_against_the_first(run: Run) -> None:
    grid("a", FAIR)
    grid("b", GOOD)
    told = json.loads(run("compare", "a", "b", "--raw").out)
    (cell,) = told["cells"]
    assert cell["difference"] == 0.25
    assert (cell["a"], cell["b"], cell["n_seeds"], cell["n_items"]) == (0.5, 0.75, 6, 4)
    assert cell["p"] == 2 / 2**6  # all swaps of six seeds
    assert cell["verdict"] == "better"
    assert run("compare", "a", "b", "--strict").code == 0
    back = run("compare", "b", "a", "--strict")
    assert back.code == 1
    assert "worse" in back.out


def test_less_is_better_where_the_metric_says_so(run: Run) -> None:
    less = {"directions": {"exact_match": "minimize"}}
    grid("a", FAIR, **less)
    grid("b", GOOD, **less)
    (cell,) = json.loads(run("compare", "a", "b", "--raw").out)["cells"]
    assert cell["verdict"] == "worse"


def test_what_differs_is_told(run: Run) -> None:
    grid("a", FAIR)
    grid("b", FAIR, budget={"trials": 9}, versions={"optbench": "0.2.0"})
    for folder in Path("b").iterdir():
        task = read_json(JobFolder(folder).task)
        assert task is not None
        task["config"]["model"]["temperature"] = 0.7
        write_json(
            JobFolder(folder).task, {key: task[key] for key in task if key != "schema_version"}
        )
    rows = {row["what"]: (row["a"], row["b"]) for row in
            json.loads(run("compare", "a", "b", "--raw").out)["differing"]}  # fmt: skip
    assert rows["version of optbench"] == ("0.1.0", "0.2.0")
    assert rows["budget"] == ("trials=2, usd=0.5", "trials=9")
    assert rows["model.temperature"] == ("-", "0.7")


def test_other_test_items_and_other_seeds_are_not_compared(run: Run) -> None:
    grid("a", FAIR)
    prints = dict.fromkeys(("train", "validation", "test"), "others")
    grid("b", FAIR, fingerprints=prints)
    grid("c", FAIR, range(20, 22))
    done = run("compare", "a", "b")
    assert done.code == 1
    assert "the test items differ" in done.out
    assert "no cell that both have" in done.err
    assert "no seed in common" in run("compare", "a", "c").out
