"""What this machine does about jobs at Modal, with stand-ins for what is there."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from modal import exception
from support import composed

from hydra_plugins.optbench_launcher import (
    _drive,
    _modal,
    _modal_checks,
    _modal_ends,
    _modal_there,
)
from optbench.errors import ConfigError, OptbenchError
from optbench.layout import SharedFolder
from optbench.task import Task
from optbench_jobs import worker
from optbench_jobs.job import Job, Outcome
from optbench_modal import calls, cancel, cli, cloud, modules, runs
from optbench_modal.journal import Journal
from optbench_modal.names import Names
from optbench_modal.payload import Reply
from optbench_modal.source import Source
from optbench_modal.uploads import Uploads

CONF = {
    "app": "optbench", "volume": "results", "environment": None, "secrets": [], "cpu": None,
    "memory_mb": None, "commit_s": 60.0, "packages": [], "extras": [], "detach": False,
    "deploy": False, "collect": False,
}  # fmt: skip


class Volume:
    """A volume of a few files, which may be full."""

    def __init__(self, files: dict[str, str] | None = None, *, full: bool = False) -> None:
        self.files = files or {}
        self.full = full
        self.read_file = self

    @contextmanager
    def batch_upload(self, *, force: bool) -> Iterator[Any]:
        yield self
        if self.full:
            raise exception.ResourceExhaustedError("no space left")

    def put_file(self, source: Any, place: str) -> None:
        self.files[place] = str(source)

    def listdir(self, path: str) -> list[Any]:
        raise exception.NotFoundError(path)

    async def aio(self, path: str) -> AsyncIterator[bytes]:
        if path not in self.files:
            raise exception.NotFoundError(path)
        yield self.files[path].encode()


class Spawner:
    """A function that takes no call."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked = 0

    def spawn(self, _: str) -> Any:
        self.asked += 1
        raise self.error


