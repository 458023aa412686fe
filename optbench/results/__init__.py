"""What a task leaves behind, and what is read from it: ``load(sweep, ...)`` gives tidy tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optbench.results.runs import Runs, load

__all__ = ["Runs", "load"]


def __getattr__(name: str) -> Any:
    """Reads results when that is asked for: jobs import this package for its file names alone."""
    if name in __all__:
        from optbench.results import runs

        return getattr(runs, name)
    raise AttributeError(f"module 'optbench.results' has no attribute '{name}'")
