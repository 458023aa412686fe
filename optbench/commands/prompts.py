"""``prompts``: what optimizers made of the initial prompt, as a diff."""

from __future__ import annotations

import argparse
import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optbench.errors import ConfigError
from optbench.wording import counted, some

from .chosen import runs_of
from .screen import console, say
from .text import number, signed, unknown, visible, word

if TYPE_CHECKING:
    import pandas as pd

NAMED = 12
"""Jobs that an error names."""
STYLES = {"+": "green", "-": "red", "@": "cyan"}
DEEP = 6
LINE = 4000
"""Characters of a line that are shown."""


def run(given: argparse.Namespace) -> int:
    """Prints them: those of one job, or of each optimizer's best one by validation."""
    given.run = [given.run]
    _, runs = runs_of(given)
    tasks = runs.tasks
    done = tasks[tasks["state"] == "success"]
    on = console()
    if given.job is not None:
        rows = [_job(given.job, done)]
    else:
        rows = _chosen(done, given.all)
        if len(rows) < len(done):
            say(on, f"{len(rows)} of {len(done)} jobs: of each dataset, model and optimizer the one "
                    "with the best validation score; --all for all of them.", "dim")  # fmt: skip
    if not rows:
        say(on, "no job has finished yet")
    for row in rows:
        on.print()
        _one(on, row, runs.prompts(str(row["identity"])))
    return 0


def _chosen(done: pd.DataFrame, every: bool) -> list[dict[str, Any]]:
    keys = ["dataset", "model", "optimizer"]
    ordered = done.sort_values([*keys, "seed"], kind="stable")
    if not every:
        sign = ordered["direction"].map({"minimize": -1.0}).fillna(1.0)
        best = ordered.assign(order=-(sign * ordered["final_validation"]).fillna(-1e300))
        ordered = best.sort_values("order", kind="stable").drop_duplicates(keys).sort_index()
    rows: list[dict[str, Any]] = ordered.to_dict("records")
    return rows


def _job(name: str, done: pd.DataFrame) -> dict[str, Any]:
    """A finished job by the beginning of its identity, or by an end of its folder.

    Raises:
        ConfigError: When there is none, or more than one.
    """
    rows: list[dict[str, Any]] = done.to_dict("records")
    wanted = name.rstrip("/")
    exact = [row for row in rows if f"/{row['folder']}".endswith(f"/{wanted}")]
    near = exact or [
        row for row in rows
        if str(row["identity"]).startswith(wanted)
        or str(row["folder"]).rsplit("/", 1)[-1].startswith(wanted)
    ]  # fmt: skip
    if len(near) == 1:
        return near[0]
    named = [f"{row['optimizer']}/{str(row['folder']).rsplit('/', 1)[-1]}" for row in near or rows]
    raise ConfigError(
        f"'{visible(name, 80)}' is {'several jobs' if near else 'no finished job'}",
        key="JOB",
        mend=f"name one of: {visible(some(named, NAMED))}",
    )


def _one(on: Any, row: Mapping[str, Any], prompts: Mapping[str, Any]) -> None:
    from rich.text import Text

    seed = "" if unknown(row["seed"]) else f", seed {row['seed']}"
    title = ", ".join(word(row[key], 80) for key in ("dataset", "model", "optimizer"))
    say(on, f"{title}{seed}", "bold")
    say(on, _figures(row))
    before, after = (lines_of(prompts.get(which)) for which in ("initial", "final"))
    if before == after:
        say(on, "the initial prompt was kept" if before else "no prompt was written down")
        return
    for line in difflib.unified_diff(before, after, "initial", "final", lineterm="", n=3):
        on.print(Text(visible(line, LINE), style=STYLES.get(line[:1], "")))


def _figures(row: Mapping[str, Any]) -> str:
    told = []
    for what, suffix in (("test", ""), ("validation", "_validation")):
        initial, final = row[f"initial{suffix}"], row[f"final{suffix}"]
        if not unknown(initial) and not unknown(final):
            told.append(f"{what} {number(initial)} -> {number(final)} ({signed(final - initial)})")
    words = [row["initial_words"], row["final_words"]]
    if not any(unknown(one) for one in words):
        told.append(f"{words[0]} -> {counted(int(words[1]), 'word')}")
    simulated = " SIMULATED" if row["simulated"] is True else ""
    return f"{word(row['metric'])}: {', '.join(told)}{simulated}"


def lines_of(prompt: Any) -> list[str]:
    """A prompt, or the prompts of a program, as lines: each message below its role."""
    return list(_lines(prompt, "", 0))


def _lines(node: Any, name: str, depth: int) -> Iterator[str]:
    if node is None:
        return
    if depth <= DEEP and isinstance(node, dict) and isinstance(node.get("messages"), list):
        yield from _messages(node["messages"], name)
        rest = {key: value for key, value in node.items() if key != "messages"}
        if rest:
            yield from json.dumps(rest, indent=1, ensure_ascii=False, default=str).splitlines()
    elif (
        depth <= DEEP
        and isinstance(node, dict)
        and any(isinstance(one, dict) for one in node.values())
    ):
        for key, one in node.items():
            yield from _lines(one, f"{name}{key}: ", depth + 1)
    else:
        yield from json.dumps(node, indent=1, ensure_ascii=False, default=str).splitlines()


def _messages(messages: Sequence[Any], name: str) -> Iterator[str]:
    for one in messages:
        if not isinstance(one, dict) or not isinstance(one.get("content"), str):
            yield json.dumps(one, ensure_ascii=False, default=str)
            continue
        yield f"[{name}{one.get('role')}]"
        yield from one["content"].splitlines()
