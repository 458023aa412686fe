"""Agents as a user meets them: chosen by a word, checked before anything starts, improved as a whole."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support import command, composed

from optbench import preflight
from optbench.errors import OptbenchError
from optbench.task import Task, run_task

DATASET = """# Questions with paragraphs of their own.
defaults: [/schema/dataset@_here_]
name: cities
source: {kind: file, path: PATH, id_column: id}
slices:
  train: {split: all, start: 0, count: 6}
  validation: {split: all, start: 6, count: 6}
  test: {split: all, start: 12, count: 6}
prompt: [{role: user, content: "{question}"}]
demonstration: "{answer}"
max_tokens: 20
metrics: [{name: contains, target: answer}]
"""
COUNTRIES = ("Fardo", "Gilon", "Hesta")
SEVERAL = ("few_shot", "meta_prompt", "evolutionary_optimizer", "hierarchical_reflective", "gepa",
           "parameter")  # fmt: skip
REAL = Path(os.environ.get("OPTBENCH_TEST_DATA", "../shared/data")) / "hotpot_qa"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A config folder with a dataset that agents can search."""
    rows = [
        {
            "id": str(n), "question": f"In which country is city number {n}?",
            "answer": COUNTRIES[n % 3], "claim": f"City {n} is in {COUNTRIES[n % 3]}.",
            "context": {
                "title": [f"City {n}", "Other"],
                "sentences": [[f"City {n} is in {COUNTRIES[n % 3]}."], ["Nothing of it."]],
            },
        }
        for n in range(18)
    ]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = tmp_path / "conf" / "dataset"
    folder.mkdir(parents=True)
    (folder / "cities.yaml").write_text(DATASET.replace("PATH", str(tmp_path / "rows.jsonl")))
    return tmp_path / "conf"


def problems(conf: Path, *words: str) -> dict[str, str]:
    """What preflight says of a task, by key."""
    path = f"hydra.searchpath=[file://{conf}]"
    config = Task.from_config(composed(path, "dataset=cities", "model=simulated", *words)).config
    try:
        preflight.check(config, preflight.read(config))
    except preflight.PreflightError as error:
        return {one.key or "": one.what for one in error.problems}
    except OptbenchError as error:
        return {error.key or "": error.what}
    return {}


def test_a_fitting_agent_has_no_problems(conf: Path) -> None:
    assert problems(conf, "agent=hotpot_multihop", "optimizer=gepa") == {}
    assert problems(conf, "agent=hotpot_multihop", "optimizer=none") == {}
    own = ("agent=hover_multihop", "agent.params.passages=context", "optimizer=gepa")
    assert problems(conf, *own) == {}


