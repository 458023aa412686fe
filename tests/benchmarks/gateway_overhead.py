"""What the gateway adds to a call: the bare simulated model and the same through it, in one run.

    python tests/benchmarks/gateway_overhead.py

Median over 5,000 calls at no latency, every one a new question (so each is paid, written into the
ledger and into the cache), and throughput at 100 ms with 32 threads against the ideal of 320 calls a
second. Aims: at most 1 ms a call, at least 0.95 of the ideal.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from optbench.chat import ChatRequest
from optbench.config.schema import CacheMode
from optbench.models.cache import SharedCache
from optbench.models.gateway import Gateway, Route
from optbench.models.ledger import Ledger
from optbench.models.retry import RetryPolicy
from optbench.models.simulated import AnswerKey, SimulatedModel

CALLS = 5000
THREADS, LATENCY_S, LATENT_CALLS = 32, 0.1, 3200
KEYS = [AnswerKey(f"question {number}", "yes", ("no",), 0.5) for number in range(CALLS)]
SYSTEM = {"role": "system", "content": "Answer the question with yes or no. " * 20}


def model(latency_s: float) -> SimulatedModel:
    """The simulated model, which knows every question."""
    return SimulatedModel(KEYS, seed=1, latency_s=latency_s, prompts={"prompt": [SYSTEM]})


def request(number: int) -> ChatRequest:
    """One of the questions under a system message of usual length."""
    asked = {"role": "user", "content": KEYS[number].text}
    return ChatRequest([SYSTEM, asked], temperature=0.0, max_tokens=16)


def gateway(folder: Path, latency_s: float, *, cached: bool) -> Gateway:
    """As a task has it."""
    folder.mkdir()
    route = Route("simulated", "0" * 64, model(latency_s), RetryPolicy(5, 300.0), {})
    cache = SharedCache(folder / "cache.sqlite", CacheMode.readwrite) if cached else None
    return Gateway({"task": route}, Ledger(folder / "calls.sqlite"), seed=1, cache=cache)


def median_ms(call: Callable[[int], object]) -> float:
    """Median over all questions, in ms."""
    taken = []
    for number in range(CALLS):
        began = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


def per_second(call: Callable[[int], object]) -> float:
    """Calls a second over all threads."""
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(call, range(LATENT_CALLS)))
    return LATENT_CALLS / (time.perf_counter() - began)


def main() -> None:
    """Prints medians and shares."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        bare = model(0.0)
        base = median_ms(lambda number: bare.complete(request(number)))
        print(f"bare model: {base:.3f} ms a call (median of {CALLS})")
        for cached in (False, True):
            entry = gateway(folder / f"quick-{cached}", 0.0, cached=cached)
            through = median_ms(asks(entry))
            name = "ledger and cache" if cached else "ledger"
            print(
                f"gateway with {name}: {through:.3f} ms, {through - base:+.3f} ms (aim: at most 1)"
            )
        again = gateway_again(folder / "quick-True")
        recalled = median_ms(asks(again))
        print(f"recalled after a restart: {recalled:.3f} ms")
        ideal = THREADS / LATENCY_S
        slow = model(LATENCY_S)
        plain = per_second(lambda number: slow.complete(request(number)))
        print(f"ideal at 100 ms with {THREADS} threads: {ideal:.0f} a second; bare model: "
              f"{plain / ideal:.3f} of it")  # fmt: skip
        for cached in (False, True):
            entry = gateway(folder / f"slow-{cached}", LATENCY_S, cached=cached)
            rate = per_second(asks(entry))
            name = "ledger and cache" if cached else "ledger"
            print(f"gateway with {name}: {rate / ideal:.3f} of it (aim: at least 0.95)")


def asks(entry: Gateway) -> Callable[[int], object]:
    """Asks a question through a gateway."""
    return lambda number: entry.complete("task", request(number), "task")


def gateway_again(folder: Path) -> Gateway:
    """A second start of a task in its folder."""
    route = Route("simulated", "0" * 64, model(0.0), RetryPolicy(5, 300.0), {})
    return Gateway({"task": route}, Ledger(folder / "calls.sqlite"), seed=1)


if __name__ == "__main__":
    main()
