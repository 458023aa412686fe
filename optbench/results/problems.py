"""What was wrong with the files of a set of runs, and what was left out because of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal[
    "truncated",  # a file, or a line of it, that is not whole
    "schema",  # of another schema version, or with columns of another type
    "malformed",  # a value of another type than it must be
    "large",  # more than anybody writes: it is not read
    "link",  # a symbolic link that leaves the folder: it is not followed
    "missing",  # a file of a finished job that is not there
    "nan",  # a score that is no finite number
    "duplicate",  # an identity that another folder has too, or an item twice
    "mismatch",  # two files that contradict each other
    "data",  # one dataset with several slices of the same name
    "identity",  # identities of several versions
    "failed",
    "unfinished",
]


@dataclass(frozen=True)
class Problem:
    """One thing that a reader of the results must know.

    Attributes:
        folder: Of the job; of the sweep where it concerns no single job.
        kind: See :data:`Kind`.
        what: A sentence; names of files and values as they were found, so it is untrusted.
        excluded: Whether something is left out of the tables: the job, a file of it, or its lines.
        n: How many are concerned: jobs, items, lines or values.
    """

    folder: str
    kind: Kind
    what: str
    excluded: bool = False
    n: int = 1


class Problems:
    """A growing list of problems; thread-safe."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self._lock = threading.Lock()

    def add(
        self, folder: str, kind: Kind, what: str, *, excluded: bool = False, n: int = 1
    ) -> None:
        """Takes one in."""
        with self._lock:
            self._found.append(Problem(folder, kind, what, excluded, n))

    def all(self) -> list[Problem]:
        """Those found so far, by folder and kind: threads find them in any order."""
        with self._lock:
            return sorted(self._found, key=lambda one: (one.folder, one.kind, one.what))

    def frame(self) -> pd.DataFrame:
        """The same as a table: ``folder, kind, what, excluded, n``."""
        import pandas as pd

        found = self.all()
        return pd.DataFrame(
            {
                "folder": pd.Series([one.folder for one in found], dtype="str"),
                "kind": pd.Series([one.kind for one in found], dtype="str"),
                "what": pd.Series([one.what for one in found], dtype="str"),
                "excluded": pd.Series([one.excluded for one in found], dtype="bool"),
                "n": pd.Series([one.n for one in found], dtype="int64"),
            }
        )
