"""The few figures of a result that a sweep shows while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SIMULATED = "SIMULATED MODEL: a formula answered; this is no finding about any real model"
"""What every view of a simulated result says of it."""


def brief(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a line says of a finished task; thousands of them fit in memory.

    Args:
        result: The content of ``result.json``.

    Returns:
        Names, seed and finish reason; ``objective``, its ``initial`` and ``final`` mean on the test
        slice over ``n`` items, and whether a model was ``simulated``.
    """
    objective = result["objective"]
    scores = result["scores"]
    return {
        **{key: result[key] for key in ("dataset", "optimizer", "model", "seed", "finish_reason")},
        "objective": objective,
        "initial": scores["initial"]["test"][objective],
        "final": scores["final"]["test"][objective],
        "n": result["lift"]["test"][objective]["n"],
        "simulated": bool(result.get("simulated")),
    }
