"""Search finds what it is asked for, alike every time, and says what it cannot read."""

from __future__ import annotations

from pathlib import Path

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


@pytest.mark.parametrize("value", ["a text", 3, {"title": ["x"]}])
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
