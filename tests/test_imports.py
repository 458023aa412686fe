"""Which code a config may name: optbench's own, Opik's, and what its user allows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from support import command, composed, dataset_of_fifteen, swept

from optbench import preflight
from optbench.errors import ConfigError
from optbench.imports import Allowed
from optbench.rerun import complete
from optbench.task import Task

OWN = Allowed()
MARKER = "ran.txt"


@pytest.fixture
def marking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that leaves a file when it is imported; its name begins as an allowed one's does."""
    name = "optbench_evil"
    (tmp_path / f"{name}.py").write_text(
        f"open({str(tmp_path / MARKER)!r}, 'w').close()\n"
        "class Fine:\n"
        "    def run(self, step, row): return ''\n"
        "    score = optimize = run\n"
        "def rows(**_): return []\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("agent.target=optbench_evil.Fine",), "agent.target"),
        (("optimizer.target=optbench_evil.Fine",), "optimizer.target"),
        (
            ("dataset.metrics=[{name: optbench_evil.Fine, target: product}]",),
            "dataset.metrics.0.name",
        ),
        (("dataset.source.transform=optbench_evil.rows",), "dataset.source.transform"),
        (("dataset.source.package=optbench_evil",), "dataset.source.package"),
        (
            ("dataset=arithmetic", "dataset.source.generator=optbench_evil.rows"),
            "dataset.source.generator",
        ),
        (
            (
                "dataset=arithmetic",
                "++dataset.source.splits={test: {generator: optbench_evil.rows}}",
            ),
            "dataset.source.splits.test.generator",
        ),
    ],
)
def test_nothing_else_is_imported(
    words: tuple[str, ...], key: str, marking: str, tmp_path: Path
) -> None:
    config = Task.from_config(composed("model=simulated", "optimizer=none", *words)).config
    found = preflight.problems_of(config, preflight.inputs_of(config), starting=True)
    (problem,) = [one for one in found if one.key == key]
    assert isinstance(problem, ConfigError)
    assert "not allowed" in problem.what
    assert problem.mend == "if you trust it: allow_imports=[optbench_evil]"
    assert not (tmp_path / MARKER).exists()


