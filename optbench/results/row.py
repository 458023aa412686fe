"""One job's row of the table of tasks, from its result, its task and its status."""

from __future__ import annotations

from typing import Any

from optbench.config.schema import LIMITS
from optbench.results.read import Document, one_line

TEXTS = (
    "folder", "sweep", "identity", "dataset", "agent", "optimizer", "model", "optimizer_model",
    "judge_model", "budget", "state", "engine", "metric", "direction", "finish_reason",
    "fingerprint_test", "fingerprint_validation", "fingerprint_train", "transferred_from",
    "source_model", "source_dataset", "error",
)  # fmt: skip
WHOLES = (
    "seed", "n_test", "n_validation", "trials", "candidates", "rollouts", "calls", "tokens",
    "optimizer_calls", "initial_words", "final_words", "identity_version", "source_seed",
)  # fmt: skip
NUMBERS = (
    "initial", "final", "initial_validation", "final_validation", "cost_usd", "paid_usd", "seconds",
)  # fmt: skip
FLAGS = ("test_mode", "prompt_changed", "simulated")
COLUMNS = (
    "folder", "sweep", "identity", "dataset", "agent", "optimizer", "model", "optimizer_model",
    "judge_model", "seed", "budget", "test_mode", "state", "engine", "metric", "direction",
    "n_test", "n_validation", "initial", "final", "initial_validation", "final_validation",
    "prompt_changed", "finish_reason", "trials", "candidates", "simulated", "fingerprint_test",
    "fingerprint_validation", "fingerprint_train", "rollouts", "calls", "tokens", "cost_usd",
    "paid_usd", "seconds", "optimizer_calls", "initial_words", "final_words", "transferred_from",
    "source_model", "source_dataset", "source_seed", "error", "versions", "identity_version",
)  # fmt: skip
"""Of the table of tasks, in order."""
ESSENTIAL = ("identity", "dataset", "optimizer", "model", "seed", "metric", "direction")
"""Without these a result cannot be told from others; it is unreadable."""
_MODELS = ("model", "optimizer_model", "judge_model")
_DIRECTIONS = ("maximize", "minimize")
_MAX_VERSIONS = 100

Row = dict[str, Any]


def described(task: Document) -> Row:
    """What ``task.json`` says, or Hydra's own config as ``{"config": ...}``."""
    config = Document(task.at("config"))
    metrics = config.at("dataset", "metrics")
    first = Document(metrics[0] if isinstance(metrics, list) and metrics else None)
    row: Row = {
        "identity": task.text("identity"),
        "identity_version": task.whole("identity_version"),
        **{group: config.text(group, "name") for group in ("dataset", "agent", "optimizer")},
        **{group: config.text(group, "name") for group in _MODELS},
        "seed": config.whole("seed"),
        "test_mode": config.flag("test_mode"),
        "budget": _budget(config, "budget"),
        "engine": config.text("engine", "name"),
        "metric": first.text("name"),
        "simulated": any("errors" in config.mapping(group) for group in _MODELS) or None,
        "versions": _versions(task),
        **_fingerprints(task),
    }
    task.malformed += [f"config.{key}" for key in config.malformed + first.malformed]
    return row


def concluded(result: Document) -> Row:
    """What ``result.json`` says."""
    metric = result.text("objective")
    row: Row = {
        **{name: result.text(name) for name in ("identity", "dataset", "agent", "optimizer")},
        **{name: result.text(name) for name in _MODELS},
        **{name: result.whole(name) for name in ("identity_version", "seed", "rollouts")},
        **{name: result.whole(name) for name in ("trials", "candidates")},
        **{name: result.flag(name) for name in ("test_mode", "prompt_changed", "simulated")},
        "budget": _budget(result, "budget"),
        "metric": metric,
        "direction": _direction(result, metric),
        "n_test": result.whole("items", "test"),
        "n_validation": result.whole("items", "validation"),
        "finish_reason": result.text("finish_reason"),
        "seconds": result.number("timings", "optimise"),
        "versions": _versions(result),
        **_fingerprints(result),
        **_scores(result, metric),
        **_spent(result),
        **_source(result),
    }
    for name in ("initial", "final"):
        row[f"{name}_words"] = _words(result.at("prompts", name))
    if row["rollouts"] is None and row["trials"] == 0:
        row["rollouts"] = 0
    return row


