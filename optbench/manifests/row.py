"""One task of a manifest while it is translated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from optbench.manifests.read import Problem
from optbench.manifests.tasks import Field

TRUST = "hydra.sweeper.trust_manifest=true"
"""What a launch says of a manifest that may do what a command line may."""


@dataclass
class Row:
    """What is known of a task so far.

    Attributes:
        values: By the keys of overrides.
        trusted: Whether the manifest may name code and servers.
        own_seed: The optimizer's own seed, which comes before the manifest's.
        notes: Where a meaning differs from the reference's.
        problems: What nothing here answers to.
    """

    trusted: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    own_seed: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Says a difference."""
        self.notes.append(text)

    def untrusted(self, where: Field, what: str) -> None:
        """Refuses what a manifest may not say by itself: it may come from anywhere."""
        if not self.trusted:
            self.problem(where, f"{what}; if you trust this manifest, add {TRUST}")

    def problem(self, where: Field, what: str) -> None:
        """Says what cannot be translated."""
        self.problems.append(Problem(where.path, what))
