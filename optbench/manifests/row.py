"""One task of a manifest while it is translated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from optbench.manifests.read import Problem
from optbench.manifests.tasks import Field


@dataclass
class Row:
    """What is known of a task so far.

    Attributes:
        values: By the keys of overrides.
        own_seed: The optimizer's own seed, which comes before the manifest's.
        notes: Where a meaning differs from the reference's.
        problems: What nothing here answers to.
    """

    values: dict[str, Any] = field(default_factory=dict)
    own_seed: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Says a difference."""
        self.notes.append(text)

    def problem(self, where: Field, what: str) -> None:
        """Says what cannot be translated."""
        self.problems.append(Problem(where.path, what))
