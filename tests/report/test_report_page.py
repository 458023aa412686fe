"""The page as a file: its policy, what it says without a script, its data, and what bad input does."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import made_up
import numpy as np
import pytest
from attacks import ATTACKS
from hypothesis import given
from hypothesis import strategies as st

from optbench.errors import OptbenchError
from optbench.report import diff, page, tables
from optbench.report.blocks import Blocks, dumps
from optbench.report.drilldown import LIMITS, drilldown
from optbench.report.runs import ordinary
from optbench.report.visible import boxed, plain

pytest.importorskip("vl_convert")


def opened(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def blocks_of(document: str) -> list[Any]:
    found = re.findall(
        r'<script type="application/x-gzip-base64" id="block-\d+">([^<]*)<', document
    )
    return [opened(text) for text in found]


def html_of(runs: made_up.Runs, **more: Any) -> str:
    told = made_up.conclusions(runs.tasks, more.pop("notes", ()))
    given = {"command": "", "title": "t", **more}
    return page.html(runs, told, made_up.curves(runs.tasks), **given)


def test_policy_allows_our_two_scripts_and_our_style_and_nothing_else(study: Path) -> None:
    document = study.read_text(encoding="utf-8")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', document)[1])
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    inside = {
        "script-src": re.findall(r"<script>(.*?)</script>", document, re.S),
        "style-src": re.findall(r"<style>(.*?)</style>", document, re.S),
    }
    assert [len(found) for found in inside.values()] == [2, 1]
    for name, found in inside.items():
        hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in found]
        assert parts.pop(name).split() == [f"'sha256-{one}'" for one in hashes]
    assert parts == {
        "default-src": "'none'", "base-uri": "'none'", "form-action": "'none'",
        "require-trusted-types-for": "'script'", "trusted-types": "default",
    }  # fmt: skip


def test_page_loads_nothing(study: Path) -> None:
    ours = re.sub(r"<script.*?</script>", "", study.read_text(encoding="utf-8"), flags=re.S)
    assert re.findall(r"""(?:src|href|action)=["']?([^"' >]+)""", ours)
    assert {one[0] for one in re.findall(r"""(?:src|href|action)=["']?([^"' >]+)""", ours)} == {"#"}
    assert "url(" not in ours
    assert "style=" not in ours


def test_page_says_the_main_things_without_a_script(study: Path) -> None:
    document = study.read_text(encoding="utf-8")
    static = document[: document.index('<script type="application')]
    for said in (
        "SIMULATED", "3 seeds are few.", "23 success, 1 failed", "optbench-results report sweep",
        "Mean rank", "By rank", "random_few_shot", "trials=3", "1" * 64, "critical difference",
    ):  # fmt: skip
        assert said in static, said


def test_same_results_make_the_same_page() -> None:
    assert html_of(made_up.runs(seeds=1)) == html_of(made_up.runs(seeds=1))


def test_real_model_is_not_called_simulated() -> None:
    assert "SIMULATED" not in html_of(made_up.runs(models=("gpt",), seeds=1))


def test_equal_baselines_are_kept_once() -> None:
    runs = made_up.runs(("arithmetic",), seeds=3)
    found = drilldown(runs, runs.tasks, blocks := Blocks())
    assert len({before for _, before, _ in found.jobs}) == 1
    assert len(blocks.texts) < 3 * len(runs.tasks)


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=8,
))  # fmt: skip
def test_json_can_stand_in_a_page(value: Any) -> None:
    text = dumps(value)
    assert not set(text) & set("<>&\u2028\u2029")
    assert text.isascii()
    back = json.loads(text)
    if "NaN" not in repr(value) and "nan" not in repr(value) and "inf" not in repr(value):
        assert back == value


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_attacks_are_text_in_the_template(attack: str) -> None:
    shown = str(boxed(attack))
    assert not re.search(r"<(?!/?span)", shown)
    assert '"' not in re.sub(r'<span class="odd">', "", shown)
    document = html_of(made_up.runs(("d",), ("none",), seeds=1), notes=[attack], title="t")
    assert "<script>window" not in document
    assert "onerror='" not in document