def error_of(status: Document) -> str:
    """Why a job failed, in a line; empty where nothing did."""
    kind, message = status.at("error", "type"), status.at("error", "message")
    if not isinstance(message, str) or not message.strip():
        return one_line(kind, 100) if isinstance(kind, str) else ""
    first = message.strip()[:10_000].splitlines()[0]
    return one_line(f"{kind}: {first}" if isinstance(kind, str) else first)


def _scores(result: Document, metric: str | None) -> Row:
    if metric is None:
        return {}
    places = {"": "test", "_validation": "validation"}
    return {
        f"{when}{suffix}": result.number("scores", when, part, metric)
        for suffix, part in places.items()
        for when in ("initial", "final")
    }


def _direction(result: Document, metric: str | None) -> str | None:
    found = result.text("directions", metric) if metric is not None else None
    if found is not None and found not in _DIRECTIONS:
        result.malformed.append("directions")
        return None
    return found


def _spent(result: Document) -> Row:
    """What the phase optimise used, over all roles; what was paid in it."""
    roles = result.mapping("ledger", "optimise")
    used = [Document(_dict(spent).get("used")) for spent in roles.values()]
    paid = [Document(_dict(spent).get("paid")) for spent in roles.values()]
    row = {
        "calls": sum(one.whole("calls") or 0 for one in used),
        "tokens": sum(
            (one.whole("tokens_in") or 0) + (one.whole("tokens_out") or 0) for one in used
        ),
        "cost_usd": _priced(used),
        "paid_usd": _priced(paid),
        "optimizer_calls": result.whole("ledger", "optimise", "optimizer", "used", "calls") or 0,
    }
    for one in used + paid:
        result.malformed += [f"ledger.optimise.{key}" for key in one.malformed]
        result.not_finite += [f"ledger.optimise.{key}" for key in one.not_finite]
    # Without a ledger nothing is known; without calls, nothing was spent.
    return row if result.mapping("ledger") else dict.fromkeys(row)


def _priced(spent: list[Document]) -> float | None:
    """The known part; None where there were replies and the price of none of them is known."""
    known = [cost for one in spent if (cost := one.number("cost_usd")) is not None]
    replies = sum((one.whole("calls") or 0) - (one.whole("failed") or 0) for one in spent)
    unpriced = sum(one.whole("unpriced_calls") or 0 for one in spent)
    return None if replies and unpriced >= replies else float(sum(known))


def _source(result: Document) -> Row:
    """Where the prompt of a transferred task comes from."""
    from_ = ("optimizer_details", "transfer")
    return {
        "transferred_from": result.text(*from_, "optimizer"),
        "source_model": result.text(*from_, "model"),
        "source_dataset": result.text(*from_, "dataset"),
        "source_seed": result.whole(*from_, "seed"),
    }


def _fingerprints(document: Document) -> Row:
    return {
        f"fingerprint_{part}": document.text("fingerprints", part)
        for part in ("test", "validation", "train")
    }


def _budget(document: Document, key: str) -> str | None:
    """Such as ``trials=10, usd=0.5``: what may be spent, in one order."""
    limits = [(name, document.number(key, name)) for name in LIMITS]
    said = [f"{name}={limit:g}" if limit < 1e6 else f"{name}={limit:.0f}" for name, limit in limits
            if limit is not None]  # fmt: skip
    return ", ".join(said) or None


def _versions(document: Document) -> dict[str, str]:
    found = list(document.mapping("versions").items())[:_MAX_VERSIONS]
    return {one_line(name, 60): one_line(of, 60) for name, of in found if isinstance(of, str)}


def _words(prompt: Any) -> int | None:
    """Words of all messages of a prompt, or of all prompts of a program."""
    parts = _dict(_dict(prompt).get("prompts")) or {"": prompt}
    listed = [_dict(part).get("messages") for part in parts.values()]
    if not any(isinstance(messages, list) for messages in listed):
        return None
    contents = [
        _dict(message).get("content")
        for messages in listed
        if isinstance(messages, list)
        for message in messages
    ]
    return sum(len(content.split()) for content in contents if isinstance(content, str))


def _dict(node: Any) -> dict[str, Any]:
    return node if isinstance(node, dict) else {}
