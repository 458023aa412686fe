"""A third party's optimizer is one class and one YAML file; a dataset is one YAML file."""

from __future__ import annotations

import json
from pathlib import Path

from support import command

CLASS = """
from optbench.chat import ChatRequest
from optbench.optimizers.protocol import Outcome
from optbench.prompts import Prompt


class AskOnce:
    proposes = True

    def __init__(self, *, suffix):
        self.suffix = suffix

    def optimize(self, problem, *, max_trials):
        reply = problem.ask(ChatRequest([{"role": "user", "content": "Write a better instruction."}]))
        system = {"role": "system", "content": reply.text + self.suffix}
        candidate = Prompt((system, problem.prompt.messages[-1]))
        better = problem.score(problem.evaluate(candidate)) > problem.score(problem.baseline)
        assert not hasattr(problem, "test")
        return Outcome(candidate if better else problem.prompt, "asked_once")
"""
OPTIMIZER = """# Asks its model once.
defaults:
  - /schema/optimizer/custom@_here_
name: ask_once
target: ask_once.AskOnce
params: {suffix: " Answer with only the answer, nothing else."}
optimize: {max_trials: 1}
"""
DATASET = """# Rows of my own.
defaults:
  - /schema/dataset@_here_
name: mine
source: {kind: file, path: rows.csv}
slices:
  train: {split: all, start: 0, count: 20}
  validation: {split: all, start: 20, count: 20}
  test: {split: all, start: 40, count: 20}
prompt:
  - {role: system, content: Say something.}
  - {role: user, content: "{q}"}
demonstration: "{a}"
max_tokens: 8
metrics: [{name: exact_match, target: a}]
"""


def test_both_from_a_folder_of_the_users(tmp_path: Path) -> None:
    for group, name, text in (("optimizer", "ask_once", OPTIMIZER), ("dataset", "mine", DATASET)):
        (tmp_path / "my" / group).mkdir(parents=True)
        (tmp_path / "my" / group / f"{name}.yaml").write_text(text)
    (tmp_path / "ask_once.py").write_text(CLASS)
    lines = [f"question number {i} about some thing,thing{i}" for i in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["q,a", *lines]))
    words = (
        *("--config-dir", "my", "dataset=mine", "optimizer=ask_once", "model=simulated"),
        "allow_imports=[ask_once]",
    )
    done = command(*words, "hydra.run.dir=out", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["finish_reason"] == "asked_once"
    assert result["lift"]["test"]["exact_match"]["low"] > 0
    assert result["ledger"]["optimise"]["optimizer"]["used"]["calls"] == 1
    wrong = command(
        *words, "+optimizer.params.sufix=x", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}
    )
    assert wrong.returncode == 2
    assert "Did you mean suffix" in wrong.stderr
    assert "ask_once" in command("--help", "--config-dir", "my", cwd=tmp_path).stdout
