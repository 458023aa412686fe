"""Keys of the environment that a provider, a model and somebody's code repeat: none is in any file."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from peers import completion, openai
from support import command

from optbench.commands import cli
from optbench.config import redact, secrets
from optbench.errors import ConfigError

PLANTED = {
    "OPENAI_API_KEY": "sk-planted-of-the-provider",
    "PEER_LOGIN": "planted-under-any-name",  # a secret because the config says so: api_key_env
    "PEER_HEADER_SECRET": 'planted"in\\a-header',  # JSON writes it otherwise
    "OPIK_API_KEY": "planted-opik-0123456789",
    "HF_TOKEN": "hf_planted0123456789",
}
LEAKY = """
import logging, os, sys
class Leaky:
    proposes = True
    def optimize(self, problem):
        said = " ".join(os.environ.get(name, "") for name in NAMES)
        logging.getLogger("own").warning("logged %s", said)
        print("printed", said, flush=True)
        os.system("echo from a shell $OPENAI_API_KEY")
        raise RuntimeError(f"raised {said}")
""".replace("NAMES", repr(sorted(PLANTED)))


def texts(file: Path) -> Iterator[str]:
    """All that is in a file: its bytes, and the values of a table, which may be packed."""
    yield file.read_bytes().decode("utf-8", "replace")
    if file.suffix == ".parquet":
        from pyarrow import parquet

        yield repr(parquet.read_table(file).to_pylist())
    elif file.suffix == ".sqlite":
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            names = [
                name for (name,) in db.execute("select name from sqlite_master where type='table'")
            ]
            for name in names:
                for row in db.execute(f'select * from "{name}"'):
                    for value in row:
                        yield str(value)


def leaks(text: str) -> set[str]:
    forms = {
        name: (value, json.dumps(value)[1:-1], repr(value)[1:-1]) for name, value in PLANTED.items()
    }
    return {name for name, said in forms.items() if any(form in text for form in said)}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep whose provider repeats all keys, in an error and in its replies; one job is leaky."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "leaky.py").write_text(LEAKY)
    everything = " ".join(PLANTED.values())
    asked: set[str] = set()

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        question = json.dumps(body["messages"])
        first = question not in asked
        asked.add(question)
        if first and len(asked) % 4 == 1:
            return 500, {"error": {"message": f"internal error for {everything}"}}
        return 200, completion(f"my keys are {everything}")

    with openai(answer) as (address, seen):
        done = command(
            "-m", "test_mode=true", "model=litellm", "model.id=openai/peer", "optimizer=none",
            f"model.api_base={address}", "model.api_key_env=PEER_LOGIN", "n_threads=1",
            "++model.extra={extra_headers: {x-own: '${oc.env:PEER_HEADER_SECRET}'}}",
            "hydra.sweeper.include=[{optimizer.target: leaky.Leaky, optimizer.name: leaky}]",
            "allow_imports=[leaky]", "hydra.sweep.dir=sweep", "hydra.verbose=true",
            cwd=folder, timeout=300, env={**PLANTED, "PYTHONPATH": str(folder)},
        )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert seen[0]["authorization"] == f"Bearer {PLANTED['PEER_LOGIN']}"  # it was really used
    (folder / "sweep" / "screen.txt").write_text(done.stdout + done.stderr)
    return folder / "sweep"


def results(*words: object) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(word) for word in words])
    assert ended.value.code == 0, words


def test_no_file_of_a_sweep_has_one(sweep: Path) -> None:
    results("report", sweep, "-o", sweep / "report.html", "--incomplete")
    for form in ("csv", "json", "parquet", "md", "latex"):
        for table in ("tasks", "items", "calls"):
            out = sweep / f"{table}.{form}"
            results("export", sweep, "--format", form, "--table", table, "-o", out, "--incomplete")
    files = [file for file in sweep.rglob("*") if file.is_file()]
    names = {file.name for file in files}
    assert {"report.html", "items.parquet", "calls.sqlite", "opik.sqlite", "job.log"} <= names
    found = {
        f"{file.relative_to(sweep)}: {leaked}"
        for file in files
        for text in texts(file)
        if (leaked := leaks(text))
    }
    assert found == set()
    (status,) = [
        told
        for file in sweep.rglob("status.json")
        if (told := json.loads(file.read_text()))["state"] == "failed"
    ]
    assert "RuntimeError: raised ***" in status["error"]["traceback"]
    said = "".join(file.read_text() for file in sweep.rglob("job.log"))
    assert "logged ***" in said
    assert "printed ***" in said
    rows = [text for file in sweep.glob("*/*/*/*/items.parquet") for text in texts(file)]
    assert any("my keys are ***" in text for text in rows)


USES_KEYS = (
    "test_mode=true", "model=litellm", "model.id=openai/peer", "optimizer=none",
    "model.api_base=http://127.0.0.1:1", "model.api_key_env=PEER_LOGIN",
    "++model.extra={extra_headers: {x-own: '${oc.env:PEER_HEADER_SECRET}'}}",
)  # fmt: skip


@pytest.mark.parametrize(
    "words", [("--cfg", "all", "--resolve"), ("--info", "all"), ("plan=true",), ("-m", "plan=true")]
)
def test_none_is_shown(words: tuple[str, ...], tmp_path: Path) -> None:
    done = command(*words, *USES_KEYS, cwd=tmp_path, env=PLANTED)
    assert done.returncode == 0, done.stderr
    assert "openai/peer" in done.stdout or "plan=true" in words  # it speaks of this model
    assert leaks(done.stdout + done.stderr) == set()


@pytest.mark.slow
def test_none_is_handed_to_a_cluster(tmp_path: Path) -> None:
    command(
        "-m", *USES_KEYS, "engine=slurm", "hydra.launcher.slurm.cluster=local", "model.retries=0",
        "hydra.sweep.dir=sweep", cwd=tmp_path, env=PLANTED,
    )  # fmt: skip
    files = [file for file in (tmp_path / "sweep").rglob("*") if file.is_file()]
    assert any(file.suffix == ".pkl" for file in files)
    assert {file.name for file in files for text in texts(file) if leaks(text)} == set()


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_none_is_taken_on_the_command_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for known, value in PLANTED.items():
        monkeypatch.setenv(known, value)
    monkeypatch.setattr(redact, "_named", {"PEER_LOGIN"})
    with pytest.raises(ConfigError, match="holds a secret") as caught:
        secrets.refuse_literal(["seed=1", f"model.extra={{x: {PLANTED[name]}}}"])
    assert leaks(str(caught.value)) == set()


def test_nor_set_for_jobs() -> None:
    with pytest.raises(ConfigError, match="holds a secret"):
        secrets.refuse_literal(["hydra.job.env_set.HF_TOKEN=hf_of_nobody"])
    secrets.refuse_literal(["hydra.job.env_set.HF_TOKEN=${oc.env:HF_TOKEN}"])


def test_short_values_and_other_variables_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "none")
    monkeypatch.setenv("SOME_FOLDER", "not-a-secret-at-all")
    assert redact.redacted("none of not-a-secret-at-all") == "none of not-a-secret-at-all"


def test_a_log_line_has_its_traceback_blanked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "planted-0123456789")
    said = "of planted-0123456789"
    try:
        raise ValueError(said)
    except ValueError as error:
        record = logging.LogRecord(
            "x",
            40,
            "f",
            1,
            "of %s",
            ("planted-0123456789",),
            (ValueError, error, error.__traceback__),
        )
    line = redact.Formatter("%(message)s").format(record)
    assert line.startswith("of ***\nTraceback")
    assert line.endswith("ValueError: of ***")
    assert "planted-0" not in line
