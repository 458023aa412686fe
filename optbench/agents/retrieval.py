"""Search for an agent: BM25 over an item's own paragraphs, or over an index on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from optbench.errors import ConfigError, DataError

NOTHING_FOUND = "(nothing found)"
"""What a prompt is shown where no paragraph has a word of the query."""


class Retriever(Protocol):
    """Finds paragraphs for a query; called from several threads at once."""

    def search(self, query: str, row: Mapping[str, Any], k: int) -> list[str]:
        """The ``k`` best paragraphs, the best first; fewer where fewer have a word of the query."""
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


class Index:
    """An index that ``bm25s`` has saved with its corpus: Wikipedia's abstracts, for instance.

    Args:
        folder: What ``bm25s.BM25.save(folder, corpus=texts)`` has written.

    Raises:
        ConfigError: When there is no such index, or it has no corpus.
    """

    def __init__(self, folder: str) -> None:
        import bm25s

        path = Path(folder).expanduser()
        mend = "give the folder that bm25s.BM25.save(folder, corpus=texts) has written"
        if not path.is_dir():
            raise ConfigError(f"no index '{path}'", key="agent.params.index", mend=mend)
        try:
            # Mapped rather than read: an index of Wikipedia is larger than many machines' memory.
            self._index = bm25s.BM25.load(str(path), load_corpus=True, mmap=True)
        except Exception as error:
            raise ConfigError(
                f"cannot read the index '{path}': {error}", key="agent.params.index", mend=mend
            ) from error
        if self._index.corpus is None or len(self._index.corpus) == 0:
            raise ConfigError(
                f"the index '{path}' has no corpus", key="agent.params.index", mend=mend
            )

    def search(self, query: str, row: Mapping[str, Any], k: int) -> list[str]:  # noqa: ARG002
        """See the class of its kind."""
        found, scores = self._index.retrieve(
            _words([query]), k=min(k, len(self._index.corpus)), show_progress=False
        )
        return [
            _text(document)
            for document, score in zip(found[0], scores[0], strict=True)
            if score > 0
        ]


def paragraphs(value: Any, column: str) -> list[str]:
    """The paragraphs of an item as texts, their titles before them.

    Raises:
        DataError: When the value is of neither form.
    """
    if isinstance(value, Mapping) and {"title", "sentences"} <= value.keys():
        return [
            f"{title}: {''.join(sentences)}"
            for title, sentences in zip(value["title"], value["sentences"], strict=True)
        ]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(text) for text in value]
    raise DataError(
        f"column '{column}' holds no paragraphs",
        key="agent.params.passages",
        mend="name a column of texts, or of {title: [...], sentences: [[...], ...]}",
    )


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


def _text(document: Any) -> str:
    return str(document["text"]) if isinstance(document, Mapping) else str(document)
