"""Outputs and names that try to run, to hide or to break out, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import made_up
import pytest
from attacks import ATTACKS, NAMES
from chromium import Browser

from optbench.report import page
from optbench.report.visible import plain

NEVER = (
    "script, style, img, iframe, object, embed, link, base, form:not(.vega-bindings),"
    "a[href^=javascript], [onerror], [onload], [onfocus], [onmouseover], [srcdoc]"
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study in which all that a folder may say is an attack."""
    attacks: Iterator[str] = iter(())

    def output(_: Any) -> str:
        nonlocal attacks
        found = next(attacks, None)
        if found is None:
            attacks = iter(ATTACKS)
            found = next(attacks)
        return found

    runs = made_up.runs(NAMES[:2], NAMES, (NAMES[0], "m"), 2, len(ATTACKS), output=output, failed=1)
    for rows in runs.items.values():
        for row in rows:
            row["reason.exact"] = row["output"]
    for number, both in enumerate(runs.both.values()):
        text = ATTACKS[number % len(ATTACKS)]
        both["final"] = {"prompts": {text: {"messages": [{"role": text, "content": text}]}}}
    tasks = runs.tasks
    tasks.loc[tasks["state"] == "failed", "error"] = ATTACKS[1]
    tasks["versions"] = [
        {attack: attack} for attack, _ in zip(ATTACKS * 9, tasks.index, strict=False)
    ]
    tasks["folder"] = tasks["budget"] = tasks["engine"] = tasks["fingerprint_test"] = NAMES[1]
    problem = {"folder": NAMES[0], "kind": NAMES[1], "what": ATTACKS[3], "excluded": True, "n": 1}
    runs.problems = made_up.pd.DataFrame([problem])
    told = made_up.conclusions(tasks, list(ATTACKS))
    told.pairs["note"] = ATTACKS[0]
    told.leaderboard["group"] = ATTACKS[3]
    path = tmp_path_factory.mktemp("hostile") / "report.html"
    return page.write(runs, told, made_up.curves(tasks), path, command=ATTACKS[1], title=ATTACKS[0])


def foreign(browser: Browser) -> list[str]:
    """Elements in the body of the page that we never make."""
    found = (
        "return [...document.querySelectorAll(arguments[0])].map(e => e.outerHTML.slice(0, 200))"
    )
    return list(browser.js(found, f"main :is({NEVER})"))


def nothing_ran(browser: Browser) -> None:
    assert browser.js("return window.owned === undefined")
    assert browser.complaints() == []


def test_nothing_of_a_result_runs(browser: Browser, hostile: Path) -> None:
    browser.open(hostile, height=4000)
    for figure in browser.all("figure[data-chart]"):
        browser.js("arguments[0].scrollIntoView()", figure)
        browser.wait("return arguments[0].querySelector('.chart[data-drawn] svg') !== null", figure)
    assert foreign(browser) == []
    ours = browser.js("return [...document.scripts].map(s => s.type)")
    assert ours.count("") == 2
    assert set(ours) == {"", "application/x-gzip-base64"}
    assert browser.driver.title == ATTACKS[0]
    assert browser.text("#provenance .command") == ATTACKS[1]
    nothing_ran(browser)


def test_every_output_is_shown_as_it_is(browser: Browser, hostile: Path) -> None:
    browser.open(hostile)
    browser.click("[data-table=jobs] .open", 3)
    browser.wait("return document.querySelector('#job .table .open') !== null")
    for index, attack in enumerate(ATTACKS):
        browser.click("#job .table .open", index)
        shown = browser.js(
            "return [...document.querySelectorAll('#job .side .output')].map(e => e.textContent)"
        )
        expected = browser.js(
            "return put(make('div'), JSON.parse(arguments[0])).textContent",
            json.dumps(attack[:600]),
        )
        assert shown == [expected] * 4
        if len(attack) > 600:
            assert "Cut: the first 600 of" in browser.text("#job td.detail")
        browser.click("#job .table .open", index)
    assert foreign(browser) == []
    nothing_ran(browser)


def test_hidden_characters_are_named_alike_in_both_languages(
    browser: Browser, hostile: Path
) -> None:
    browser.open(hostile)
    odd = "\x00\x07\x1b\x7f\x85\xad\u061c\u200b\u200e\u2028\u202e\u2066\u206f\ufeff\ufff9\U000e0041"
    for character in odd:
        assert browser.js("return visible(arguments[0])", character) in (
            plain(character),
            f"[{plain(character)}]",  # pictures of controls stand without brackets in charts
        )
    kept = "e\u0301 \U0001f469\u200d\U0001f52c ﷽ 中 \t"
    assert browser.js("return visible(arguments[0])", kept) == kept


@pytest.mark.parametrize(
    "inserted", ["<script>window.owned = 1</script>", "<img src=x onerror=owned=1>"]
)
def test_the_policy_stops_what_gets_into_the_file(
    browser: Browser, study: Path, tmp_path: Path, inserted: str
) -> None:
    changed = tmp_path / "changed.html"
    document = study.read_text(encoding="utf-8")
    changed.write_text(document.replace("</main>", f"{inserted}</main>"), encoding="utf-8")
    browser.open(changed)
    assert browser.js("return window.owned === undefined")
    assert any("Content Security Policy" in said for said in browser.complaints())


def test_no_text_becomes_html_even_by_our_script(browser: Browser, study: Path) -> None:
    browser.open(study)
    said = browser.js(
        "try { document.body.innerHTML = '<b>x</b>'; return 'done' } catch (e) { return e.name }"
    )
    assert said == "TypeError"
    browser.complaints()  # this one was ours


def test_nothing_is_fetched(browser: Browser, hostile: Path) -> None:
    browser.open(hostile)
    fetched = browser.js("return performance.getEntriesByType('resource').map(e => e.name)")
    assert fetched == []
