"""Small tables in the place of those that NLTK downloads: same files, a few words in them.

They let the real verifiers run offline. Sentences end at full stops, without abbreviations; 'Write'
is a verb and every other word a noun.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILES = {
    "tokenizers/punkt/README": "",
    "tokenizers/punkt_tab/english/abbrev_types.txt": "",
    "tokenizers/punkt_tab/english/collocations.tab": "",
    "tokenizers/punkt_tab/english/sent_starters.txt": "",
    "tokenizers/punkt_tab/english/ortho_context.tab": "",
    "taggers/averaged_perceptron_tagger_eng/averaged_perceptron_tagger_eng.weights.json": "{}",
    "taggers/averaged_perceptron_tagger_eng/averaged_perceptron_tagger_eng.tagdict.json": json.dumps(
        {"Write": "VB"}
    ),
    "taggers/averaged_perceptron_tagger_eng/averaged_perceptron_tagger_eng.classes.json": '["NN"]',
    "corpora/stopwords/english": "the\na\nis\non\n",
}


def write(folder: Path) -> Path:
    """Writes the tables."""
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@contextmanager
def in_place(folder: Path) -> Iterator[None]:
    """The tables alone are what NLTK finds."""
    import nltk

    before = list(nltk.data.path)
    nltk.data.path[:] = [str(write(folder))]
    try:
        yield
    finally:
        nltk.data.path[:] = before
