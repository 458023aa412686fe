"""The simulated model does what its docstrings say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from optbench.chat import ChatRequest, ModelCallError
from optbench.errors import ConfigError
from optbench.models.simulated import (
    AnswerKey,
    SimulatedModel,
    best_reachable,
    difficulty_of,
    probability,
)
from optbench.models.simulated_prompt import PromptProperties

KEYS = [
    AnswerKey(
        f"Item number {i} is about something",
        f"answer{i}",
        ("left", "right"),
        difficulty_of(str(i)),
    )
    for i in range(300)
]
POOR = "Answer the question."
GOOD = "Read the message and answer with its name. Only the name, nothing else."
BEST = "Read the message carefully and answer with its name. Only the name, nothing else."


def exact_match(system: str, shown: int = 0, *, seed: int = 1) -> float:
    model = SimulatedModel(KEYS, seed=seed)
    right = 0
    for key in KEYS:
        right += model.complete(request(key, system, shown)).text == key.answer
    return right / len(KEYS)


def request(key: AnswerKey, system: str, shown: int = 0, **params: float) -> ChatRequest:
    turns = [
        turn
        for example in KEYS[:shown]
        for turn in (
            {"role": "user", "content": example.text},
            {"role": "assistant", "content": example.answer},
        )
    ]
    messages = [
        {"role": "system", "content": system},
        *turns,
        {"role": "user", "content": key.text},
    ]
    return ChatRequest(messages, **params)  # type: ignore[arg-type]


def test_calibration() -> None:
    assert exact_match(POOR) < 0.2
    assert 0.5 < exact_match(GOOD) < 0.75
    assert exact_match(GOOD) < exact_match(BEST, 6) < 0.95
    assert 0.9 < best_reachable(KEYS) < 1


def test_best_reachable_bounds_every_prompt() -> None:
    best = best_reachable(KEYS)
    for bits in range(16):
        for count in (0, 1, 8, 1000):
            properties = PromptProperties(
                instruction=bool(bits & 1), format_stated=bool(bits & 2), careful=bool(bits & 4),
                verbose=bool(bits & 8), demonstrations=count, relevance=1.0, words=50,
            )  # fmt: skip
            mean = sum(probability(properties, key.difficulty) for key in KEYS) / len(KEYS)
            assert mean <= best + 1e-9


def test_same_seed_same_answers_from_any_thread() -> None:
    model, again = SimulatedModel(KEYS, seed=1), SimulatedModel(KEYS, seed=1)
    asked = [request(key, GOOD) for key in KEYS]
    with ThreadPoolExecutor(8) as pool:
        threaded = [reply.text for reply in pool.map(model.complete, asked)]
    assert threaded == [again.complete(one).text for one in asked]
    assert model.calls == len(KEYS)
    other = SimulatedModel(KEYS, seed=2)
    assert threaded != [other.complete(one).text for one in asked]


@pytest.mark.parametrize("name", ["rate_limit", "timeout", "connection"])
def test_error_rates(name: str) -> None:
    model = SimulatedModel(KEYS, seed=1, errors={name: 0.3})
    failed = 0
    for key in KEYS:
        try:
            model.complete(request(key, GOOD))
        except ModelCallError as error:
            assert error.kind == name
            failed += 1
    assert 0.2 < failed / len(KEYS) < 0.4


def test_malformed_json() -> None:
    schema = {
        "type": "json_schema",
        "json_schema": {
            "name": "x",
            "schema": {"type": "object", "properties": {"style": {"type": "string"}}},
        },
    }
    model = SimulatedModel(KEYS, seed=1, errors={"malformed_json": 1.0})
    text = model.complete(
        ChatRequest([{"role": "user", "content": "?"}], response_format=schema)
    ).text
    assert text.startswith("{")
    assert not text.endswith("}")


def test_unknown_error_names_the_known() -> None:
    with pytest.raises(ConfigError, match="Did you mean timeout"):
        SimulatedModel(KEYS, seed=1, errors={"timeouts": 0.1})


def test_it_says_what_it_is() -> None:
    assert "SIMULATED" in SimulatedModel(KEYS, seed=1).facts()["note"]
