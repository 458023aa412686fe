"""What several jobs ask is paid once; what is sampled stays independent; foreign files stay whole."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from scripted import REQUEST, Scripted, asking, gateway

from optbench.chat import ModelCallError
from optbench.config.schema import CacheMode
from optbench.errors import ConfigError
from optbench.models.budget import Limits
from optbench.models.cache import SharedCache
from optbench.models.calls import Call

CONTEXT = multiprocessing.get_context("spawn")


def job(folder: Path, name: str, model: Scripted, mode: str = "readwrite", **more: Any) -> Any:
    cache = SharedCache(folder / "shared" / "cache.sqlite", CacheMode[mode])
    own = folder / name
    own.mkdir()
    return gateway(own, model, cache=cache, **more)


def test_a_greedy_call_is_paid_by_the_first_who_asks(tmp_path: Path) -> None:
    one, two = Scripted(), Scripted()
    first, second = job(tmp_path, "one", one, seed=1), job(tmp_path, "two", two, seed=2)
    replies = [entry.complete("task", REQUEST, "task") for entry in (first, second, second)]
    assert len(set(map(str, replies))) == 1
    assert (len(one.asked), len(two.asked)) == (1, 0)
    spent, paid = second.ledger.used.total(), second.ledger.paid.total()
    assert (spent.calls, spent.cost_usd, spent.tokens) == (2, 1.0, 24)
    assert (paid.calls, paid.cost_usd) == (0, 0.0)
    assert [call.source for call in second.ledger.calls()] == ["cache", "cache"]


def test_sampled_repeats_stay_independent(tmp_path: Path) -> None:
    one, two, three = Scripted(), Scripted(), Scripted()
    hot = asking("x", 1.0)
    entry = job(tmp_path, "one", one, seed=1)
    texts = {entry.complete("task", hot, "task").text for _ in range(3)}
    assert len(texts) == 3  # the repeats of one task
    job(tmp_path, "two", two, seed=2).complete("task", hot, "task")
    assert len(two.asked) == 1  # another seed
    same = job(tmp_path, "three", three, seed=1)
    assert {same.complete("task", hot, "task").text for _ in range(3)} == texts
    assert three.asked == []  # the very same calls


def test_read_takes_and_adds_nothing(tmp_path: Path) -> None:
    nothing = job(tmp_path, "none", Scripted(), "read")
    nothing.complete("task", asking("a"), "task")
    assert not (tmp_path / "shared").exists()
    job(tmp_path, "writer", Scripted()).complete("task", asking("a"), "task")
    model = Scripted()
    reader = job(tmp_path, "reader", model, "read")
    for text in ("a", "b"):
        reader.complete("task", asking(text), "task")
    assert [asked.messages[0]["content"] for asked in model.asked] == ["b"]
    again = job(tmp_path, "again", model, "read")
    again.complete("task", asking("b"), "task")
    assert len(model.asked) == 2


def test_budgets_count_what_others_paid(tmp_path: Path) -> None:
    job(tmp_path, "one", Scripted()).complete("task", REQUEST, "task")
    entry = job(tmp_path, "two", Scripted(), limits=Limits(tokens=1000, usd=10.0))
    entry.phase = "optimise"
    entry.complete("task", REQUEST, "task")
    assert entry.ledger.used.total("optimise").known_usd == 0.5


def test_a_budget_in_seconds_takes_as_long_from_the_cache(tmp_path: Path) -> None:
    slow = Scripted(before=lambda: time.sleep(0.2))
    job(tmp_path, "one", slow).complete("task", REQUEST, "task")
    entry = job(tmp_path, "two", Scripted(), limits=Limits(seconds=60))
    entry.phase = "optimise"
    began = time.perf_counter()
    entry.complete("task", REQUEST, "task")
    assert time.perf_counter() - began >= 0.2


def test_threads_that_ask_the_same_make_one_call(tmp_path: Path) -> None:
    model = Scripted(before=lambda: time.sleep(0.05))
    entry = job(tmp_path, "one", model)
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda _: entry.complete("task", REQUEST, "task").text, range(16)))
    assert texts == {"reply 1"}
    assert len(model.asked) == 1


def test_a_folder_that_another_job_removes_meanwhile_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``mkdir(exist_ok=True)`` finds it there, looks what it is, and finds it gone."""
    entry = job(tmp_path, "one", Scripted())
    make, asked = Path.mkdir, []

    def racing(path: Path, *arguments: Any, **keywords: Any) -> None:
        if path.name.endswith(".flights") and len(asked) < 2:
            asked.append(path)
            raise FileExistsError(17, "File exists", str(path))
        make(path, *arguments, **keywords)

    monkeypatch.setattr(Path, "mkdir", racing)
    assert entry.complete("task", REQUEST, "task").text == "reply 1"
    assert len(asked) == 2


