"""Search for an agent: BM25 over an item's own paragraphs, or over an index on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from optbench.agents.corpus import Corpus
from optbench.errors import ConfigError, DataError

NOTHING_FOUND = "(nothing found)"
"""What a prompt is shown where no paragraph has a word of the query."""


class Retriever(Protocol):
    """Finds paragraphs for a query; called from several threads at once."""

    def search(self, query: str, row: Mapping[str, Any], k: int) -> list[str]:
        """The ``k`` best paragraphs, the best first; fewer where fewer have a word of the query."""
        ...

    def check(self, row: Mapping[str, Any]) -> None:
        """Whether an item can be searched for.

        Raises:
            DataError: When it cannot.
        """
        ...


class OwnParagraphs:
    """The paragraphs that an item brings along, as HotpotQA's ``context`` does.

    Args:
        column: Of a mapping with ``title`` and ``sentences``, or of a list of texts.
    """

    def __init__(self, column: str) -> None:
        self.column = column

    def search(self, query: str, row: Mapping[str, Any], k: int) -> list[str]:
        """See the class of its kind.

        Raises:
            DataError: When the column holds no paragraphs.
        """
        found = paragraphs(row[self.column], self.column)
        return [found[index] for index in _best(found, query, k)]

    def check(self, row: Mapping[str, Any]) -> None:
        """See the class of its kind."""
        paragraphs(row[self.column], self.column)


class Index:
    """An index that ``bm25s`` has saved with its corpus: Wikipedia's abstracts, for instance.

    Args:
        folder: What ``bm25s.BM25.save(folder, corpus=texts)`` has written; nothing is written there.

    Raises:
        ConfigError: When there is no such index, or its corpus is missing or another one's.
    """

    def __init__(self, folder: str) -> None:
        import bm25s

        path = Path(folder).expanduser()
        mend = "give the folder that bm25s.BM25.save(folder, corpus=texts) has written"
        if not path.is_dir():
            raise ConfigError(f"no index '{path}'", key="agent.params.index", mend=mend)
        try:
            # Mapped rather than read: an index of Wikipedia is larger than many machines' memory.
            self._index = bm25s.BM25.load(str(path), mmap=True)
            self._corpus = Corpus(path / "corpus.jsonl")
            indexed = int(self._index.scores["num_docs"])
        except Exception as error:
            raise ConfigError(
                f"cannot read the index '{path}': {error}", key="agent.params.index", mend=mend
            ) from error
        if len(self._corpus) != indexed:
            raise ConfigError(
                f"the index '{path}' is of {indexed} texts, and its corpus has {len(self._corpus)}",
                key="agent.params.index",
                mend=mend,
            )

    def search(self, query: str, row: Mapping[str, Any], k: int) -> list[str]:  # noqa: ARG002
        """See the class of its kind."""
        found, scores = self._index.retrieve(
            _words([query]), k=min(k, len(self._corpus)), show_progress=False
        )
        return [
            self._corpus[int(number)]
            for number, score in zip(found[0], scores[0], strict=True)
            if score > 0
        ]

    def check(self, row: Mapping[str, Any]) -> None:
        """Every item can be: what is searched is not its own."""


def paragraphs(value: Any, column: str) -> list[str]:
    """The paragraphs of an item as texts, their titles before them.

    Raises:
        DataError: When the value is of neither form.
    """
    if isinstance(value, Mapping) and {"title", "sentences"} <= value.keys():
        titles, texts = value["title"], value["sentences"]
        if _lists(titles, texts) and len(titles) == len(texts) and all(map(_of_texts, texts)):
            return [f"{title}: {''.join(said)}" for title, said in zip(titles, texts, strict=True)]
    elif _lists(value):
        return [str(text) for text in value]
    raise DataError(
        f"column '{column}' holds no paragraphs",
        key="agent.params.passages",
        mend="name a column of texts, or of {title: [...], sentences: [[...], ...]}",
    )


def _lists(*values: Any) -> bool:
    return all(isinstance(one, Sequence) and not isinstance(one, str | bytes) for one in values)


def _of_texts(value: Any) -> bool:
    return isinstance(value, str) or (_lists(value) and all(isinstance(one, str) for one in value))


def joined(found: Sequence[str]) -> str:
    """Paragraphs as a prompt shows them."""
    return "\n\n".join(found) or NOTHING_FOUND


def _best(texts: Sequence[str], query: str, k: int) -> list[int]:
    """Which texts fit best; the earlier of two that fit alike, so that equal runs are equal."""
    import bm25s

    words = _words([*texts, query], ids=False)
    if not any(words[:-1]) or not words[-1]:
        return []
    index = bm25s.BM25()
    index.index(words[:-1], show_progress=False)
    scores = index.get_scores(words[-1])
    order = sorted(range(len(texts)), key=lambda at: (-scores[at], at))
    return [at for at in order if scores[at] > 0][:k]


def _words(texts: Sequence[str], *, ids: bool = True) -> Any:
    import bm25s

    return bm25s.tokenize(list(texts), stopwords="en", return_ids=ids, show_progress=False)
