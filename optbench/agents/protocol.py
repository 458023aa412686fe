"""What a program under test is. A new one is a class like this and a YAML file in ``conf/agent``.

::

    class MyAgent:
        inputs = {"answer": ("notes",)}                      # optional, see Agent.inputs
        def __init__(self, *, k: int) -> None: ...           # agent.params
        def run(self, step: Step, row: Mapping[str, Any]) -> str:
            notes = step("take_notes")                       # a prompt of agent.prompts, by name
            return step("answer", notes=notes)

Every model call of it goes through ``step``: so its seeds, budget, cache and ledger are the task's, and
an optimizer can rewrite each of its prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Step(Protocol):
    """Asks the task's model with one of the program's prompts."""

    def __call__(self, name: str, /, **inputs: str) -> str:
        """The reply.

        Args:
            name: Which prompt.
            inputs: Values of its placeholders, besides the item's columns.

        Raises:
            ModelCallError: When the model gave no reply.
        """
        ...


class Agent(Protocol):
    """A program under test; called from several threads at once.

    A class may also have ``inputs``: for each of its prompts the names that ``run`` gives it besides
    the item's columns, so that preflight can tell a misspelled placeholder. ``columns``: those of the
    item's columns that ``run`` reads itself. And a method ``check(row)``, which raises ``ValueError``
    or an error of optbench for an item that ``run`` could not work with: preflight asks it of every
    item, before anything is paid.
    """

    def run(self, step: Step, row: Mapping[str, Any]) -> str:
        """Runs on one item.

        Args:
            step: The way to the model.
            row: The item.

        Returns:
            The output that the metrics score.
        """
        ...
