"""Search finds what it is asked for, alike every time, and says what it cannot read."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bm25s
import pytest

from optbench.agents.retrieval import NOTHING_FOUND, Index, OwnParagraphs, joined
from optbench.errors import ConfigError, DataError

ROW = {
    "context": {
        "title": ["Lyon", "Geneva", "Oslo"],
        "sentences": [
            ["Lyon lies on the Rhône.", " It is in France."],
            ["Geneva lies on the Rhône too."],
            ["Oslo is in Norway."],
        ],
    }
}


def test_the_best_paragraph_comes_first_with_its_title() -> None:
    found = OwnParagraphs("context").search("Which city is in France?", ROW, 2)
    assert found[0] == "Lyon: Lyon lies on the Rhône. It is in France."
    assert OwnParagraphs("context").search("Norway", ROW, 3) == ["Oslo: Oslo is in Norway."]


def test_nothing_is_found_where_no_word_is_shared() -> None:
    for query in ("quantum", "the of", "", "?!"):
        assert OwnParagraphs("context").search(query, ROW, 3) == []
    assert joined([]) == NOTHING_FOUND


def test_of_two_that_fit_alike_the_earlier_is_first() -> None:
    row = {"texts": ["blue sky", "red sun", "blue sky"]}
    assert OwnParagraphs("texts").search("blue", row, 1) == ["blue sky"]
    many = {"texts": [f"sky number {n}" for n in range(20)]}
    assert OwnParagraphs("texts").search("sky", many, 3) == many["texts"][:3]


def test_an_empty_list_finds_nothing() -> None:
    assert OwnParagraphs("texts").search("blue", {"texts": []}, 2) == []


@pytest.mark.parametrize(
    "value",
    [
        *("a text", 3, None, b"bytes", {"title": ["x"]}, {"title": "x", "sentences": "y"}),
        *({"title": ["x"], "sentences": []}, {"title": ["x"], "sentences": [[1]]}),
    ],
)
def test_what_holds_no_paragraphs_is_named(value: object) -> None:
    with pytest.raises(DataError, match="'texts' holds no paragraphs"):
        OwnParagraphs("texts").search("blue", {"texts": value}, 2)


def test_an_index_on_disk(tmp_path: Path) -> None:
    corpus = ["Lyon is in France.", "Oslo is in Norway.", "Geneva is in Switzerland."]
    saved = bm25s.BM25()
    saved.index(bm25s.tokenize(corpus, stopwords="en", show_progress=False), show_progress=False)
    saved.save(str(tmp_path / "index"), corpus=corpus)
    index = Index(str(tmp_path / "index"))
    assert index.search("Where in Norway?", {}, 2) == ["Oslo is in Norway."]
    assert index.search("quantum", {}, 2) == []
    assert len(index.search("Lyon Oslo Geneva", {}, 10)) == 3
    saved.save(str(tmp_path / "bare"))
    for folder, said in (("bare", "has no corpus"), ("gone", "no index"), (".", "cannot read")):
        with pytest.raises(ConfigError, match=said) as caught:
            Index(str(tmp_path / folder))
        assert caught.value.key == "agent.params.index"


# The corpus of an index.


def saved(folder: Path, texts: list[Any]) -> Path:
    """An index of these texts."""
    made = bm25s.BM25()
    words = [text if isinstance(text, str) else text["text"] for text in texts]
    made.index(bm25s.tokenize(words, stopwords="en", show_progress=False), show_progress=False)
    made.save(str(folder), corpus=texts, show_progress=False)
    return folder


def test_threads_get_the_texts_that_they_asked_for(tmp_path: Path) -> None:
    """With the library's reader, whose position all threads share, dozens of these are wrong."""
    texts = [f"town{n} " + "x" * (n % 97) for n in range(400)]
    corpus = Index(str(saved(tmp_path / "index", texts)))._corpus
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            wrong = pool.map(
                lambda at: sum(corpus[n] != texts[n] for n in range(at, 400)), [0] * 400
            )
            assert sum(wrong) == 0
    finally:
        sys.setswitchinterval(before)


def test_opening_an_index_leaves_its_folder_and_the_screen_alone(tmp_path: Path) -> None:
    folder = saved(tmp_path / "index", ["Lyon is in France.", "Oslo is in Norway."])
    (folder / "corpus.mmindex.json").unlink()
    there = sorted(file.name for file in folder.iterdir())
    done = subprocess.run(
        [sys.executable, "-c",
         "import logging; logging.basicConfig(level=logging.INFO)\n"
         "from optbench.agents.retrieval import Index\n"
         f"print(Index({str(folder)!r}).search('Norway', {{}}, 1))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "['Oslo is in Norway.']\n"
    assert done.stderr == ""
    assert sorted(file.name for file in folder.iterdir()) == there


def test_a_list_of_lines_that_is_of_another_corpus_does_no_harm(tmp_path: Path) -> None:
    folder = saved(tmp_path / "index", ["Lyon is in France.", "Oslo is in Norway."])
    (folder / "corpus.mmindex.json").write_text("[0, 7]")
    assert Index(str(folder)).search("Norway", {}, 1) == ["Oslo is in Norway."]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": 0, "text": "Lyon"}\n', "is of 2 texts, and its corpus has 1"),
        ("", "has no corpus"),
        ("\n\n", "has no corpus"),
        ('{"title": "Lyon"}\n{"title": "Oslo"}\n', "text 0 of the corpus has no 'text'"),
        ("Lyon\nOslo\n", "cannot read the index"),
    ],
)
def test_a_corpus_that_is_not_the_index_s(tmp_path: Path, content: str, said: str) -> None:
    folder = saved(tmp_path / "index", ["Lyon is in France.", "Oslo is in Norway."])
    (folder / "corpus.jsonl").write_text(content)
    with pytest.raises(ConfigError, match=said) as caught:
        Index(str(folder))
    assert caught.value.key == "agent.params.index"


def test_texts_with_a_title_beside_them_and_empty_lines(tmp_path: Path) -> None:
    texts = [{"title": "L", "text": "Lyon ü"}, {"title": "O", "text": "Oslo\u2028ø"}]
    folder = saved(tmp_path / "index", texts)
    with (folder / "corpus.jsonl").open("a") as file:
        file.write("\n\n")
    assert Index(str(folder)).search("Oslo", {}, 2) == ["Oslo\u2028ø"]
