"""SQuAD, ROUGE, Levenshtein and leakage on cases computed by hand."""

from __future__ import annotations

import pytest

from optbench.metrics.levenshtein import Levenshtein
from optbench.metrics.numeric import Numeric
from optbench.metrics.pupa_leakage import PupaLeakage
from optbench.metrics.rouge import Rouge
from optbench.metrics.squad import SquadExactMatch, SquadF1


@pytest.mark.parametrize(
    ("output", "target", "match", "f1"),
    [
        ("The Nova!", "nova", 1, 1),
        ("the red  Nova", "Nova", 0, 2 / 3),  # 1 of 2 tokens, 1 of 1
        ("New York City", "York City of God", 0, 4 / 7),  # 2 of 3, 2 of 4
        ("a a the", "an", 1, 1),  # articles alone: both empty
        ("", "Nova", 0, 0),
        ("nova nova", "nova", 0, 2 / 3),
        ("U.S.", "US", 1, 1),
        ("yes", "Yes.", 1, 1),
        ("yes it is", "yes", 0, 0),  # HotpotQA: yes overlaps with nothing but yes
        ("no", "no one knows", 0, 0),
        ("noanswer", "nova", 0, 0),
        ("Paris", "London", 0, 0),
    ],
)
def test_squad(output: str, target: str, match: float, f1: float) -> None:
    row = {"answer": target}
    assert SquadExactMatch("answer").score(output, row).value == match
    assert SquadF1("answer").score(output, row).value == pytest.approx(f1)


def test_squad_reasons() -> None:
    row = {"answer": "Ann Lee"}
    assert "must hold nothing else" in SquadExactMatch("answer").score("It is Ann Lee", row).reason
    assert "got 'Bob'" in SquadExactMatch("answer").score("Bob", row).reason
    told = SquadF1("answer").score("It is Ann", row).reason
    assert told == "Expected 'Ann Lee', got 'It is Ann': missing 'lee', 2 words too many."


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("rouge1", 2 * (3 / 4) * (3 / 6) / (3 / 4 + 3 / 6)),  # cat, sat, mat of 4 and of 6 words
        ("rouge2", 2 * (1 / 3) * (1 / 5) / (1 / 3 + 1 / 5)),  # cat sat
        ("rougeL", 2 * (3 / 4) * (3 / 6) / (3 / 4 + 3 / 6)),
        ("rougeLsum", 2 * (3 / 4) * (3 / 6) / (3 / 4 + 3 / 6)),
    ],
)
def test_rouge(kind: str, value: float) -> None:
    row = {"highlights": "the cat sat on the mat"}
    assert Rouge("highlights", kind).score("big cat sat mat", row).value == pytest.approx(value)


def test_rouge_lsum_compares_sentences_whatever_their_order() -> None:
    row = {"highlights": "Ann won gold.\nBob lost."}
    assert Rouge("highlights").score("Bob lost. Ann won gold.", row).value == 1
    # As one sequence: 'Ann won gold' is the longest common one, 3 of 5 words on either side.
    assert Rouge("highlights", "rougeL").score("Bob lost. Ann won gold.", row).value == 0.6
    assert (
        "holds 100% of the reference"
        in Rouge("highlights").score("Bob lost. Ann won gold.", row).reason
    )


def test_rouge_knows_its_kinds() -> None:
    with pytest.raises(ValueError, match="'rouge3' is none of rouge1, rouge2, rougeL, rougeLsum"):
        Rouge("highlights", "rouge3")


def test_levenshtein() -> None:
    metric = Levenshtein("answer")
    # kitten to sitting: two substitutions (4 edits), one insertion, of 13 letters.
    assert metric.score("kitten", {"answer": "sitting"}).value == pytest.approx(1 - 5 / 13)
    assert metric.score("abc", {"answer": "abc"}).value == 1
    assert metric.score("abc", {"answer": "xyz"}).value == 0
    assert "62% alike" in metric.score("kitten", {"answer": "sitting"}).reason


SOLUTION = "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\nAltogether 48+24 = 72 clips.\n#### 72"


def test_gsm8k_is_about_the_number_not_the_letters() -> None:
    """The trap of comparing letters: the right answer scores near 0, a wrong look-alike near 1."""
    row = {"answer": SOLUTION}
    look_alike = SOLUTION.replace("48/2", "48/4").replace("24", "12").replace("72", "60")
    assert Numeric("answer").score("72", row).value == 1
    assert Numeric("answer").score(look_alike, row).value == 0
    assert Levenshtein("answer").score("72", row).value < 0.1
    assert Levenshtein("answer").score(look_alike, row).value > 0.85


@pytest.mark.parametrize(
    ("units", "output", "value"),
    [
        ("Ann||Berlin", "ANN lives in Rome.", 1 / 2),
        ("Ann||Berlin", "An annual report on Berliners", 0),
        ("Ann Lee || 12 May", "ann\nlee, born 12  May", 1),
        ("Ann||ann||Bob", "Ann", 1 / 2),
        ("a.b@c.de||+49 30", "mail a.b@c.de", 1 / 2),
        ("Ann|| ||", "Ann", 1),
        ("", "Ann", 0), (None, "Ann", 0), ("||", "Ann", 0), ("Ann", "", 0),
    ],
)  # fmt: skip
def test_leakage(units: str | None, output: str, value: float) -> None:
    assert PupaLeakage("pii_units").score(output, {"pii_units": units}).value == value


def test_leakage_names_what_leaked() -> None:
    metric = PupaLeakage("pii_units")
    score = metric.score("Dear Ann", {"pii_units": "Ann||Berlin"})
    assert metric.direction == "minimize"
    assert score.reason == "1 of 2 personal details are given away: 'Ann'."
