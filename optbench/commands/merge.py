"""``merge``: sweeps of several people as one file, in which only what is comparable stands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from optbench.errors import ConfigError, OptbenchError
from optbench.results.brief import SIMULATED
from optbench.wording import counted

from .columns import KINDS
from .doubles import contradictions, distinct
from .formats import write
from .merged import read_merged, rows_of
from .refusals import Refusal, divided
from .sweeps import find
from .text import visible, word

if TYPE_CHECKING:
    import pandas as pd

FORMATS = {".parquet": "parquet", ".csv": "csv"}
LINES = 30
"""That are said about tasks which several have."""


def run(given: argparse.Namespace) -> int:
    """Writes it; 1 where rows were refused, or none is left."""
    if given.output.suffix not in FORMATS:
        raise ConfigError(
            f"'{visible(given.output)}' is neither .parquet nor .csv",
            key="--output",
            mend="name one",
        )
    import pandas as pd

    names = _names(given.name)
    words = [part for one in given.run
             for part in ([one] if Path(one).exists() else one.split(",")) if part]  # fmt: skip
    reference = None if given.reference is None else _key(given.reference)
    if reference is not None and reference not in {_key(one) for one in words}:
        words.insert(0, given.reference)
    parts, decides = [], []
    for one in words:
        part = _rows(one, names)
        parts.append(part)
        decides += [_key(one) == reference] * len(part)
    unused = set(names) - {_key(one) for one in words}
    if unused:
        raise ConfigError(f"--name names what is not merged: {visible(min(unused))}", key="--name")
    together = pd.concat(parts, ignore_index=True)
    deciding = pd.Series(decides, together.index) if reference else None
    # Checked first: a bad row must not stand in the place of the same task's good one.
    fitting, refused, ties = divided(together, deciding)
    kept, against, again = distinct(fitting, deciding)
    refused += against
    _tell(len(together), kept, refused, [*ties, *contradictions(together, kept), *again])
    if kept.empty:
        raise OptbenchError("no row is left", key="merge", mend="merge sweeps with finished jobs")
    write(kept, FORMATS[given.output.suffix], given.output)
    print(f"{given.output}: {counted(len(kept), 'row')}, {counted(kept['dataset'].nunique(), 'dataset')}"
          f", {counted(kept['optimizer'].nunique(), 'optimizer')}, "
          f"{counted(kept['submitter'].nunique(), 'submitter')}")  # fmt: skip
    return int(bool(refused))


def _names(given: Sequence[str]) -> dict[str, str]:
    """Submitters by what they submit."""
    found: dict[str, str] = {}
    for one in given:
        person, equals, what = one.partition("=")
        if not equals or not person.strip() or not what:
            raise ConfigError(
                f"'{visible(one, 80)}' is no PERSON=RUN", key="--name", mend="--name ann=multirun/x"
            )
        found[_key(what)] = person.strip()[:200]
    return found


def _key(word_: str) -> str:
    """One name for what may be called by an id or a path."""
    if Path(word_).is_file():
        return os.path.realpath(word_)
    return os.path.realpath(find(word_).folder)


def _rows(one: str, names: dict[str, str]) -> pd.DataFrame:
    from optbench.results.runs import load

    path = Path(one)
    if path.is_file():
        if path.suffix not in KINDS:
            raise ConfigError(f"'{visible(path)}' is no sweep, and no file of merge", key="RUN")
        rows, bad = read_merged(path)
        if bad:
            _say(f"{one}: {counted(bad, 'row')} without what a row must have, left out")
        return rows.assign(submitter=names[_key(one)]) if _key(one) in names else rows
    sweep = find(one)
    runs = load(sweep.folder)
    states = runs.tasks["state"]
    left = int((states != "success").sum())
    if left:
        _say(f"{sweep.id}: {left} of {counted(len(states), 'job')} have no result, left out")
    for what in runs.problems.loc[runs.problems["excluded"], "what"].drop_duplicates().head(5):
        _say(f"{sweep.id}: left out: {what}")
    return rows_of(runs, sweep.id, names.get(_key(one), sweep.id))


def _tell(total: int, kept: pd.DataFrame, refused: Sequence[Refusal], lines: Sequence[str]) -> None:
    for one in refused:
        who, dataset = word(one.who, 60), word(one.dataset, 60)
        _say(f"refused: {counted(one.n, 'row')} of {who}, {dataset}: {one.why}")
    for line in lines[:LINES]:
        _say(line)
    if len(lines) > LINES:
        _say(f"and {len(lines) - LINES} more lines about tasks that are there more than once")
    if len(kept) and kept["simulated"].fillna(False).any():
        _say(f"! {SIMULATED}")
    n = sum(one.n for one in refused)
    again = total - n - len(kept)
    also = f"{again} there already, " if again else ""
    _say(f"{counted(total, 'row')} read, {n} refused, {also}{len(kept)} kept")


def _say(line: str) -> None:
    print(visible(line), file=sys.stderr)
