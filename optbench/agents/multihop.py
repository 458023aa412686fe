"""Programs of several calls that search between them, after those of the GEPA paper.

Agrawal et al. 2025, arXiv 2507.19457, section 4: a question is answered over two searches (HotpotQA),
a claim is checked over three (HoVer). Every prompt of theirs can be improved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optbench.agents.protocol import Step
from optbench.agents.retrieval import Index, OwnParagraphs, Retriever, joined
from optbench.errors import ConfigError


class _Searching:
    """What the programs share: where they search, and how much they read.

    Args:
        k: Paragraphs that a search brings.
        passages: Column of the item's own paragraphs; null where an index is given.
        index: Folder of an index to search instead, see :class:`optbench.agents.retrieval.Index`.

    Raises:
        ConfigError: When ``k`` is below 1, or there is nothing to search in.
    """

    def __init__(self, *, k: int, passages: str | None = None, index: str | None = None) -> None:
        if k < 1:
            raise ConfigError(f"{k} is below 1", key="agent.params.k", mend="choose 1 or more")
        if passages is None and index is None:
            raise ConfigError(
                "there is nothing to search in",
                key="agent.params.index",
                mend="name agent.params.passages, the column of an item's own paragraphs, or "
                "agent.params.index, the folder of a saved index",
            )
        self._k = k
        self._retriever: Retriever = Index(index) if index else OwnParagraphs(str(passages))
        self.columns = () if index else (str(passages),)

    def check(self, row: Mapping[str, Any]) -> None:
        """See ``Agent``.

        Raises:
            DataError: When the item holds nothing to search in.
        """
        self._retriever.check(row)

    def _search(self, query: str, row: Mapping[str, Any]) -> str:
        return joined(self._retriever.search(query, row, self._k))


class HotpotMultihop(_Searching):
    """Answers a question: query, read, query again, read, answer."""

    inputs: Mapping[str, tuple[str, ...]] = {
        "create_query_1": (),
        "summarize_1": ("passages",),
        "create_query_2": ("summary_1",),
        "summarize_2": ("summary_1", "passages"),
        "final_answer": ("summary_1", "summary_2"),
    }

    def run(self, step: Step, row: Mapping[str, Any]) -> str:
        """Five calls and two searches."""
        first = self._search(step("create_query_1"), row)
        summary = step("summarize_1", passages=first)
        second = self._search(step("create_query_2", summary_1=summary), row)
        more = step("summarize_2", summary_1=summary, passages=second)
        return step("final_answer", summary_1=summary, summary_2=more)


class HoverMultihop(_Searching):
    """Checks a claim: search for it, then twice for what is still missing, then the verdict."""

    inputs: Mapping[str, tuple[str, ...]] = {
        "summarize_1": ("passages",),
        "create_query_2": ("summary_1",),
        "summarize_2": ("summary_1", "passages"),
        "create_query_3": ("summary_1", "summary_2"),
        "verdict": ("summary_1", "summary_2", "passages"),
    }

    def __init__(
        self, *, k: int, claim: str, passages: str | None = None, index: str | None = None
    ) -> None:
        super().__init__(k=k, passages=passages, index=index)
        self._claim = claim
        self.columns = (*self.columns, claim)

    def run(self, step: Step, row: Mapping[str, Any]) -> str:
        """Five calls and three searches; the first is for the claim itself."""
        first = self._search(str(row[self._claim]), row)
        summary = step("summarize_1", passages=first)
        second = self._search(step("create_query_2", summary_1=summary), row)
        more = step("summarize_2", summary_1=summary, passages=second)
        third = self._search(step("create_query_3", summary_1=summary, summary_2=more), row)
        return step("verdict", summary_1=summary, summary_2=more, passages=third)
