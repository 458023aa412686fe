"""litellm's price map, read without importing litellm, which takes seconds that a plan need not wait."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FILE = "model_prices_and_context_window_backup.json"
"""The map that litellm 1.105 ships, and uses where LITELLM_LOCAL_MODEL_COST_MAP is set."""

PLAIN = frozenset({"openai", "anthropic", "gemini", "openrouter", "groq", "mistral", "deepseek"})
"""Providers whose models the map lists one by one; of others litellm reckons some prices itself."""


def listed_price(model: str) -> tuple[float, float] | None:
    """USD per token in and out; None for a model that is not known.

    Args:
        model: litellm's name.
    """
    provider, slash, rest = model.partition("/")
    if slash and provider in PLAIN and "litellm" not in sys.modules:
        # As litellm does: the whole name first, then that within the provider.
        found = _entry(model, provider) or _entry(rest, provider)
        prices = (
            (found or {}).get("input_cost_per_token"),
            (found or {}).get("output_cost_per_token"),
        )
        if found is None and _map():
            return None
        if prices[0] is not None and prices[1] is not None:
            return float(prices[0]), float(prices[1])
    from optbench.models import remote

    return remote.listed_price(model)


def _entry(name: str, provider: str) -> Mapping[str, Any] | None:
    found = _map().get(name)
    own = isinstance(found, dict) and found.get("litellm_provider") == provider
    return found if own else None


@cache
def _map() -> dict[str, Any]:
    """Empty where litellm keeps its map elsewhere: it is asked then."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    try:
        read: dict[str, Any] = json.loads((Path(spec.origin).parent / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return read
