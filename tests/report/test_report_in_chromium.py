"""The report in a real browser: what one clicks, what one sees, and that nothing else goes on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import made_up
import pytest
from chromium import Browser

from optbench.report import page

PHONE = 360
TOO_WIDE = "const e = document.documentElement; return e.scrollWidth > e.clientWidth"
ROWS = "[data-table=jobs] tbody tr"
ITEMS = "#job .table tbody tr"


def scroll_through(browser: Browser) -> None:
    """Brings every chart into view, and waits until it is drawn."""
    for figure in browser.all("figure[data-chart]"):
        browser.js("arguments[0].scrollIntoView()", figure)
        browser.wait("return arguments[0].querySelector('.chart[data-drawn] svg') !== null", figure)


def open_job(browser: Browser, index: int = 0) -> None:
    browser.js("document.querySelector('#job').replaceChildren()")
    browser.click("[data-table=jobs] .open", index)
    browser.wait("return document.querySelector('#job h3') !== null")


def test_every_chart_is_drawn_and_nothing_complains(browser: Browser, study: Path) -> None:
    browser.open(study)
    scroll_through(browser)
    names = {figure.get_attribute("data-chart") for figure in browser.all("figure[data-chart]")}
    assert names == {
        "critical_difference", "heat_map", "forest", "validation_gap", "anytime", "pareto",
        "prompt_growth",
    }  # fmt: skip
    for name in names:
        marks = f"figure[data-chart={name}] svg [role=graphics-symbol]"
        assert len(browser.all(marks)) >= 4, name
    assert "n = 60×3" in browser.text("figure[data-chart=forest] svg")
    open_job(browser)
    assert browser.complaints() == []


def test_head_says_what_ran_and_that_it_was_simulated(browser: Browser, study: Path) -> None:
    browser.open(study)
    assert browser.all(".badge")[0].is_displayed()
    assert browser.text(".badge") == "SIMULATED"
    head = browser.text("dl.facts")
    assert "24: 23 success, 1 failed" in head
    assert "arithmetic, tickets_routing" in head
    assert browser.text(".notes") == "\n3 seeds are few.\n"
    assert browser.text("#provenance .command") == "optbench-results report sweep"


def test_menus_of_a_chart_change_it(browser: Browser, study: Path) -> None:
    browser.open(study)
    scroll_through(browser)
    curves = "figure[data-chart=anytime]"
    assert "Rollouts" in browser.text(f"{curves} svg")
    browser.choose(curves, "Against", "Tokens")
    browser.wait("return document.querySelector(arguments[0]).textContent.includes('Tokens')",
                 f"{curves} svg")  # fmt: skip
    browser.choose(curves, "On", "tickets_routing")
    browser.choose(curves, "Against", "USD")
    browser.wait("return document.querySelector(arguments[0]).textContent.includes('USD')",
                 f"{curves} svg")  # fmt: skip
    assert browser.complaints() == []


def test_tooltips_come_and_go(browser: Browser, study: Path) -> None:
    from selenium.webdriver import ActionChains

    browser.open(study)
    cell = "figure[data-chart=heat_map] svg .mark-rect path"
    browser.wait("return document.querySelector(arguments[0]) !== null", cell)
    element = browser.all(cell)[0]
    browser.js("arguments[0].scrollIntoView({block: 'center'})", element)
    ActionChains(browser.driver).move_to_element(element).perform()
    browser.wait("return document.querySelector('.tip:not([hidden])') !== null")
    assert "Optimizer" in browser.text(".tip")
    assert "Lift" in browser.text(".tip")
    ActionChains(browser.driver).move_to_element(browser.all("h1")[0]).perform()
    browser.wait("return document.querySelector('.tip:not([hidden])') === null")


def test_jobs_are_filtered_searched_and_sorted(browser: Browser, study: Path) -> None:
    browser.open(study)
    assert len(browser.all(ROWS)) == 24
    browser.choose("[data-table=jobs]", "Dataset", "arithmetic")
    browser.choose("[data-table=jobs]", "Optimizer", "few_shot")
    assert len(browser.all(ROWS)) == 3
    assert browser.text("[data-table=jobs] .count") == "3 of 24"
    browser.choose("[data-table=jobs]", "Optimizer", "all")
    browser.all("[data-table=jobs] input")[0].send_keys("PARAMETER")
    browser.wait(f"return document.querySelectorAll('{ROWS}').length === 3")
    browser.js("const s = document.querySelector('[data-table=jobs] input'); s.value = '';"
               "s.dispatchEvent(new Event('input'))")  # fmt: skip
    browser.wait(f"return document.querySelectorAll('{ROWS}').length === 12")
    finals = (
        f"return [...document.querySelectorAll('{ROWS} td:nth-child(7)')].map(c => c.textContent)"
    )
    browser.click("[data-table=jobs] th:nth-child(7) button")
    assert browser.js(finals) == sorted(browser.js(finals), reverse=True)
    browser.click("[data-table=jobs] th:nth-child(7) button")
    assert browser.js(finals) == sorted(browser.js(finals))
    assert browser.complaints() == []


def test_all_figures_of_the_statistics_are_there(browser: Browser, study: Path) -> None:
    browser.open(study)
    browser.choose("[data-table=scores]", "Optimizer", "few_shot")
    rows = browser.all("[data-table=scores] tbody tr")
    assert [row.text.split()[:2] for row in rows] == [
        ["arithmetic", "few_shot"], ["tickets_routing", "few_shot"],
    ]  # fmt: skip
    browser.choose("[data-table=pairs]", "Verdict", "tie")
    rows = browser.all("[data-table=pairs] tbody tr")
    assert rows
    assert all(row.text.endswith("0.400 1.000 <0.001 made up 20 3") for row in rows)


def test_an_unfinished_job_has_its_error_and_no_items(browser: Browser, study: Path) -> None:
    browser.open(study)
    assert "ValueError: it broke" in browser.text("[data-table=failures]")
    browser.choose("[data-table=jobs]", "State", "failed")
    open_job(browser)
    assert "No items are kept" in browser.text("#job")
    assert browser.complaints() == []


def test_items_of_a_job_are_paged_and_open(browser: Browser, study: Path) -> None:
    browser.open(study)
    browser.choose("[data-table=jobs]", "Optimizer", "parameter")
    open_job(browser)
    assert len(browser.all(ITEMS)) == 25
    browser.click("#job .pager button", 2)
    assert "Page 2 of 3" in browser.text("#job .pager")
    browser.click("#job .pager button", 3)
    assert len(browser.all(ITEMS)) == 10
    browser.choose("#job", "Change", "up")
    better = {row.text.split()[3] for row in browser.all(ITEMS)}
    assert better == {"+1.000"}
    browser.click("#job .table .open")
    detail = browser.text("#job td.detail")
    assert "Baseline" in detail
    assert "Score 1.000" in detail
    assert "Equal." in detail
    browser.click("#job .table .open")
    assert not browser.all("#job td.detail")
    assert browser.all("#job .prompts ins")


def test_prompt_diffs_of_the_best_seeds(browser: Browser, study: Path) -> None:
    browser.open(study)
    browser.wait("return document.querySelector('#examples ins') !== null")
    first = browser.text("#examples .prompts")
    options = browser.js(
        "return [...document.querySelectorAll('#examples option')].map(o => o.text)"
    )
    assert len(options) == 6
    browser.choose("#examples", "Prompt of", options[-1])
    browser.wait("return document.querySelector('#examples .prompts').textContent !== arguments[0]",
                 first)  # fmt: skip


def test_theme_follows_the_system_and_the_button(browser: Browser, study: Path) -> None:
    browser.open(study, dark=True)
    paper = "return getComputedStyle(document.body).backgroundColor"
    dark = browser.js(paper)
    drawn = "return document.querySelector('.chart[data-drawn]')?.dataset.drawn === arguments[0]"
    browser.wait(drawn, "dark")
    browser.click("#theme")
    light = browser.js(paper)
    assert (dark, light) == ("rgb(18, 22, 28)", "rgb(255, 255, 255)")
    browser.wait(drawn, "light")
    browser.open(study)
    assert browser.js(paper) == light
    browser.prefer("dark")
    browser.wait(drawn, "dark")
    assert browser.js(paper) == dark
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [PHONE, 768])
def test_nothing_is_wider_than_the_screen(browser: Browser, study: Path, width: int) -> None:
    browser.open(study, width=width, height=740)
    scroll_through(browser)
    open_job(browser)
    browser.click("#job .table .open")
    assert not browser.js(TOO_WIDE)
    for host in browser.all(".chart"):
        browser.wait("return arguments[0].querySelector('svg').getBoundingClientRect().right"
                     " <= arguments[0].getBoundingClientRect().right + 1", host)  # fmt: skip


def test_a_wide_matrix_scrolls_in_its_own_box(browser: Browser, tmp_path: Path) -> None:
    runs = made_up.runs([f"dataset_{n}" for n in range(9)], seeds=1, n_items=3)
    told, lines = made_up.conclusions(runs.tasks), made_up.curves(runs.tasks)
    browser.open(page.write(runs, told, lines, tmp_path / "r.html"), width=PHONE)
    host = "figure[data-chart=heat_map] .chart"
    browser.js("document.querySelector(arguments[0]).scrollIntoView()", host)
    browser.wait("return document.querySelector(arguments[0] + '[data-drawn]') !== null", host)
    wide = "const e = document.querySelector(arguments[0]); return e.scrollWidth - e.clientWidth"
    browser.wait(f"{wide} > 9 * 54 - 260", host)
    assert not browser.js(TOO_WIDE)


def test_charts_follow_the_width(browser: Browser, study: Path) -> None:
    browser.open(study)
    scroll_through(browser)
    before = browser.js("return document.querySelector('.chart svg').clientWidth")
    size = {"width": 500, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.wait(
        "return document.querySelector('.chart svg').clientWidth < arguments[0] - 300", before
    )
    assert not browser.js(TOO_WIDE)


@pytest.mark.slow
def test_a_hundred_thousand_items_stay_fluid(browser: Browser, tmp_path: Path) -> None:
    runs = made_up.runs(("arithmetic",), ("none", "few_shot"), seeds=1, n_items=100_000)
    path = page.write(
        runs, made_up.conclusions(runs.tasks), made_up.curves(runs.tasks), tmp_path / "r.html"
    )
    browser.open(path)
    browser.js("window.spent = {}; window.began = performance.now()")
    open_job(browser, 1)
    opened = browser.js("return performance.now() - window.began")
    assert "100,000 rows" in browser.text("#job .count")
    assert browser.js("return document.querySelectorAll('*').length") < 2_500
    turned = browser.js(
        "const t = performance.now(); document.querySelectorAll('#job .pager button')[3].click();"
        "return performance.now() - t"
    )
    assert "Page 4,000 of 4,000" in browser.text("#job .pager")
    assert len(browser.all(ITEMS)) == 25
    browser.js("window.began = performance.now();"
               "const s = document.querySelector('#job input'); s.value = 'arithmetic-4711';"
               "s.dispatchEvent(new Event('input'))")  # fmt: skip
    browser.wait("return document.querySelector('#job .count').textContent === '11 of 100,000'")
    found = browser.js("return performance.now() - window.began")
    print(json.dumps({"opened_ms": opened, "turned_ms": turned, "found_ms": found}))
    assert turned < 100
    assert opened < 5_000
    assert found < 3_000
    assert browser.complaints() == []


def test_columns_of_the_jobs_are_named_once(browser: Browser, study: Path) -> None:
    browser.open(study)
    titles = Counter(cell.text for cell in browser.all("[data-table=jobs] th"))
    assert set(titles.values()) == {1}
