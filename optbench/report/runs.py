"""What a report needs of the runs that were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd


def ordinary(frame: pd.DataFrame) -> pd.DataFrame:
    """The table without nullable types: numbers are floats with NaN, all else is an object or None."""
    plain = frame.copy()
    for name in plain.columns:
        column = plain[name]
        if column.dtype.kind in "iuf":
            plain[name] = column.astype("float64")
        else:
            values = column.astype("object")
            plain[name] = values.where(values.notna(), None)
    return plain


class Runs(Protocol):
    """The part of what :func:`optbench.results.load` gives that a report reads."""

    @property
    def tasks(self) -> pd.DataFrame:
        """A row a job."""

    @property
    def problems(self) -> pd.DataFrame:
        """What was wrong: ``folder, kind, what, excluded, n``."""

    def texts(self, identity: str) -> Sequence[dict[str, Any]]:
        """All columns of a job's items."""

    def prompts(self, identity: str) -> Mapping[str, Any]:
        """``initial`` and ``final`` candidate of a job."""
