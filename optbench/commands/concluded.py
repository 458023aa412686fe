"""Tables of conclusions, and of what was read, by the names that ``--table`` takes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from optbench.results.runs import Runs
    from optbench.statistics.conclusions import Conclusions

READ = ("tasks", "items", "trials", "calls")
"""Tables that need no statistics."""
SAID = ("scores", "pairs", "leaderboard")
"""Tables of conclusions."""


def frame_of(name: str, runs: Runs | None, said: Conclusions | None) -> pd.DataFrame:
    """One of them; ``versions`` of tasks as JSON text, so that every format can hold it."""
    frame: pd.DataFrame = getattr(runs if name in READ else said, name)
    if name == "tasks":
        frame = frame.assign(
            versions=[json.dumps(one, sort_keys=True) for one in frame["versions"]]
        )
    return frame


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A row a dict, as JSON has it: what is not known is None."""
    return [{str(key): plain(value) for key, value in row.items()} for row in _rows(frame)]


def plain(value: Any) -> Any:
    """A value as JSON has it; a number that is none is None."""
    if hasattr(value, "item"):  # of numpy
        value = value.item()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value if isinstance(value, bool | int | str) else str(value)


def everything(said: Conclusions) -> dict[str, Any]:
    """All that conclusions say, as JSON has it."""
    return {
        "notes": list(said.notes),
        "alpha": said.alpha,
        **{name: records(getattr(said, name)) for name in ("leaderboard", "scores", "pairs")},
        "friedman": plain(said.friedman),
        "grid": records(said.grid),
    }


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.to_dict("records")
    return rows
