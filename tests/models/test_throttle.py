"""Limits hold over all jobs of a sweep on this machine."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from scripted import REQUEST, Scripted, asking, gateway

from optbench.errors import Fatal
from optbench.models.throttle import Rate, Throttle

CONTEXT = multiprocessing.get_context("spawn")


def _hold_slots(folder: str, log: str) -> None:
    throttle = Throttle(Path(folder))
    for _ in range(10):
        with throttle.slot("model", Rate(max_in_flight=2), time.sleep):
            began = time.monotonic()
            time.sleep(0.02)
            with Path(log).open("a") as file:
                file.write(f"{began} {time.monotonic()}\n")


def test_calls_at_once_over_processes(tmp_path: Path) -> None:
    jobs = [
        CONTEXT.Process(target=_hold_slots, args=(str(tmp_path), str(tmp_path / f"{n}.log")))
        for n in range(4)
    ]
    for one in jobs:
        one.start()
    for one in jobs:
        one.join(60)
    assert [one.exitcode for one in jobs] == [0] * 4
    spans = [
        tuple(map(float, line.split()))
        for log in tmp_path.glob("*.log")
        for line in log.read_text().splitlines()
    ]
    assert len(spans) == 40
    for begin, _ in spans:
        assert sum(other <= begin < end for other, end in spans) <= 2


def test_calls_a_minute_over_jobs(tmp_path: Path) -> None:
    jobs = [Throttle(tmp_path), Throttle(tmp_path)]
    began = time.monotonic()
    starts = []

    def ask(number: int) -> None:
        with jobs[number % 2].slot("model", Rate(per_minute=1200), time.sleep):
            starts.append(time.monotonic())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(10)))
    assert max(starts) - began >= 9 * 0.05 - 0.01

    for one in jobs:
        one.close()


def test_a_clock_that_is_set_back_stops_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next free moment was written down by a clock that was an hour ahead."""
    true = time.time
    waited: list[float] = []
    throttle, rate = Throttle(tmp_path), Rate(per_minute=600)
    monkeypatch.setattr(time, "time", lambda: true() + 3600)
    with throttle.slot("model", rate, waited.append):
        monkeypatch.setattr(time, "time", true)
    with throttle.slot("model", rate, waited.append):
        pass
    with throttle.slot("model", rate, lambda s: (waited.append(s), time.sleep(s))):
        pass
    assert sum(waited) < 0.2
    assert waited  # the pace holds all the same


def test_the_sweeps_money_is_shared_and_ends_every_job(tmp_path: Path) -> None:
    def job(name: str) -> tuple[object, Scripted]:
        (tmp_path / name).mkdir()
        model = Scripted(cost=0.5)
        throttle = Throttle(tmp_path / "shared", sweep_usd=1.0)
        return gateway(tmp_path / name, model, throttle=throttle), model

    (one, _), (two, model) = job("one"), job("two")
    for entry in (one, two):
        entry.complete("task", REQUEST, "task")  # type: ignore[attr-defined]
    for entry in (one, two):
        with pytest.raises(Fatal, match=r"budget\.sweep_usd.*paid 1 USD, of 1 allowed"):
            entry.complete("task", asking("more"), "task")  # type: ignore[attr-defined]
    assert len(model.asked) == 1


def test_an_unknown_price_cannot_be_capped(tmp_path: Path) -> None:
    entry = gateway(tmp_path, Scripted(cost=None), throttle=Throttle(tmp_path, sweep_usd=1.0))
    with pytest.raises(Fatal, match=r"price is not known"):
        entry.complete("task", REQUEST, "task")
    assert len(entry.ledger.calls()) == 1  # what was paid is written down all the same


def test_without_limits_there_are_no_files(tmp_path: Path) -> None:
    with Throttle(tmp_path / "shared").slot("model", Rate(), time.sleep):
        pass
    assert not (tmp_path / "shared").exists()
