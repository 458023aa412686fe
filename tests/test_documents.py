"""The tables of docs/ say what is there, row by row; CHANGELOG and CITATION go with the version."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from itertools import chain

import pytest
import yaml
from documented import ROOT
from support import composed, options

from optbench.commands.cli import _parser
from optbench.metrics.registry import NAMES

DOCS = ROOT / "docs"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def rows(page: str, head: str) -> list[list[str]]:
    """The cells of the table whose first column is called so."""
    text = (DOCS / page).read_text(encoding="utf-8")
    lines = text[text.index(f"| {head} |") :].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def named(cell: str) -> list[str]:
    """What a cell names; `` `_mc2` `` continues the name before it."""
    found = re.findall(r"`([^`]+)`", cell)
    return [found[0] + name if name.startswith("_") else name for name in found]


DATASETS = {name: row for row in rows("datasets.md", "dataset") for name in named(row[0])}


@pytest.mark.parametrize("name", options("dataset"))
def test_datasets(name: str) -> None:
    conf = composed(f"dataset={name}").dataset
    _, sizes, _, licence = DATASETS[name]
    slices = conf.slices
    said = [slices.train.count, slices.validation.count, slices.test.count]
    assert [int(size) for size in sizes.split(" / ")] == said
    assert not conf.licence or conf.licence in licence or licence == "not stated"


def test_no_dataset_is_made_up() -> None:
    assert set(DATASETS) == set(options("dataset"))


def test_metrics() -> None:
    table = {name: row for row in rows("metrics.md", "metric") for name in named(row[0])}
    assert set(table) == set(NAMES)
    for name, (_, _, better) in table.items():
        module, _, kind = NAMES[name].rpartition(".")
        direction = getattr(import_module(module), kind).direction
        assert better == {"maximize": "more", "minimize": "less"}[direction]


def test_budgets() -> None:
    table = rows("budgets.md", "budget")
    said = set(chain.from_iterable(named(row[0]) for row in table))
    assert said == set(options("budget")) - {"trials_2"}  # of test_mode
    (numbers,) = [row[0] for row in table if "gepa" in row[0]]
    of_papers = [int(number) for number in re.findall(r"\d{3,}(?=[,)])", numbers)]
    names = [name for name in named(numbers) if name.startswith("gepa")]
    assert of_papers == [composed(f"budget={name}").budget.rollouts for name in names]


def test_commands_of_results() -> None:
    told = [row[0].strip("`").split()[0] for row in rows("how-to/read-results.md", "command")]
    (commands,) = [one.choices for one in _parser()._actions if one.choices]
    assert sorted(told) == sorted(commands)


def test_changelog_and_citation_know_the_version() -> None:
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == VERSION
    assert citation["license"] == "Apache-2.0"
    assert {"message", "title", "authors", "type"} <= set(citation)
