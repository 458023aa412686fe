"""Numbers and names as a person reads them."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from optbench.commands import text


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (text.number(0.12345), "0.123"), (text.number(3.14159), "3.14"),
        (text.number(31.4159), "31.4"), (text.number(31415.9), "31,416"),
        (text.number(-0.0001), "0.000"), (text.number(-0.5), "-0.500"), (text.number(1.5, 1), "1.5"),
        (text.signed(0.25), "+0.250"), (text.signed(-0.25), "-0.250"),
        (text.between(0.1, 0.2), "[0.100, 0.200]"),
        (text.between(-0.1, 0.2, sign=True), "[-0.100, +0.200]"), (text.between(0.1, math.nan), "-"),
        (text.chance(0.0005), "<0.001"), (text.chance(0.001), "0.001"), (text.chance(0.9995), ">0.999"),
        (text.chance(1.0), "1.000"), (text.better(1.0), ">0.999"), (text.better(0.5), "0.500"),
        (text.count(1234.4), "1,234"), (text.usd(0), "$0"), (text.usd(1234.5), "$1,234.50"),
        (text.usd(0.01234), "$0.012"), (text.usd(1e-12), "$0.00000000"),
        (text.seconds(59.94), "59.9 s"), (text.seconds(61), "1 min 01 s"),
        (text.seconds(3600), "1 h 00 min"), (text.seconds(3599.6), "1 h 00 min"),
        (text.seconds(7265), "2 h 01 min"),
        (text.word(" a\n b "), "a b"), (text.word(""), "-"), (text.word("x" * 300, 5), "xxxx…"),
        (text.visible("abcdef", 4), "abc…"), (text.visible("abcd", 4), "abcd"),
    ],
)  # fmt: skip
def test_as_a_person_reads_it(said: str, wanted: str) -> None:
    assert said == wanted


@pytest.mark.parametrize("nothing", [None, math.nan, pd.NA, pd.NaT])
def test_what_is_not_there_is_a_dash_everywhere(nothing: Any) -> None:
    for say in (text.number, text.chance, text.better, text.count, text.usd, text.seconds):
        assert say(nothing) == "-"
    assert text.word(None) == text.word(math.nan) == "-"
    assert text.between(nothing, 1.0) == text.between(1.0, nothing) == "-"


@pytest.mark.parametrize(
    ("largest", "places"), [(1.99, 3), (2, 2), (9.99, 2), (10, 1), (999, 1), (1000, 0)]
)
def test_numbers_below_each_other_have_the_decimals_of_the_largest(
    largest: float, places: int
) -> None:
    assert text.decimals(0.1, -largest, None) == places
    assert text.decimals() == 3
