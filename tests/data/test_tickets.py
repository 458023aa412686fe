"""The embedded dataset is what it says: balanced, disjoint, and no heuristic solves it."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations

import pytest
from support import composed, read_split

from optbench.config.schema import SourceConf, SourceKind
from optbench.data.source import Row

SPLITS = ("train", "validation", "test")
DEPARTMENTS = {"billing", "shipping", "technical", "returns"}
MAX_JACCARD = 0.20
"""Of word trigrams, product names masked: above it two messages would tell the same story."""
MAX_HEURISTIC = 0.45


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    source = SourceConf(
        kind=SourceKind.package, package="optbench.data", path="tickets.jsonl", split_column="split"
    )
    return [row for split in SPLITS for row in read_split(source, split)]


def test_counts_and_balance(rows: list[Row]) -> None:
    assert Counter(row["split"] for row in rows) == dict.fromkeys(SPLITS, 80)
    assert len({row["id"] for row in rows}) == 240
    for split in SPLITS:
        found = Counter(row["department"] for row in rows if row["split"] == split)
        assert found == dict.fromkeys(DEPARTMENTS, 20)


def test_the_product_is_named_among_others(rows: list[Row]) -> None:
    pool = {row["product"] for row in rows}
    for row in rows:
        named = {product for product in pool if product in row["message"]}
        assert row["product"] in named, row["id"]
        assert len(named) > 1, row["id"]


def test_no_position_gives_the_answer_away(rows: list[Row]) -> None:
    pool = {row["product"] for row in rows}
    first = last = 0
    for row in rows:
        at = sorted((row["message"].find(name), name) for name in pool if name in row["message"])
        first += at[0][1] == row["product"]
        last += at[-1][1] == row["product"]
    assert first / len(rows) <= MAX_HEURISTIC
    assert last / len(rows) <= MAX_HEURISTIC


def test_no_two_messages_are_alike(rows: list[Row]) -> None:
    pool = sorted({row["product"] for row in rows}, key=len, reverse=True)
    grams = {row["id"]: _trigrams(row["message"], pool) for row in rows}
    for one, other in combinations(grams, 2):
        shared, either = grams[one] & grams[other], grams[one] | grams[other]
        assert len(shared) / len(either) < MAX_JACCARD, (one, other)


def _trigrams(message: str, pool: list[str]) -> set[tuple[str, ...]]:
    for product in pool:
        message = message.replace(product, "PRODUCT")
    words = re.sub(r"[\W_]+", " ", message.casefold()).split()
    return set(zip(words, words[1:], words[2:], strict=False))


def test_the_config_reads_it() -> None:
    from omegaconf import OmegaConf

    from optbench.data.load import load

    data = load(OmegaConf.to_object(composed()).dataset)  # type: ignore[union-attr]
    assert [len(part) for part in data] == [80, 40, 80]
