"""The plain program under test: one prompt, one model call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optbench.agents.protocol import Step
from optbench.prompts import ONLY


class ChatAgent:
    """Asks the task's model with the dataset's prompt."""

    def run(self, step: Step, row: Mapping[str, Any]) -> str:  # noqa: ARG002  step shows the item
        """One reply."""
        return step(ONLY)