def test_a_failed_call_leaves_the_way_free(tmp_path: Path) -> None:
    broken = job(tmp_path, "one", Scripted(ModelCallError("no", kind="bad_request")))
    with pytest.raises(ModelCallError):
        broken.complete("task", REQUEST, "task")
    assert job(tmp_path, "two", Scripted()).complete("task", REQUEST, "task").text == "reply 1"


def test_a_task_killed_between_its_ledger_and_the_cache_shares_its_reply(tmp_path: Path) -> None:
    own = tmp_path / "one"
    own.mkdir()
    gateway(own, Scripted()).complete("task", REQUEST, "task")  # in the ledger, in no cache
    model = Scripted()
    cache = SharedCache(tmp_path / "cache.sqlite", CacheMode.readwrite)
    resumed = gateway(own, model, cache=cache)
    for _ in range(2):  # recalled, and asked once more
        resumed.complete("task", REQUEST, "task")
    assert model.asked == []
    assert [call.source for call in resumed.ledger.calls()] == ["model", "cache"]


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE replies (key)")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.write_bytes(b"my thesis"), "no SQLite file"),
        (lambda path: path.write_bytes(b""), "no SQLite file"),
        (_foreign, "no cache of optbench"),
    ],
)
def test_a_foreign_file_is_refused_and_left_untouched(tmp_path: Path, make: Any, why: str) -> None:
    path = tmp_path / "mine.sqlite"
    make(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=why) as caught:
        SharedCache(path, CacheMode.readwrite)
    assert "cache.path" in str(caught.value)
    assert "mine.sqlite" in str(caught.value)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["mine.sqlite"]


def test_a_folder_is_no_cache(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        SharedCache(tmp_path, CacheMode.readwrite)


def test_a_cache_of_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    SharedCache(path, CacheMode.readwrite).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with pytest.raises(ConfigError, match="schema 99"):
        SharedCache(path, CacheMode.readwrite)


def test_a_damaged_cache_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    cache = SharedCache(path, CacheMode.readwrite)
    with cache.claim("key", time.sleep) as reply:
        reply.save(call("key"))
    cache.close()
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    damaged = SharedCache(path, CacheMode.readwrite)
    with pytest.raises(ConfigError, match="cannot be used"):
        damaged.get("key")
    damaged.close()
    assert path.read_bytes() == bytes(content)


def call(text: str) -> Call:
    return Call("baseline", "task", "m", text, 1, 1, "ok", "model", 1, 1, 0, 0.1, 0.0, reply=text)


def _ask(path: str, log: str, seconds: float, keys: int, seed: int) -> None:
    """One job of the stress: claims random keys, and writes down which it paid for."""
    cache = SharedCache(Path(path), CacheMode.readwrite)
    rng = random.Random(seed)
    until = time.monotonic() + seconds
    with Path(log).open("a", encoding="utf-8") as file:
        while time.monotonic() < until:
            key = f"key-{rng.randrange(keys)}"
            with cache.claim(key, time.sleep) as reply:
                if reply.found is None:
                    file.write(key + "\n")
                    file.flush()
                    reply.save(call(key))
                else:
                    assert reply.found["reply"] == key
    cache.close()


@pytest.mark.parametrize("seconds", [4.0, pytest.param(60.0, marks=pytest.mark.soak)])
def test_eight_processes_on_one_file(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "cache.sqlite"
    keys = int(2000 * seconds)
    jobs = [
        CONTEXT.Process(target=_ask, args=(str(path), str(tmp_path / f"{n}.log"), seconds, keys, n))
        for n in range(8)
    ]
    for one in jobs:
        one.start()
    for one in jobs:
        one.join(seconds + 60)
    assert [one.exitcode for one in jobs] == [0] * 8  # no `database is locked`
    paid = [key for log in tmp_path.glob("*.log") for key in log.read_text().split()]
    with sqlite3.connect(path) as db:
        kept = [key for (key,) in db.execute("SELECT key FROM replies")]
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(paid) == len(set(paid)) > 100  # none paid twice
    assert sorted(paid) == sorted(kept)  # none lost, none doubled
    assert not list(tmp_path.glob("*.flights/*"))


def _hold(path: str, ready: Any) -> None:
    cache = SharedCache(Path(path), CacheMode.readwrite)
    with cache.claim("key", time.sleep):
        ready.set()
        time.sleep(60)


def test_a_job_that_dies_in_flight_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    ready = CONTEXT.Event()
    holder = CONTEXT.Process(target=_hold, args=(str(path), ready))
    holder.start()
    assert ready.wait(30)
    assert holder.pid
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    began = time.perf_counter()
    cache = SharedCache(path, CacheMode.readwrite)
    with cache.claim("key", time.sleep) as reply:
        assert reply.found is None
    assert time.perf_counter() - began < 5
