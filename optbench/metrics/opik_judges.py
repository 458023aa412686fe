"""Opik's judges as metrics: their prompts and their reading of verdicts, with the task's judge.

A judge's model is reached as any other of the task's, so its calls are in the ledger, the cache and
the budget under every optimizer. Nothing of it is traced to Opik.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from optbench.errors import OptbenchError
from optbench.metrics.base import Ask, Direction, Score, UnitMetric

if TYPE_CHECKING:  # Opik takes seconds to import
    from optbench.metrics.opik_model import OpikMetric


class _OpikJudge(UnitMetric):
    """What the three share.

    Args:
        target: Column of the right answer; shown only to the judge that says so.
        request: Column of what was asked.
        context: Column of what the answer must rest on: a text, a list of texts, or anything that
            JSON can tell. None where the dataset has none.
    """

    calls = 1
    kind: ClassVar[str]
    """Name of Opik's class."""
    shows_target: ClassVar[bool] = False

    def __init__(self, target: str, request: str = "question", context: str | None = None) -> None:
        super().__init__(target)
        self.request = request
        self.context = context
        self.columns = (target, request) if context is None else (target, request, context)
        self._metric: OpikMetric | None = None

    @property
    def empty_allowed(self) -> bool:
        """A right answer that the judge is not shown may be missing."""
        return not self.shows_target

    def judge_with(self, ask: Ask) -> None:
        """See :class:`optbench.metrics.base.Judged`."""
        from optbench.metrics.opik_model import opened

        self._metric = opened(self.kind, ask)

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """The judge's verdict.

        Raises:
            OptbenchError: When the judge gave no verdict, or was never introduced.
            ModelCallError: When it gave no reply.
        """
        if self._metric is None:
            raise OptbenchError("a judged metric was used without a judge", key="judge_model")
        shown: dict[str, Any] = {"input": str(row[self.request]), "output": output}
        if self.shows_target:
            shown["expected_output"] = str(row[self.target])
        if self.context is not None:
            shown["context"] = _texts(row[self.context])
        return self._metric.score(shown)


class Hallucination(_OpikJudge):
    """1 for a reply that is all invented, 0 for one that is faithful: less is better.

    Faithful to the context where there is one, else to what is generally known.
    """

    direction: Direction = "minimize"
    kind = "Hallucination"


class AnswerRelevance(_OpikJudge):
    """1 for a reply that answers what was asked, 0 for one that is beside it; true or not."""

    kind = "AnswerRelevance"


class ContextPrecision(_OpikJudge):
    """1 for a reply that agrees with the right answer and the context, 0 for one that does not."""

    kind = "ContextPrecision"
    shows_target = True

    def __init__(self, target: str, request: str = "question", context: str = "context") -> None:
        super().__init__(target, request, context)


def _texts(told: Any) -> list[str]:
    """A context as the list of texts that Opik wants."""
    if isinstance(told, str):
        return [told]
    if isinstance(told, (list, tuple)):
        return [one if isinstance(one, str) else _json(one) for one in told]
    return [_json(told)]


def _json(told: Any) -> str:
    return json.dumps(told, ensure_ascii=False, default=str)
