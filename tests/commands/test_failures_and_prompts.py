"""Why jobs failed, and what became of prompts."""

from __future__ import annotations

import os
from pathlib import Path

from commands.conftest import FAIR, POOR, Run, fail, sweep
from results.job_files import make, prompt

ERROR = {
    "type": "ModelCallError",
    "message": "model.api_key_env: no key: OPENAI_API_KEY\n  mend: export OPENAI_API_KEY=...",
    "traceback": "Traceback\n  File x\noptbench.chat.ModelCallError: no key\n",
}


def test_equal_errors_stand_together_with_key_mend_and_log(run: Run) -> None:
    folder = sweep(Path("multirun/s"), seeds=(1,))
    for seed in range(3):
        log = "".join(f"line {n} of {seed}\n" for n in range(50))
        fail(folder / f"bad/s{seed}", ERROR, f"{seed}" * 64, log)
    fail(
        folder / "other", {"type": "ValueError", "message": "key: no key of ours", "traceback": "t"}
    )
    done = run("failures", "s")
    assert done.code == 0
    assert "3 success, 4 failed" in done.out
    assert "[1] 3 jobs: ModelCallError: no key: OPENAI_API_KEY" in done.out
    assert "key: model.api_key_env\nmend: export OPENAI_API_KEY=..." in done.out
    assert "[2] 1 job: ValueError: key: no key of ours" in done.out
    assert "line 49 of 0" in done.out
    assert "line 39 of 0" not in done.out
    assert "line 49 of 1" not in done.out
    assert "line 49 of 1" in run("failures", "s", "--all").out
    assert "line 30 of 0" in run("failures", "s", "--lines", "25").out


def test_a_log_that_is_a_link_or_a_pipe_is_not_read(run: Run, tmp_path: Path) -> None:
    folder = fail(tmp_path / "multirun/s/bad", ERROR)
    secret = tmp_path / "secret"
    secret.write_text("what is elsewhere\n")
    (folder / "job.log").unlink()
    (folder / "job.log").symlink_to(secret)
    assert "what is elsewhere" not in run("failures", "s").out
    (folder / "job.log").unlink()
    os.mkfifo(folder / "job.log")
    assert run("failures", "s").code == 0


def test_none_failed(run: Run) -> None:
    sweep(Path("multirun/s"), seeds=(1,))
    assert "None failed." in run("failures", "s").out


def test_prompts_are_a_diff_with_scores_and_lengths(run: Run) -> None:
    sweep(Path("multirun/s"), seeds=(1, 2))
    done = run("prompts", "s", "--where", "optimizer=good")
    assert done.code == 0
    assert "-Say it.\n+Say it so.\n" in done.out
    assert "test 0.250 -> 0.750 (+0.500)" in done.out
    assert "3 -> 4 words" in done.out.replace("\n->", " ->")
    assert done.out.count("tickets, small, good") == 1
    assert run("prompts", "s", "--where", "optimizer=good", "--all").out.count("small, good") == 2


def test_the_best_by_validation_is_shown(run: Run) -> None:
    for seed, after in ((1, POOR), (2, FAIR), (3, POOR)):
        make(Path(f"s/x{seed}"), before=POOR, after=after, optimizer="gepa", seed=seed)
    assert "gepa, seed 2" in run("prompts", "s").out


def test_prompts_of_one_job_and_of_programs(run: Run) -> None:
    folder = sweep(Path("multirun/s"), seeds=(1,))
    parts = {"first": prompt("Look."), "second": prompt("Answer.")}
    later = {**parts, "second": prompt("Answer\nwell.")}
    make(folder / "p7", optimizer="many", seed=7, prompts={"initial": parts, "final": later})
    done = run("prompts", "s", "p7")
    assert "[second: system]" in done.out
    assert "-Answer.\n+Answer\n+well." in done.out
    wrong = run("prompts", "s", "nine")
    assert wrong.code == 2
    assert "many/p7" in wrong.err