Open = Callable[..., _modal.ModalBackend]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens a backend over stand-ins."""
    backends: list[_modal.ModalBackend] = []

    def open_(
        jobs: list[Job],
        connect: Callable[..., Any],
        timeout_s: float | None = None,
        **conf: Any,
    ) -> _modal.ModalBackend:
        monkeypatch.setattr(cloud, "connect", connect)
        backends.append(
            _modal.ModalBackend({**CONF, **conf}, jobs, tmp_path, 1, timeout_s, lambda _: work())
        )
        for job in jobs:
            backends[-1].submit(job)
        return backends[-1]

    yield open_
    for backend in backends:
        backend.close()


@cache
def work() -> tuple[Any, ...]:
    """What a worker is to do for any of the jobs."""
    return worker.run_optbench, Task.from_config(composed("model=simulated"))


def a_job(folder: Path, *files: str) -> Job:
    return Job(0, "d/s1", folder / "d" / "s1", identity="k1", files=files)


def ends(backend: _modal.ModalBackend, retries: int = 0) -> list[Outcome]:
    """What the jobs come to, tried again as a launch does."""
    found: list[Outcome] = []
    for told in backend.results():
        if told is not None and _drive.again(*told, {"retries": retries}):
            backend.submit(told[0])
        elif told is not None:
            found.append(told[1])
    return found


@pytest.mark.parametrize("retries", [0, 2])
def test_an_error_of_a_spawn_is_said_after_so_many_attempts(
    opened: Open, tmp_path: Path, retries: int
) -> None:
    spawner = Spawner(AttributeError("no such thing"))
    there = cloud.Cloud(spawner, Volume(), "code")
    backend = opened([a_job(tmp_path)], lambda *_, **__: there)
    assert [str(one.error) for one in ends(backend, retries)] == ["no such thing"]
    assert spawner.asked == 1 + retries


def test_a_file_that_cannot_be_had_is_said(opened: Open, tmp_path: Path) -> None:
    there = cloud.Cloud(Spawner(RuntimeError()), Volume(), "code")
    (ended,) = ends(opened([a_job(tmp_path, "gone.jsonl")], lambda *_, **__: there))
    assert "gone.jsonl" in str(ended.error)


def test_a_full_volume_is_not_waited_for(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("1")
    there = cloud.Cloud(Spawner(RuntimeError()), Volume(full=True), "code")
    (ended,) = ends(opened([a_job(tmp_path, str(tmp_path / "rows"))], lambda *_, **__: there), 3)
    assert "volume 'results' has no room left" in str(ended.error)
    assert not SharedFolder(tmp_path).modal.exists()  # nothing was handed over
    with pytest.raises(ConfigError, match="modal volume rm"):
        Uploads(Volume(full=True), "results").keep(tmp_path / "rows", "run", "k1")


def test_what_cannot_be_spawned_again_fails_once(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reply(self: calls.Calls, job: calls.Watched) -> Reply:
        raise calls.Gone("lost")

    async def none(*_: object) -> int:
        return 0

    asked: list[bool] = []

    def connect(*_: object, spawns: bool, **__: object) -> cloud.Cloud:
        asked.append(spawns)
        if spawns:
            raise ConfigError("the app is not there", key="modal: app")
        return cloud.Cloud(None, Volume(), "")

    monkeypatch.setattr(calls.Calls, "_reply", reply)
    monkeypatch.setattr(calls.fetch, "fetch", none)
    journal = Journal(SharedFolder(tmp_path).modal, "sweep", Names("optbench", "results")._asdict())
    journal.intend("k1", "d/s1", 1)
    journal.spawned("k1", "fc-1")
    (ended,) = ends(opened([a_job(tmp_path)], connect, collect=True), 3)
    assert "the app is not there" in str(ended.error)
    assert asked == [False, True]


def test_collecting_leaves_out_what_is_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(SharedFolder(tmp_path).modal, "sweep")
    jobs = [replace(a_job(tmp_path), number=n, identity=f"k{n}") for n in range(6)]
    for number in range(5):
        journal.intend(f"k{number}", f"n{number}", 1)
        journal.spawned(f"k{number}", f"fc-{number}")
    journal.cancelled("k1")
    journal.ended("k2", "failed")
    journal.ended("k3", "failed")
    journal.intend("k4", "n4", 2)
    with caplog.at_level(logging.WARNING):
        left = _modal_there.left_there(tmp_path, jobs)
    assert [job.identity for job in left] == ["k0", "k4"]
    assert "4 jobs are not at Modal (1 cancelled, 2 failed, 1 never handed over)" in caplog.text
    assert "optbench resume=" in caplog.text
    assert [job.outcome is None for job in jobs] == [True, False, False, False, True, False]
    _modal_there.refuse_unless_there(tmp_path, jobs[0])
    with pytest.raises(ConfigError, match=r"not at Modal \(cancelled\)"):
        _modal_there.refuse_unless_there(tmp_path, jobs[1])
    with pytest.raises(ConfigError, match="did not run on Modal"):
        _drive.check({"backend": "processes", "modal": {"collect": True}})


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (exception.InputCancellation("Input was cancelled by user"), "cancelled"),
        (exception.RemoteError("Input was cancelled by user"), "cancelled"),
        (exception.InternalFailure("went away"), "failed"),
        (calls.Gone("lost"), "failed"),
    ],
)
def test_a_call_without_a_reply(error: BaseException, state: str, tmp_path: Path) -> None:
    ended = calls.Ended(calls.Watched("k1", "fc-1", tmp_path), error=error)
    assert _modal_ends.outcome_of(ended, a_job(tmp_path), None).state == state


def test_an_error_of_a_container_keeps_its_key_and_mend() -> None:
    told = {"type": "ModelCallError", "message": "401", "key": "model.id", "mend": "see the key"}
    error = _modal_ends.error_of(told)
    assert isinstance(error, OptbenchError)
    assert str(error) == "model.id: 401\n  mend: see the key"
    assert str(_modal_ends.error_of({"type": "KeyError", "message": "'x'"})) == "KeyError: 'x'"


def test_finished_jobs_are_not_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "journal.jsonl", "sweep")
    for key, attempt in (("done", 1), ("again", 2), ("lost", 1)):
        journal.intend(key, key, attempt)  # no call: nothing of Modal's is asked
    files = {
        f"runs/{journal.run}/{key}/done.json": Reply(key, 1, state).dumps()
        for key, state in (("done", "failed"), ("again", "failed"), ("lost", "interrupted"))
    }
    monkeypatch.setattr(cancel, "volume_of", lambda _: Volume(files))
    assert cancel.cancel(journal) == (2, 1)
    assert [entry.key for entry in journal.open()] == ["done"]


@pytest.mark.parametrize(
    ("done", "said"),
    [
        ((0, 0), "0 jobs of 'a b' cancelled"),
        ((1, 0), "1 job of 'a b' cancelled; optbench resume='a b' runs it again"),
        ((0, 1), "1 had ended, and comes home with optbench-modal collect 'a b'"),
    ],
)
def test_what_is_said_of_a_cancellation(
    done: tuple[int, int], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Journal(SharedFolder(Path("a b")).modal, "a b").intend("k1", "n1", 1)
    monkeypatch.setattr(cancel, "cancel", lambda _: cancel.Cancelled(*done))
    with pytest.raises(SystemExit):
        cli.main(["cancel", "a b"])
    out = capsys.readouterr().out
    assert said in out
    assert ("resume" in out) == bool(done[0])


def test_sweeps_and_jobs_are_found_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    journal = Journal(SharedFolder(Path("s1")).modal, "s1")
    assert not journal.path.exists()  # a launch that is refused has handed nothing over
    Path("s1").mkdir(exist_ok=True)
    with pytest.raises(ConfigError, match="nothing of 's1' was handed to Modal yet"):
        runs.find("s1")
    journal.intend("k1", "d/none/s1-abc", 1)
    other = Journal(SharedFolder(Path("multirun/day/time")).modal, "time")
    other.intend("k2", "d/none/s2-abc", 1)
    assert runs.find(journal.run)[0] == Path("s1")
    assert runs.find(other.run[:6])[0] == Path("multirun/day/time")
    with pytest.raises(ConfigError, match="looked at") as caught:
        runs.find("nowhere")
    assert str(tmp_path) in str(caught.value)
    monkeypatch.chdir(tmp_path / "s1")
    assert runs.find(journal.run)[0] == Path()
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "s1" / "d" / "none" / "s1-abc"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text("{}")

    async def log_of(_: Journal, entry: Any) -> str:
        return f"log of {entry.key}\n"

    monkeypatch.setattr("optbench_modal.state.log_of", log_of)
    for job in ("s1-a", "s1/d/none/s1-abc", "s1/d/none/s1-abc/result.json"):
        with pytest.raises(SystemExit) as ended:
            cli.main(["logs", job])
        assert ended.value.code == 0
        assert capsys.readouterr().out == "log of k1\n"
    with pytest.raises(SystemExit):
        cli.main(["logs", "s"])
    said = capsys.readouterr().err
    assert "--run" in said
    assert "multirun/day/time/d/none/s2-abc" in said


def test_code_of_this_machine_must_be_deployed() -> None:
    task = Task.from_config(composed("model=simulated", "optimizer=none"))
    plain = {**task.plain, "agent": {"target": "theirs.Agent"}}
    plain["dataset"] = {**plain["dataset"], "metrics": [{"name": "mine.deep.Fine"}]}
    assert modules.named(task.plain).keys() == {"optbench"}
    named = modules.named(plain)
    assert {key: named[key] for key in ("mine", "theirs")} == {
        "mine": "mine.deep.Fine", "theirs": "theirs.Agent",
    }  # fmt: skip
    assert Source().not_there(["optbench", "json", "litellm", "mine"]) == ["mine"]
    job = replace(a_job(Path()), modules=tuple(named.items()))
    with pytest.raises(ConfigError, match=r"mine\.deep\.Fine") as caught:
        _modal_checks.jobs([job], {**CONF, "packages": ["theirs.agents"]}, None)
    assert caught.value.key == "hydra.launcher.modal.packages"
    assert "packages=[theirs.agents,mine]" in str(caught.value.mend)
    _modal_checks.jobs([job], {**CONF, "packages": ["mine", "theirs"]}, None)


def test_what_containers_cannot_have_is_refused_before_modal_is_asked(
    opened: Open, tmp_path: Path
) -> None:
    asked: list[object] = []
    opening: Any = "stands for what opens it"
    model = replace(a_job(tmp_path), models=((opening, "smollm2"),))
    with pytest.raises(ConfigError, match="smollm2 runs in the containers") as caught:
        opened([model], lambda *given, **_: asked.append(given))
    assert caught.value.mend == "hydra.launcher.modal.extras=[local-llm] engine.deploy=true"
    with pytest.raises(ConfigError, match=r"budget\.sweep_usd") as caught:
        opened(
            [replace(a_job(tmp_path), limits=("budget.sweep_usd",))],
            lambda *given, **_: asked.append(given),
        )
    assert "budget.usd" in str(caught.value.mend)
    assert not asked
    assert Source(extras=("local-llm",)).fingerprint() != Source().fingerprint()


@pytest.mark.parametrize(("asked_s", "given_s"), [(60, 180), (86400, 86400), (None, None)])
def test_no_call_may_take_longer_than_modal_lets_it(
    asked_s: float | None, given_s: float | None, opened: Open, tmp_path: Path
) -> None:
    told: list[Any] = []

    def connect(*_: object, timeout_s: float | None, **__: object) -> cloud.Cloud:
        told.append(timeout_s)
        return cloud.Cloud(None, Volume(), "")

    opened([a_job(tmp_path)], connect, timeout_s=asked_s)
    assert told == [given_s]


@pytest.mark.parametrize(
    ("conf", "timeout_s", "key"),
    [
        ({"cpu": -1}, None, "modal.cpu"),
        ({"memory_mb": 0}, None, "modal.memory_mb"),
        ({"commit_s": 0}, None, "modal.commit_s"),
        ({"commit_s": float("nan")}, None, "modal.commit_s"),
        ({"extras": ["nosuch"]}, None, "modal.extras"),
        ({}, 86401, "timeout_s"),
    ],
)
def test_options_that_mean_nothing(conf: Any, timeout_s: float | None, key: str) -> None:
    options = {"backend": "modal", "modal": {**CONF, **conf}, "timeout_s": timeout_s}
    with pytest.raises(ConfigError) as caught:
        _drive.check(options)
    assert caught.value.key == f"hydra.launcher.{key}"
    _drive.check({"backend": "modal", "modal": CONF, "timeout_s": 86400})


def test_a_part_that_optbench_has_not_is_not_deployed() -> None:
    with pytest.raises(ConfigError, match="local-llm"):
        Source(extras=("local-lm",)).pins()


def test_the_command_that_deploys_names_all_that_is_not_usual() -> None:
    assert cloud.deploy_command(Names(), Source()) == "optbench-modal deploy"
    names, source = Names("a b", "v", "staging"), Source(("mine",), ("local-llm",))
    assert cloud.deploy_command(names, source) == (
        "optbench-modal deploy --app 'a b' --volume v --environment staging --package mine "
        "--extra local-llm"
    )