def test_what_its_user_allows_is_imported(marking: str, tmp_path: Path) -> None:
    kind = Allowed.of(["optbench_evil."]).kind("optbench_evil.Fine", "run", "agent.target")
    assert kind.__name__ == "Fine"
    assert (tmp_path / MARKER).exists()
    assert Allowed(("optbench_evil.Fine",)).kind("optbench_evil.Fine", "run", "agent.target")
    with pytest.raises(ConfigError, match="not allowed"):
        Allowed(("optbench_evil.Fine",)).check("optbench_evil.Finer", "agent.target")
    with pytest.raises(ConfigError, match="not allowed"):
        Allowed(("optbench_evi",)).check("optbench_evil.Fine", "agent.target")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("optbench.app.os.system", "cannot import"),
        ("optbench.app.os", "names no class and no function"),
        ("optbench.data.source.Path", "'pathlib.*Path', code that is not allowed"),
        ("optbench.app.Callable", "code that is not allowed"),
        ("optbench.config.schema.field", "'dataclasses.field', code that is not allowed"),
        ("optbench.config.identity.NEUTRAL_KEYS", "names no class and no function"),
        ("optbench", "cannot import"),
        ("os.system", "not allowed"),
        ("optbenchx.y", "not allowed"),
        (".optbench.x", "not allowed"),
        ("", "not allowed"),
    ],
)
def test_an_allowed_module_does_not_lead_to_others(path: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        OWN.function(path, "dataset.source.transform")


def test_it_must_be_of_the_kind_that_is_wanted() -> None:
    assert OWN.kind("optbench.agents.chat.ChatAgent", "run", "agent.target")
    for path in ("optbench.metrics.contains.Contains", "optbench.data.arithmetic.generate"):
        with pytest.raises(ConfigError, match="names no class with a method 'run'"):
            OWN.kind(path, "run", "agent.target")


@pytest.mark.parametrize("entry", ["", "*", "a b", "a..b", "os;x", ".a"])
def test_an_entry_must_be_a_name(entry: str) -> None:
    config = Task.from_config(composed("model=simulated", "optimizer=none")).config
    config.allow_imports = [entry]
    found = preflight.problems_of(config, preflight.inputs_of(config), starting=True)
    assert [one.key for one in found] == ["allow_imports"]


@pytest.mark.parametrize(
    "word",
    [
        "hydra.sweeper.rows=[{seed: 1, allow_imports: [os]}]",
        "hydra.sweeper.rows=[{seed: 1, +allow_imports.0: os}]",
        "hydra.sweeper.include=[{seed: 1, allow_imports: [os]}]",
    ],
)
def test_no_row_allows_anything(word: str) -> None:
    with pytest.raises(ConfigError, match="cannot be said in a row") as caught:
        swept("model=simulated", word)
    assert caught.value.key == "allow_imports"


def record(folder: Path, task: list[str], hydra: list[str], config_dir: str | None = None) -> Path:
    told: dict[str, Any] = {"hydra": {"overrides": {"task": task, "hydra": hydra}}}
    if config_dir:
        source = {"provider": "command-line", "schema": "file", "path": config_dir}
        told["hydra"]["runtime"] = {"config_sources": [source]}
    OmegaConf.save(OmegaConf.create(told), folder / "multirun.yaml")
    return folder


@pytest.mark.parametrize("key", ["resume", "retry_failed"])
@pytest.mark.parametrize(
    ("task", "hydra"),
    [
        ("+allow_imports=[os]", ""),
        ("allow_imports.0=os", ""),
        ("+x={_target_: os.system}", ""),
        ("", "hydra.sweeper.trust_manifest=true"),
        ("", "++hydra.sweeper.rows=[{_target_: subprocess.Popen, args: [id]}]"),
        ("", "hydra.sweeper.rows=\\${oc.decode:\\${x}}"),
        ("", "hydra.sweeper={rows: []}"),
    ],
)
def test_a_record_allows_nothing_by_itself(tmp_path: Path, key: str, task: str, hydra: str) -> None:
    folder = record(tmp_path, [task] if task else [], [hydra] if hydra else [])
    with pytest.raises(ConfigError, match="no folder decides by itself") as caught:
        complete([f"{key}={folder}"])
    assert caught.value.key == key


def test_a_replay_takes_none_of_it(tmp_path: Path) -> None:
    task = ["seed=1,2", "allow_imports=[os]", "model.api_base=http://example.org"]
    folder = record(
        tmp_path, task, ["hydra.sweeper.max_batch_size=2", "hydra.launcher.slurm.setup=[id]"]
    )
    assert complete([f"replay={folder}"]) == [
        "-m", f"replay={folder}", "seed=1,2", "hydra.sweeper.max_batch_size=2",
    ]  # fmt: skip
    record(folder, ["seed=1,2"], ["hydra.sweeper.trust_manifest=true"])
    with pytest.raises(ConfigError, match="no folder decides by itself"):
        complete([f"replay={folder}"])


@pytest.mark.parametrize(
    ("task", "hydra"),
    [
        ("model.api_base=http://example.org", ""),
        ("model.extra={base_url: 'http://example.org'}", ""),
        ("model.id=openai/http://example.org", ""),
        ("model.id='x/http:${oc.env:NOPE,/}/example.org'", ""),
        ("model.api_key_env=OTHER_KEY", ""),
        ("+model.extra.azure_endpoint=example.org", ""),
        ("", "hydra.sweeper.rows=[{model: litellm, model.id: 'x/http://example.org'}]"),
        ("", "hydra.launcher._target_=os.system"),
        ("", "+hydra.callbacks.x={_target_: subprocess.Popen, args: [id]}"),
        ("", "hydra/callbacks=x"),
        ("", "hydra.searchpath=[file:///x]"),
        ("", "hydra/job_logging=x"),
        ("", "hydra.launcher.slurm.setup=[id]"),
        ("", "hydra.launcher.slurm={setup: [id]}"),
        ("", "hydra.launcher.slurm.additional_parameters={wrap: id}"),
    ],
)
def test_a_record_says_not_how_it_is_run(tmp_path: Path, task: str, hydra: str) -> None:
    folder = record(tmp_path, [task] if task else [], [hydra] if hydra else [])
    with pytest.raises(ConfigError, match="no folder decides by itself"):
        complete([f"resume={folder}"])


def test_what_is_said_again_is_taken_once(tmp_path: Path) -> None:
    folder = record(tmp_path, ["seed=1,2", "allow_imports=[os]"], [], "/there/conf")
    with pytest.raises(ConfigError) as caught:
        complete([f"resume={folder}"])
    assert str(caught.value.mend).endswith(" --config-dir /there/conf 'allow_imports=[os]'")
    said = complete([f"resume={folder}", "allow_imports=[mine]", "--config-dir", "my"])
    assert "allow_imports=[mine]" in said
    assert not [word for word in said if word in ("allow_imports=[os]", "/there/conf")]


def test_a_hostile_folder_runs_nothing(tmp_path: Path) -> None:
    """The whole command line: what the record names would leave a file."""
    (tmp_path / "sweep").mkdir()
    for words in (
        ["agent.target=subprocess.Popen", "++agent.params={args: [touch, ran.txt]}"],
        ["allow_imports=[subprocess]", "agent.target=subprocess.Popen"],
    ):
        record(tmp_path / "sweep", ["model=simulated", "test_mode=true", *words], [])
        done = command("resume=sweep", cwd=tmp_path)
        assert done.returncode == 2, done.stdout
        assert "allow_imports=[subprocess]" in done.stderr
        assert not (tmp_path / MARKER).exists()


def test_own_code_in_a_sweep_and_its_resumption(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def rows(*, split, count):\n"
        "    return [{'text': f'row {n}', 'answer': str(n % 3)} for n in range(count)]\n"
    )
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    (tmp_path / "conf" / "dataset" / "own.yaml").write_text(
        dataset_of_fifteen("own", "{kind: generator, generator: mine.rows}")
    )
    words = ("-m", "--config-dir", "conf", "dataset=own", "model=simulated", "optimizer=none")
    env = {"PYTHONPATH": str(tmp_path)}
    refused = command(*words, "hydra.sweep.dir=sweep", cwd=tmp_path, env=env)
    assert refused.returncode == 2
    assert "mend: if you trust it: allow_imports=[mine]" in refused.stderr
    allowed = (*words, "allow_imports=[mine]", "hydra.sweep.dir=sweep")
    done = command(*allowed, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    again = command(
        *("resume=sweep", "--config-dir", "conf", "allow_imports=[mine]"), cwd=tmp_path, env=env
    )
    assert "1 done before, 0 to do" in again.stdout, again.stderr


FLAGS = (
    ("--experimental-rerun=x.pickle",), ("--experimental-rer=x.pickle",),
    ("--experimental-rerun", "x.pickle"), ("--config-dir=conf",), ("-cd", "conf"), ("-cp=conf",),
    ("--config-path", "conf"), ("-cn", "other"), ("--info",), ("-m",), ("x",), ("",), (" seed=1",),
)  # fmt: skip


@pytest.mark.parametrize("key", ["resume", "retry_failed"])
@pytest.mark.parametrize("flag", FLAGS, ids=" ".join)
def test_a_record_holds_no_flags(tmp_path: Path, key: str, flag: tuple[str, ...]) -> None:
    for told in ((["seed=1", *flag], []), ([], ["hydra.launcher.n_jobs=1", *flag])):
        with pytest.raises(ConfigError, match="is no override"):
            complete([f"{key}={record(tmp_path, *told)}", "plan=true"])


def test_a_record_holds_every_kind_of_override(tmp_path: Path) -> None:
    words = [
        "seed=1,2", "~model.extra.x", "+model.extra={top_p: 0.5}", "++a.b=1", "model@judge_model=x",
        "dataset.prompt='two\nlines'", "~optimizer=gepa",
    ]  # fmt: skip
    given = complete([f"resume={record(tmp_path, words, ['hydra.launcher.n_jobs=1'])}"])
    assert set(words) <= set(given)