@pytest.mark.parametrize(
    ("words", "key", "said"),
    [
        (["optimizer=random_few_shot"], "optimizer", "5 prompts"),
        (["agent.params.passages=contexts"], "agent", "reads column 'contexts'"),
        (["agent.params.passages=answer"], "agent.params.passages",
         "cannot run on item '12' of the test slice: column 'answer' holds no paragraphs, and 5"),
        (["agent.params.k=0"], "agent.params.k", "below 1"),
        (["+agent.params.kk=2"], "agent.params.kk", "unknown parameter. Did you mean k"),
        (["agent.target=optbench.agents.Nope"], "agent.target", "cannot import"),
        (["agent.prompts.final_answer=[{role: user, content: '{summary}'}]"],
         "agent.prompts.final_answer", "'{summary}' is no column"),
        (["agent.prompts.final_answer=[{role: boss, content: '{question}'}]"],
         "agent.prompts.final_answer", "no list of messages"),
        (["agent.prompts.final_answer=Answer"], "agent.prompts.final_answer", "no list"),
        (["agent.prompts.final_answer=[{role: system, content: '{question}'}]"],
         "agent.prompts.final_answer", "last message must be the user's"),
        (["~agent.prompts.final_answer"], "agent.prompts.final_answer", "needs a prompt"),
        (["agent=hover_multihop"], "agent.params.index", "nothing to search in"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(conf: Path, words: list[str], key: str, said: str) -> None:
    agent = [] if words[0].startswith("agent=") else ["agent=hotpot_multihop"]
    optimizer = [] if words[0].startswith("optimizer=") else ["optimizer=gepa"]
    found = problems(conf, *agent, *optimizer, *words)
    assert said in found[key], found


def test_a_prompt_without_what_is_rewritten_is_refused(conf: Path) -> None:
    # The dataset's prompt is a user's message alone.
    for optimizer in ("gepa", "meta_prompt", "hierarchical_reflective", "evolutionary_optimizer"):
        found = problems(conf, f"optimizer={optimizer}")
        assert "no prompt has a system message" in found["optimizer.optimize.optimize_prompts"]
    assert problems(conf, "optimizer=gepa", "optimizer.optimize.optimize_prompts=user") == {}
    assert problems(conf, "optimizer=few_shot") == {}


def test_an_agent_is_part_of_the_identity() -> None:
    chat, other = composed("agent=chat"), composed("agent=hotpot_multihop")
    assert Task.from_config(chat).identity != Task.from_config(other).identity
    fewer = composed("agent=hotpot_multihop", "agent.params.k=2")
    assert Task.from_config(other).identity != Task.from_config(fewer).identity


def test_a_plan_counts_every_call(conf: Path, tmp_path: Path) -> None:
    words = ("--config-dir", str(conf), "plan=true", "dataset=cities", "optimizer=none")
    chat = command(*words, "model=simulated", cwd=tmp_path)
    hops = command(*words, "model=simulated", "agent=hotpot_multihop", cwd=tmp_path)
    assert "about 12 calls" in chat.stdout
    assert "about 60 calls" in hops.stdout


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", SEVERAL)
def test_every_optimizer_that_says_so_improves_all_prompts(
    optimizer: str, conf: Path, tmp_path: Path
) -> None:
    words = ("dataset=cities", "model=simulated", "agent=hotpot_multihop", "budget=trials_3")
    config = composed(f"hydra.searchpath=[file://{conf}]", *words, f"optimizer={optimizer}")
    result = run_task(Task.from_config(config), tmp_path / "job")
    names = list(config.agent.prompts)
    assert list(result["prompts"]["initial"]["prompts"]) == names
    trials = [json.loads(line) for line in (tmp_path / "job/trials.jsonl").read_text().splitlines()]
    assert all(list(trial["prompt"]["prompts"]) == names for trial in trials)
    changed = {
        name
        for trial in trials
        for name in names
        if trial["prompt"]["prompts"][name] != result["prompts"]["initial"]["prompts"][name]
    }
    assert changed, "no candidate differed"
    if optimizer in ("meta_prompt", "few_shot", "parameter"):  # these touch all at once
        assert changed == set(names)
    evaluated = result["ledger"]["baseline"]["task"]["used"]["calls"]
    assert evaluated == 5 * 12


@pytest.mark.slow
def test_a_third_party_agent_is_a_class_and_a_file(conf: Path, tmp_path: Path) -> None:
    (tmp_path / "careful.py").write_text(
        "class Careful:\n"
        "    inputs = {'draft': (), 'check': ('draft',)}\n"
        "    def __init__(self, *, rounds): self.rounds = rounds\n"
        "    def run(self, step, row):\n"
        "        text = step('draft')\n"
        "        for _ in range(self.rounds): text = step('check', draft=text)\n"
        "        return text\n"
    )
    (conf / "agent").mkdir()
    (conf / "agent" / "careful.yaml").write_text(
        "defaults: [/schema/agent@_here_]\n"
        "name: careful\ntarget: careful.Careful\nparams: {rounds: 2}\n"
        "prompts:\n"
        "  draft: [{role: system, content: Answer.}, {role: user, content: '{question}'}]\n"
        "  check: [{role: user, content: 'Check {draft} as the answer to {question}'}]\n"
    )
    done = command(
        "--config-dir", str(conf), "dataset=cities", "model=simulated", "agent=careful",
        "optimizer=gepa", "budget=trials_3", "hydra.run.dir=out", "allow_imports=[careful]",
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["agent"] == "careful"
    assert list(result["prompts"]["final"]["prompts"]) == ["draft", "check"]
    assert result["ledger"]["baseline"]["task"]["used"]["calls"] == 3 * 12


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real HotpotQA rows at {REAL}")
def test_hotpot_multihop_on_real_rows(tmp_path: Path) -> None:
    text = DATASET.replace("PATH", f'"{REAL.resolve()}/{{split}}.jsonl"').replace(
        "split: all, start: 12", "split: validation, start: 0"
    )
    folder = tmp_path / "conf" / "dataset"
    folder.mkdir(parents=True)
    (folder / "cities.yaml").write_text(text.replace("split: all", "split: train"))
    config = composed(
        f"hydra.searchpath=[file://{tmp_path}/conf]", "dataset=cities", "model=simulated",
        "agent=hotpot_multihop", "optimizer=gepa", "budget=trials_3",
    )  # fmt: skip
    result = run_task(Task.from_config(config), tmp_path / "job")
    assert result["scores"]["final"]["test"]["contains"] > 0
    assert result["ledger"]["baseline"]["task"]["used"]["calls"] == 5 * 12
