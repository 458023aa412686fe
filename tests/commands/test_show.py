"""``show``: notes first, then tables; and what is said where nothing can be concluded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands.conftest import FAIR, POOR, Run, fail, sweep
from results.job_files import make

from optbench.layout import JobFolder

ERROR = {"type": "DataError", "message": "dataset.source: gone\n  mend: look", "traceback": "..."}


def test_the_leaderboard_the_lift_and_the_notes(run: Run) -> None:
    sweep(Path("multirun/s"), datasets=("tickets", "gsm8k"))
    done = run("show", "s")
    assert done.code == 0
    assert done.out.index("SIMULATED") < done.out.index("Leaderboard")
    board = done.out[done.out.index("Leaderboard") :].splitlines()[3:6]
    assert [line.split()[1] for line in board] == ["good", "fair", "none"]
    assert [line.split()[0] for line in board] == ["1", "2", "3"]
    good = next(line for line in done.out.splitlines() if line.startswith("good "))
    assert good.split()[1:3] == ["0.750", "+0.500"]
    assert "n = 3 seeds x 4 items" in done.out
    assert "files: multirun/s" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_detailed_has_pairs_noise_and_each_job(run: Run) -> None:
    sweep(Path("multirun/s"))
    said = run("show", "s", "--detailed").out
    for part in ("Pairs: tickets, small", "Noise and effort", "Jobs\n", "p (Holm)"):
        assert part in said
    assert len([line for line in said.splitlines() if " success " in line]) == 9


def test_raw_is_json_of_all_tables_without_nan(run: Run) -> None:
    sweep(Path("multirun/s"), seeds=(1,))
    told = json.loads(run("show", "s", "--raw").out, parse_constant=lambda one: 1 / 0)
    assert told["why_no_statistics"] is None
    statistics = told["statistics"]
    assert {row["optimizer"] for row in statistics["scores"]} == {"good", "fair", "none"}
    assert statistics["scores"][0]["seed_sd"] is None  # one seed: not to be told
    assert {"leaderboard", "pairs", "friedman", "grid", "notes", "alpha"} <= set(statistics)
    assert len(told["tasks"]) == 3
    assert told["tasks"][0]["versions"] == {"optbench": "0.1.0"}


def test_an_incomplete_sweep_shows_its_jobs_and_says_why(run: Run) -> None:
    folder = sweep(Path("multirun/s"))
    fail(folder / "tickets/good/s9", ERROR)
    done = run("show", "s")
    assert done.code == 0
    assert "9 success, 1 failed" in done.out
    assert "No statistics: 1 of 10 jobs have no result" in done.out
    assert "--incomplete" in done.out
    assert "Leaderboard" not in done.out
    assert "dataset.source: gone" in done.out.replace("\n", " ").replace("  ", "")
    raw = json.loads(run("show", "s", "--raw").out)
    assert raw["statistics"] is None
    assert "1 of 10 jobs" in raw["why_no_statistics"]
    gone_on = run("show", "s", "--incomplete")
    assert "Leaderboard" in gone_on.out
    assert "1 of 10 jobs have no result" in gone_on.out
    for words in (("export", "s", "--format", "csv"), ("report", "s")):
        refused = run(*words)
        assert refused.code == 1
        assert "1 of 10 jobs" in refused.err
    assert run("export", "s", "--format", "csv", "--table", "tasks").code == 0


def test_where_keeps_what_has_the_values(run: Run) -> None:
    sweep(Path("multirun/s"), datasets=("tickets", "gsm8k"))
    said = run("show", "s", "--where", "dataset=gsm8k", "--where", "optimizer=good,none").out
    assert "6 jobs (6 success)" in said
    assert "fair" not in said
    assert "tickets" not in said
    assert "18 jobs" in run("show", "s", "--where", "budget=trials=2").out
    assert "18 jobs" in run("show", "s", "--where", "budget=trials_2").out
    assert "6 jobs" in run("show", "s", "--where", "seed=2").out
    several = run("show", "s", "--where", "dataset=gsm8k", "optimizer=good,none", "--detailed").out
    assert "6 jobs (6 success)" in several
    assert "2 jobs" in run("show", "s", "--where", "dataset=gsm8k", "seed=2", "--where",
                           "optimizer=good,none").out  # fmt: skip
    swallowed = run("show", "s", "--where", "dataset=gsm8k", "s")
    assert swallowed.code == 2
    assert "RUN --where" in swallowed.err


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("dataset=gsm8", "Did you mean gsm8k?"),
        ("optimizer=good,nine", "no task has optimizer 'nine'"),
        ("datset=gsm8k", "Did you mean dataset"),
        ("gsm8k", "no key=value"),
        ("seed=", "no key=value"),
    ],
)
def test_a_wrong_where_is_told(run: Run, where: str, said: str) -> None:
    sweep(Path("multirun/s"), datasets=("tickets", "gsm8k"), seeds=(1,))
    done = run("show", "s", "--where", where)
    assert done.code == 2
    assert said in done.err


def test_two_sweeps_are_shown_together(run: Run) -> None:
    sweep(Path("multirun/a"), seeds=(1, 2))
    sweep(Path("multirun/b"), seeds=(3,))
    assert "9 jobs (9 success)" in run("show", "a,b").out
    assert "9 jobs (9 success)" in run("show", "a", "multirun/b").out


def test_names_of_a_result_can_do_nothing_to_a_terminal(run: Run) -> None:
    folder = sweep(Path("multirun/s"), seeds=(1, 2))
    hostile = "[red]x[/red]\x1b[2J\u202e"
    for seed in (1, 2):
        make(folder / f"h{seed}", before=POOR, after=FAIR, optimizer=hostile, seed=seed)
    fail(
        folder / "bad", {"type": "E", "message": "\x1b]0;title\x07 [bold]b", "traceback": "\x1b[2J"}
    )
    for words in (
        ("list",), ("show", "s"), ("show", "s", "--detailed", "--incomplete"), ("failures", "s"),
        ("prompts", "s"), ("watch", "s", "--once"), ("show", "s", "--raw"),
        ("export", "s", "--incomplete", "--format", "md"),
    ):  # fmt: skip
        done = run(*words)
        assert not {"\x1b", "\u202e", "\x07"} & set(done.out + done.err), words
        assert done.code == 0, done.err
    assert "[red]x[/red]" in run("show", "s", "--incomplete").out.replace("\n", "")


def test_files_that_are_broken_are_named_and_counted(run: Run) -> None:
    folder = sweep(Path("multirun/s"))
    JobFolder(folder / "tickets/good/s1").result.write_text('{"schema_ver')
    done = run("show", "s", "--detailed", "--incomplete")
    assert done.code == 0
    assert "unreadable" in done.out
    assert "truncated" in done.out
    assert "1 problem while reading, 1 of which left something out" in run("show", "s").out


def test_help_says_when_show_exits_with_0(run: Run) -> None:
    assert (
        "incomplete sweep it shows the jobs, says why nothing is concluded, and exits with 0"
        in (run("show", "--help").out)
    )
    assert "exits with 0" not in run("export", "--help").out


def test_help_is_quick_and_imports_no_tables() -> None:
    code = (
        "import sys\nfrom optbench.commands import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'pandas', 'scipy', 'numpy', 'pyarrow', 'hydra', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 5  # 0.1 s on a machine that does nothing else
    for name in ("list", "show", "watch", "compare", "failures", "prompts", "export", "report",
                 "stats", "merge"):  # fmt: skip
        assert f"\n    {name} " in done.stdout
