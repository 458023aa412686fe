"""The texts of a saved index, read from the disk one at a time, by several threads at once."""

from __future__ import annotations

import json
import mmap
from array import array
from collections.abc import Mapping
from pathlib import Path


class Corpus:
    """The texts of a ``corpus.jsonl`` as ``bm25s`` writes it, by number.

    Each is cut out of the mapped file by its place. The library's own reader moves one position that
    all threads share, so that they get each other's texts, and where the list of lines is not there it
    writes one beside the corpus, into a folder that may not be ours to write. A list that is there is
    not read either: it may be of another corpus, and to find the lines anew takes seconds.

    Args:
        path: The file.

    Raises:
        OSError: When it cannot be read.
        ValueError: When it is empty, or its first line is no text of a corpus.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists() or path.stat().st_size == 0:
            raise ValueError(f"it has no corpus ('{path.name}')")
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            # As numbers of 8 bytes: millions of Python's own would take four times as much.
            self._starts = array("q")
            at = 0
            for line in file:
                if line.strip():
                    self._starts.append(at)
                at += len(line)
            self._count = len(self._starts)
            self._starts.append(at)
        if self._count == 0:
            raise ValueError(f"it has no corpus ('{path.name}' is empty)")
        self[0]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> str:
        document = json.loads(self._bytes[self._starts[number] : self._starts[number + 1]])
        if isinstance(document, Mapping):
            if "text" not in document:
                raise ValueError(
                    f"text {number} of the corpus has no 'text'; there are "
                    f"{', '.join(sorted(map(str, document)))}"
                )
            return str(document["text"])
        return str(document)