def test_odd_characters_are_named() -> None:
    assert plain("a\x1bb\u202ec\u200bd\x85") == "a␛b[U+202E]c[U+200B]d[U+0085]"
    assert plain("x" * 500) == "x" * 119 + "…"
    assert str(boxed("<\u202e>")) == '&lt;<span class="odd">U+202E</span>&gt;'
    assert boxed(3) == 3
    assert plain("e\u0301 \U0001f469\u200d\U0001f52c") == "e\u0301 \U0001f469\u200d\U0001f52c"


def test_long_outputs_are_cut_and_their_length_is_kept() -> None:
    runs = made_up.runs(("d",), ("none",), seeds=1, n_items=3, output=lambda _: "long " * 400)
    found = drilldown(runs, runs.tasks, blocks := Blocks())
    part = opened(blocks.texts[found.jobs[0][1]])
    assert [len(text) for text in part["output"]] == [LIMITS[0]] * 3
    assert part["length"] == [2_000] * 3
    assert part["reason_length"] == [0] * 3


def noise(rng: np.random.Generator) -> str:
    return rng.bytes(500).hex()


def test_outputs_are_cut_shorter_where_the_budget_asks_for_it() -> None:
    runs = made_up.runs(("d",), seeds=2, n_items=30, output=noise)
    whole, tight = (drilldown(runs, runs.tasks, Blocks(), budget) for budget in (10**7, 90_000))
    assert (whole.limit, whole.left_out) == (LIMITS[0], 0)
    assert tight.limit in LIMITS[1:]
    none = drilldown(runs, runs.tasks, blocks := Blocks(), 2_000)
    assert none.limit == LIMITS[-1]
    assert 0 < none.left_out < len(runs.tasks)
    assert blocks.size < 12_000
    assert none.jobs[-1] == (None, None, None)


def test_items_are_in_their_natural_order() -> None:
    runs = made_up.runs(("d",), ("none",), seeds=1, n_items=12)
    runs.items[runs.tasks["identity"][0]].reverse()
    found = drilldown(runs, runs.tasks, blocks := Blocks())
    assert opened(blocks.texts[found.jobs[0][1]])["item"] == [f"d-{n}" for n in range(12)]


def test_job_that_cannot_be_read_is_named_and_the_others_stay() -> None:
    runs = made_up.runs(("d",), ("none", "few_shot"), seeds=1)
    del runs.both[runs.tasks["identity"][0]]
    document = html_of(runs)
    assert "Could not be read: 00000000: KeyError" in document
    jobs = blocks_of(document)[-1]["tables"]["jobs"]["blocks"]
    assert jobs[0] == [None, None, None]
    assert None not in jobs[1]


@pytest.mark.parametrize("prompt", [None, 3, [], {"messages": 3}, {"messages": [None, {"role": 1}]},
                                    {"prompts": {"a": None}}, {"prompts": 2}])  # fmt: skip
def test_prompts_of_any_shape_are_shown_or_left_out(prompt: Any) -> None:
    assert isinstance(diff.prompts(prompt, {"messages": [{"role": "r", "content": ["x"]}]}), list)
    runs = made_up.runs(("d",), ("none",), seeds=1)
    runs.both[runs.tasks["identity"][0]] = {"initial": prompt, "final": prompt}
    assert html_of(runs)


@pytest.mark.parametrize(
    ("by_rank", "differ"),
    [((1, 2, 3), False), ((1, 1, 3), False), ((1, 1, 1), False), ((2, 1, 3), True),
     ((1, 3, 2), True)],
)  # fmt: skip
def test_orders_differ_only_where_two_are_opposed(by_rank: tuple[int, ...], differ: bool) -> None:
    runs = made_up.runs(("d",), ("none", "few_shot", "parameter"), seeds=1)
    told = made_up.conclusions(runs.tasks)
    told.leaderboard["place_by_rank"] = by_rank
    document = page.html(runs, told, made_up.curves(runs.tasks), command="", title="t")
    assert ("The two orders differ." in document) is differ


