"""What a report needs of the runs that were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd


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
