"""Tables as files, that hold nothing a spreadsheet, LaTeX or Markdown would run."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from commands.conftest import FAIR, POOR, Run, fail, sweep
from results.job_files import make

from optbench.commands.formats import harmless
from optbench.commands.launched import command
from optbench.commands.tables import Column, Table, latex, markdown, text

HOSTILE = '=HYPERLINK("x")'
TEX = r"\input{/etc/passwd}$&%#_{}~^<|"


@pytest.mark.parametrize(
    "table", ["tasks", "items", "trials", "calls", "scores", "pairs", "leaderboard"]
)
def test_each_table_in_each_format_has_the_same_rows(run: Run, table: str) -> None:
    sweep(Path("multirun/s"), seeds=(1, 2))
    for form in ("csv", "parquet", "json"):
        done = run("export", "s", "--format", form, "--table", table, "-o", f"t.{form}")
        assert done.code == 0, done.err
    of_csv, of_parquet = pd.read_csv("t.csv"), pd.read_parquet("t.parquet")
    of_json = json.loads(Path("t.json").read_text())
    assert len(of_csv) == len(of_parquet) == len(of_json) > 0
    assert list(of_csv.columns) == list(of_parquet.columns) == list(of_json[0])
    assert run("export", "s", "--format", "csv", "--table", table).out == Path("t.csv").read_text()


def test_cells_that_would_be_formulas_are_not(run: Run) -> None:
    folder = sweep(Path("multirun/s"), seeds=(1,))
    make(folder / "h", before=POOR, after=FAIR, optimizer=HOSTILE)
    for table in ("tasks", "scores", "pairs", "leaderboard", "items"):
        out = run("export", "s", "--format", "csv", "--table", table).out
        cells = [cell for row in csv.reader(io.StringIO(out)) for cell in row]
        assert f"'{HOSTILE}" in cells
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"), ("+1", "+1"), ("-0.5e-3", "-0.5e-3"), ("-", "'-"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"), ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"), ("gepa", "gepa"),
        (1.5, 1.5), (None, None), ("", ""),
    ],
)  # fmt: skip
def test_a_number_stays_what_it_is(cell: object, safe: object) -> None:
    assert harmless(cell) == safe


def test_latex_has_rules_and_runs_nothing(tmp_path: Path) -> None:
    said = latex(
        Table(TEX, [text(TEX), Column("score")], [[TEX, "-0.5"], ["a\nb[1]", "+1"]], [TEX])
    )
    assert r"\toprule" in said
    assert r"\bottomrule" in said
    assert "$-0.5$" in said
    assert r"\input" not in said
    assert r"\textbackslash{}input\{/etc/passwd\}\$\&\%\#\_\{\}" in said
    if shutil.which("pdflatex"):
        head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
        (tmp_path / "t.tex").write_text(head + said + "\\end{document}")
        subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True)


def test_markdown_holds_neither_html_nor_links_nor_other_columns() -> None:
    said = markdown(Table("", [text("a"), Column("b")], [["<b>|[x](http://y)`\n", "0.5"]]))
    assert said.splitlines()[-1] == r"| \<b\>\|\[x\](http://y)\` | 0.5 |"


def test_people_read_the_same_numbers_as_on_the_screen(run: Run) -> None:
    sweep(Path("multirun/s"))
    said = run("export", "s", "--format", "md", "--table", "leaderboard").out
    assert "| 1 | good | 1.00 |" in said
    assert "SIMULATED" in said
    said = run("export", "s", "--format", "latex").out
    assert "good & 0.750 &" in said
    assert "SIMULATED" in said


@pytest.mark.parametrize("form", ["csv", "parquet", "json", "md", "latex"])
def test_what_must_be_known_stands_beside_every_format(run: Run, form: str) -> None:
    folder = sweep(Path("multirun/s"))
    fail(folder / "bad", {"type": "E", "message": "no"})
    (folder / "tickets/good/s1/items.parquet").write_bytes(b"no parquet")
    words = ("export", "s", "--incomplete", "--format", form, "-o", f"t.{form}")
    for table in ("scores", "items"):
        done = run(*words, "--table", table)
        assert done.code == 0, done.err
        assert done.out == ""
        assert "! SIMULATED MODEL" in done.err
        assert "1 of 10 jobs have no result" in done.err
        assert "1 problem while reading left something out, such as: items.parquet" in done.err


def test_a_table_of_which_nothing_could_be_read_is_refused(run: Run) -> None:
    folder = sweep(Path("multirun/s"), seeds=(1,))
    for job in folder.rglob("result.json"):
        (job.parent / "items.parquet").write_bytes(b"no parquet")
        (job.parent / "trials.jsonl").write_text("")
    for words in (("items",), ("scores", "--incomplete")):
        done = run("export", "s", "--format", "csv", "-o", "t.csv", "--table", *words)
        assert done.code == 1
        assert "items.parquet" in done.err
        assert not Path("t.csv").exists()
    assert run("export", "s", "--format", "csv", "--table", "trials").code == 0  # there is none


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "parquet"), "parquet is no text"),
        (("--format", "csv", "-o", "nowhere/t.csv"), "cannot write"),
        (("--format", "xlsx"), "invalid choice"),
        (("--format", "csv", "--alpha", "2"), "between 0 and 1"),
    ],
)
def test_wrong_usage_is_told(run: Run, words: tuple[str, ...], said: str) -> None:
    sweep(Path("multirun/s"), seeds=(1,))
    done = run("export", "s", *words)
    assert done.code == 2
    assert said in done.err
    assert not list(Path().glob("nowhere*"))


def test_the_report_is_written_with_the_command_that_makes_it(run: Run) -> None:
    pytest.importorskip("jinja2")
    sweep(Path("multirun/s"))
    done = run("report", "s", "--where", "optimizer=good,none")
    assert done.code == 0, done.err
    page = Path("report-s.html").read_text()
    assert "optbench-results report multirun/s --where optimizer=good,none" in page


def overrides(task: object, hydra: object = ()) -> str:
    return json.dumps({"hydra": {"overrides": {"task": task, "hydra": hydra}}})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (overrides(["suite=demo_study"], ["hydra.sweep.dir=study"]), "optbench -m suite=demo_study"),
        (overrides(["model=a b", "x=;rm"], ["hydra.sweeper.exclude=[a]", "hydra.launcher.n_jobs=2"]),
         "optbench -m 'model=a b' 'x=;rm' 'hydra.sweeper.exclude=[a]'"),
        (overrides([]), "optbench -m"),
        ("hydra: {}", None), ("[", None), ("- 1", None), ("hydra: 3", None),
        (overrides("suite=a"), None), (overrides(["--config-dir=/x"]), None), (overrides([3]), None),
        (overrides(["a=b"] * 1000), None), (overrides(["a=" + "b" * 5000]), None),
        ("!!python/object/apply:os.system ['true']", None), ("[" * 5000, None),
        ("hydra: {overrides: {task: &a [a=b], hydra: *a}}", None),
    ],
)  # fmt: skip
def test_the_command_of_a_sweep_is_what_its_folder_says(
    tmp_path: Path, text: str, said: str | None
) -> None:
    (tmp_path / "multirun.yaml").write_text(text)
    assert command(tmp_path) == said


def test_a_single_run_says_its_words_too_and_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra/hydra.yaml").write_text(overrides(["seed=3"]))
    assert command(tmp_path) == "optbench seed=3"
    (tmp_path / "other").mkdir()
    (tmp_path / "other/multirun.yaml").symlink_to(tmp_path / ".hydra/hydra.yaml")
    assert command(tmp_path / "other") is None


def test_the_report_shows_how_to_run_the_sweep_again(run: Run) -> None:
    pytest.importorskip("jinja2")
    folder = sweep(Path("multirun/s"))
    assert run("report", "s").code == 0
    assert "To run the sweep again" not in Path("report-s.html").read_text()
    (folder / "multirun.yaml").write_text(overrides(["seed=1,2", "x=<script>\x1b[2J\u202e"]))
    assert run("report", "s").code == 0
    page = Path("report-s.html").read_text()
    assert "To run the sweep again" in page
    assert "optbench -m seed=1,2 &#39;x=&lt;script&gt;" in page
    assert not {"\x1b", "\u202e"} & set(page)


def test_without_the_extra_the_report_says_how_to_get_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "optbench.report.page", None)
    sweep(Path("multirun/s"), seeds=(1,))
    done = run("report", "s")
    assert done.code == 1
    assert "pip install 'optbench[report]'" in done.err