def test_pairs_name_their_test_and_small_p_values_are_below_something() -> None:
    runs = made_up.runs(("d",), seeds=1)
    told = made_up.conclusions(runs.tasks)
    told.friedman["p"] = 1e-7
    document = page.html(runs, told, made_up.curves(runs.tasks), command="", title="t")
    pairs = blocks_of(document)[-1]["tables"]["pairs"]
    at = [column["name"] for column in pairs["columns"]].index("method")
    assert set(pairs["data"][at]) == {"made up"}
    assert "equal ranks: p &lt; 0.001" in document
    assert "Overfitting: lift on validation less lift on test" in document


def test_nothing_finished_still_makes_a_page() -> None:
    runs = made_up.runs(("d",), ("none", "few_shot"), seeds=1)
    told = made_up.conclusions(runs.tasks)
    runs.tasks["state"] = ["failed", "running"]
    empty = type(told)(
        told.grid.head(0), told.scores.head(0), told.pairs.head(0), told.leaderboard.head(0), {}
    )
    document = page.html(runs, empty, made_up.curves(runs.tasks), command="", title="t")
    assert "No finished jobs to compare." in document
    assert blocks_of(document)[-1]["tables"]["failures"]["data"][0] == ["failed", "running"]


def test_unknown_values_are_none_whatever_their_type() -> None:
    frame = made_up.pd.DataFrame(
        {"a": made_up.pd.array([1, None], dtype="Int64"), "b": made_up.pd.array([True, None], "boolean"),
         "c": made_up.pd.array(["x", None], "str"), "d": [1.5, np.nan]}
    )  # fmt: skip
    columns = [tables.Column(name, name) for name in "abcd"]
    made = tables.table(ordinary(frame), columns)
    assert made["data"] == [[1.0, None], [True, None], ["x", None], [1.5, None]]


@given(st.text(max_size=80), st.text(max_size=80))
def test_diff_loses_no_word(before: str, after: str) -> None:
    pieces = diff.words(before, after)
    assert "".join(text for sign, text in pieces if sign != "+") == before
    assert "".join(text for sign, text in pieces if sign != "-") == after


def test_diff_is_by_word_and_by_message() -> None:
    old = {"messages": [{"role": "system", "content": "Solve it."}]}
    new = {"prompts": {"": {"messages": [{"role": "system", "content": "Solve it well."},
                                         {"role": "user", "content": "{q}"}]}}}  # fmt: skip
    first, second = diff.prompts(old, new)
    assert first["pieces"] == [("=", "Solve it"), ("+", " well"), ("=", ".")]
    assert (second["role"], second["pieces"]) == ("user", [("+", "{q}")])
    long = {"messages": [{"role": "system", "content": "word " * 10_000}]}
    assert diff.prompts(long, long)[0]["cut"] == 2 * 30_000


def test_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    runs = made_up.runs(("d",), ("none",), seeds=1)
    told, lines = made_up.conclusions(runs.tasks), made_up.curves(runs.tasks)
    with pytest.raises(OptbenchError, match="cannot be written"):
        page.write(runs, told, lines, tmp_path / "no" / "r.html")
    path = page.write(runs, told, lines, tmp_path / "r.html")
    assert [one.name for one in tmp_path.iterdir()] == ["r.html"]
    assert path.stat().st_size > 500_000


def test_missing_extra_is_said() -> None:
    code = (
        "import sys; sys.modules['vl_convert'] = None\n"
        "from optbench.errors import OptbenchError\n"
        "from optbench.report.pictures import svg\n"
        "try: svg({})\n"
        "except OptbenchError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'optbench[report]'" in done.stdout


def test_importing_the_report_imports_no_heavy_library() -> None:
    code = "import optbench.report.page, sys; print({'pandas', 'jinja2', 'vl_convert'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
