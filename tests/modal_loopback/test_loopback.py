"""The real client, command line and container runner against the loopback server.

What a client shows for each knob is asserted by class and text: these are the facts that the
launcher is built on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modal_loopback.knobs import Knobs
from modal_loopback.peer import Loopback, loopback, unavailable
from modal_loopback.sample.process import Client

pytest.importorskip("modal")
pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

APP = Path(__file__).parent / "sample" / "app.py"
ABOUT = [["about"]]


def command(server: Loopback, *words: str) -> str:
    """Run Modal's command line."""
    done = subprocess.run(
        [sys.executable, "-m", "modal", *words],
        env=server.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def deploy(server: Loopback, app: Path = APP) -> float:
    """Deploy an app; the seconds it took."""
    began = time.monotonic()
    assert "App deployed" in command(server, "deploy", str(app))
    return time.monotonic() - began


@pytest.fixture(scope="module")
def shared() -> Iterator[Loopback]:
    """One server with the app deployed."""
    with loopback() as server:
        print(f"\ndeploy: {deploy(server):.2f} s")
        yield server


@pytest.fixture
def server(shared: Loopback) -> Loopback:
    """The server in good health."""
    health = {name: value for name, value in vars(Knobs()).items() if name != "down_until"}
    shared.knobs(**health)
    return shared


@pytest.fixture(scope="module")
def client(shared: Loopback) -> Iterator[Client]:
    """A client process of that server."""
    with closing(Client(shared)) as one:
        yield one


def test_spawns_are_collected_by_another_process(server: Loopback, client: Client) -> None:
    ids = client("spawn", inputs=[[["about"]] for _ in range(8)])
    outputs = client("get", ids=ids)
    assert [[call_id] for call_id in ids] == [[one[0][1]] for one in outputs]
    assert {one[0][0] for one in outputs} == {False}
    assert client("get", ids=ids) == outputs


def test_a_container_sees_only_what_was_uploaded(server: Loopback, client: Client) -> None:
    steps = [["importable", "optbench"], ["importable", "app"], ["env", "COLOR"], ["env", "USER"]]
    assert client("run", inputs=[steps]) == [[False, True, "deep blue", None]]


def test_large_payloads_go_both_ways(server: Loopback, client: Client) -> None:
    steps = [["text", 100_000], ["print", "z" * 100_000]]
    assert client("run", inputs=[steps]) == [["y" * 100_000, None]]


def test_commits_alone_make_writes_visible(server: Loopback, client: Client) -> None:
    steps = [["write", "kept/a", "1"], ["commit"], ["write", "kept/b", "2"], ["sleep", 30]]
    [call] = client("spawn", inputs=[steps], options={"timeout": 40})
    server.wait(lambda _: (server.volume("results") / "kept/a").exists())
    assert client("listing", volume="results", path="kept") == ["kept/a"]
    reader = [["read", "kept/a"], ["read", "kept/b"]]
    assert client("run", inputs=[reader], options={"timeout": 39}) == [["1", None]]
    client("cancel", call_id=call)
    assert client("get", ids=[call])[0]["error"][0] == "modal.exception.RemoteError"


def test_a_reload_shows_what_others_committed_and_keeps_own_writes(
    server: Loopback, client: Client
) -> None:
    def run(timeout: int, *steps: list[str]) -> Any:
        options = {"timeout": timeout, "max_containers": 1}
        return client("run", inputs=[steps], options=options)[0]

    seen = (["read", "late"], ["read", "own"])
    assert run(41, ["write", "own", "mine"], *seen) == [4, None, "mine"]
    run(42, ["write", "late", "x"], ["commit"])
    assert run(41, *seen, ["reload"], *seen) == [None, "mine", None, "x", "mine"]


def test_removals_are_committed(server: Loopback, client: Client) -> None:
    client("run", inputs=[[["write", "gone", "1"], ["write", "old", "2"], ["commit"]]])
    steps = [["remove", "gone"], ["rename", "old", "new"], ["commit"]]
    client("run", inputs=[steps], options={"timeout": 43})
    names = {one.name for one in server.volume("results").iterdir()}
    assert "new" in names
    assert not {"gone", "old"} & names


def test_a_reload_refuses_open_files(server: Loopback, client: Client) -> None:
    [shown] = client("run", inputs=[[["reload_with_open_file", "open"]]])
    text = "there are open files preventing the operation: path open is open"
    assert shown == {"error": ["builtins.RuntimeError", text]}


@pytest.mark.parametrize("version", [1, 2])
def test_a_client_uses_a_volume(server: Loopback, client: Client, version: int) -> None:
    listed, small, size, left = client("tour", volume=f"tour-{version}", version=version)
    assert listed == ["a", "a/large.bin", "a/small.txt"]
    assert (small, size, left) == ("small", 9_000_003, ["b.txt"])


def test_a_killed_container_loses_what_it_did_not_commit(server: Loopback, client: Client) -> None:
    server.knobs(kill={"after_commits": 1})
    steps = [["read", "one"], ["read", "two"], ["write", "one", "1"], ["commit"]]
    steps += [["write", "two", "2"], ["sleep", 0.5]]
    [output] = client("run", inputs=[steps], options={"timeout": 44})
    assert output[:2] == ["1", None]


def test_a_kill_at_the_second_input_starts_it_anew(server: Loopback, client: Client) -> None:
    before = server.counts()
    server.knobs(kill={"input": 2, "after_seconds": 0.2})
    options = {"max_containers": 1, "timeout": 45}
    ids = client("spawn", inputs=[[["sleep", 0.5]]] * 3, options=options)
    assert client("get", ids=ids) == [[None]] * 3
    counts = server.counts()
    assert [counts["started"][one] for one in ids] == [1, 2, 1]
    assert counts["events"]["kills"] == before["events"].get("kills", 0) + 1


def test_max_containers_is_kept_per_variant(server: Loopback, client: Client) -> None:
    options = {"max_containers": 2, "timeout": 46}
    outputs = client("run", inputs=[[["about"], ["sleep", 0.2]]] * 6, options=options)
    assert len(outputs) == 6
    function_ids = [one["function_id"] for one in server.containers().values()]
    assert max(map(function_ids.count, function_ids)) <= 4
    assert 2 in map(function_ids.count, function_ids)


def test_a_timeout_and_retries(server: Loopback, client: Client) -> None:
    options = {"timeout": 1, "retries": {"max_retries": 1, "initial_delay": 0.1}}
    [call] = client("spawn", inputs=[[["sleep", 5]]], options=options)
    [shown] = client("get", ids=[call])
    assert shown["error"][0] == "modal.exception.FunctionTimeoutError"
    assert server.counts()["started"][call] == 2


@pytest.mark.parametrize("timeout", [0, 0.5])
def test_an_unfinished_and_an_expired_output(
    server: Loopback, client: Client, timeout: float
) -> None:
    [call] = client("spawn", inputs=[[["sleep", 1.5]]], options={"timeout": 47})
    assert client("get", ids=[call], timeout=timeout) == [{"error": ["builtins.TimeoutError", ""]}]
    client("get", ids=[call])
    server.knobs(expired=[call])
    expired = {"error": ["modal.exception.OutputExpiredError", ""]}
    assert client("get", ids=[call], timeout=timeout) == [expired]


def test_a_full_backlog_is_refused(server: Loopback, client: Client) -> None:
    server.knobs(max_pending=0)
    name, _ = client("spawn", inputs=[ABOUT])["error"]
    assert name == "modal.exception.ResourceExhaustedError"
    # With a time to come again the client waits instead, as long as it takes.
    server.knobs(max_pending=0, throttle_seconds=1)
    waiting = client.start("run", inputs=[ABOUT])
    before = server.counts()["rpc"]["FunctionMap"]
    server.wait(lambda counts: counts["rpc"]["FunctionMap"] > before)
    server.knobs(max_pending=None)
    assert waiting.result(60)[0][0][0] is False


@pytest.mark.parametrize(
    ("times", "idempotent", "accepted", "shown"),
    [
        pytest.param(1, False, 2, "", id="the client asks again: two calls"),
        pytest.param(1, True, 1, "", id="the server knows the request: one call"),
        pytest.param(4, False, 4, "modal.exception.ServiceError", id="given up: four calls"),
    ],
)
def test_a_dropped_reply(
    server: Loopback, client: Client, times: int, idempotent: bool, accepted: int, shown: str
) -> None:
    before = server.counts()["events"].get("accepted", 0)
    fault = {"mode": "drop", "times": times}
    server.knobs(faults={"FunctionMap": fault}, idempotent=idempotent)
    reply = client("spawn", inputs=[ABOUT])
    assert server.counts()["events"]["accepted"] - before == accepted
    assert (reply["error"][0] if isinstance(reply, dict) else "") == shown


def test_a_reply_that_never_comes(server: Loopback, client: Client) -> None:
    server.knobs(faults={"FunctionMap": {"mode": "never"}})
    before = server.counts()["events"].get("accepted", 0)
    waiting = client.start("spawn", inputs=[ABOUT])
    server.wait(lambda counts: counts["events"].get("accepted", 0) > before)
    assert wait([waiting], timeout=0.5).not_done


def test_a_server_that_is_down(server: Loopback, client: Client) -> None:
    server.knobs(down=60)
    shown = client("look_up", app="sample", name="work")
    assert shown == {"error": ["modal.exception.ServiceError", "the server is down"]}
    server.knobs(down=0)
    assert client("look_up", app="sample", name="work").startswith("fu-")


@pytest.mark.parametrize(
    ("app", "name", "text"),
    [
        ("nope", "work", "App 'nope' not found in environment 'main'"),
        ("sample", "nope", "App 'sample' has no function 'nope'"),
    ],
)
def test_what_is_not_deployed(
    server: Loopback, client: Client, app: str, name: str, text: str
) -> None:
    lookup = f"Lookup failed for Function '{name}' from the '{app}' app: {text}."
    shown = client("look_up", app=app, name=name)
    assert shown == {"error": ["modal.exception.NotFoundError", lookup]}


def test_secrets(server: Loopback, client: Client) -> None:
    command(server, "secret", "create", "--force", "keys", "API_KEY=sk-1")

    def run(*named: str) -> Any:
        return client("run", inputs=[[["env", "API_KEY"]]], options={"secret": named})

    assert run("keys", "API_KEY") == [["sk-1"]]
    missing = "modal.exception.NotFoundError"
    assert run("keys", "OTHER") == {"error": [missing, "Secret 'keys' is missing key(s): OTHER"]}
    server.knobs(missing_secrets=["keys"])
    text = "Secret 'keys' not found in environment 'main'"
    assert run("keys") == {"error": [missing, text]}


def test_a_full_volume(server: Loopback, client: Client) -> None:
    server.knobs(volume_full=True)
    [refused] = client("run", inputs=[[["commit"]]])
    text = "Volume 'results' has no space left"
    assert refused == {"error": ["modal.exception.ResourceExhaustedError", text]}
    server.knobs(volume_full=False, volume_bytes=1_000_000)
    [full] = client("run", inputs=[[["fill", "x", 2_000_000]]], options={"timeout": 48})
    assert full == {"error": ["builtins.OSError", "[Errno 28] No space left on device"]}


def test_a_container_that_crashes_is_tried_again(server: Loopback, client: Client) -> None:
    server.knobs(max_restarts=1)
    [shown] = client("run", inputs=[[["exit", 3]]], options={"timeout": 49})
    text = "Container exited with code 3 while it ran the input"
    assert shown == {"error": ["modal.exception.InternalFailure", text]}


def test_many_open_polls_do_not_hinder_each_other(server: Loopback, client: Client) -> None:
    spawned = client("timed_spawn", inputs=[ABOUT] * 200)
    print(f"\n200 spawns: {spawned['seconds']:.2f} s")
    outputs = client("get", ids=spawned["ids"])
    assert [one[0][1] for one in outputs] == spawned["ids"]


def test_a_redeploy_logs_and_stop(tmp_path: Path) -> None:
    newer = tmp_path / "app.py"
    newer.write_text(APP.read_text().replace("VERSION = 1", "VERSION = 2"))
    with loopback(default_max_containers=1) as server, closing(Client(server)) as client:
        deploy(server)
        steps = [["print", "hello from the job"], ["sleep", 2], ["about"]]
        running = client.start("run", inputs=[steps])
        server.wait(lambda counts: counts["started"])
        deploy(server, newer)
        assert client("run", inputs=[ABOUT])[0][0][2] == 2
        assert running.result(60)[0][2][2] == 1
        assert {one["version"] for one in server.containers().values()} == {2}

        assert "hello from the job" in command(server, "app", "logs", "sample")
        assert json.loads(command(server, "app", "list", "--json"))[0]["state"] == "deployed"
        [call] = client("spawn", inputs=[[["sleep", 30]]])
        command(server, "app", "stop", "--yes", "sample")
        assert client("get", ids=[call])[0]["error"][0] == "modal.exception.RemoteError"
        server.wait(lambda counts: not counts["containers"])


@pytest.mark.parametrize("killed", [False, True])
def test_nothing_is_left_behind(killed: bool) -> None:
    with loopback() as server, closing(Client(server)) as client:
        deploy(server)
        client("spawn", inputs=[[["sleep", 60]]])
        server.wait(lambda counts: counts["started"])
        pids = [server.pid, *(one["pid"] for one in server.containers().values())]
        assert len(pids) == 2
        assert all(map(is_alive, pids))
        if killed:
            os.kill(server.pid, 9)
    end = time.monotonic() + 5
    while any(map(is_alive, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(is_alive, pids))
    assert not server.state.exists()


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
