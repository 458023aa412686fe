"""``report``: the page that people share."""

from __future__ import annotations

import argparse
import importlib
import shlex
from pathlib import Path
from typing import Any

from optbench.errors import OptbenchError
from optbench.wording import counted

from . import launched, remotes
from .chosen import runs_of
from .screen import console, say
from .sweeps import find_all


def run(given: argparse.Namespace) -> int:
    """Writes it; fails where the sweep is incomplete and that was not asked for."""
    page, album = _module("page"), _module("album")
    if given.collect:
        remotes.collect(find_all(given.run))
    sweeps, runs = runs_of(given)
    from optbench.statistics.conclude import of_runs

    said = of_runs(runs, alpha=given.alpha, incomplete=given.incomplete)
    output = given.output or Path(f"report-{sweeps[0].id}.html")
    launches = [one for sweep in sweeps if (one := launched.command(sweep.folder))]
    again = _command(given, sweeps)
    page.write(runs, said, said.curves, output, command=again, launches=launches)
    on = console()
    for note in said.notes:
        say(on, f"! {note}", "yellow")
    say(on, f"{output}: {output.stat().st_size / 1e6:.1f} MB, opens in any browser, offline")
    if given.pictures:
        written = album.write(runs, said, said.curves, given.pictures)
        say(on, f"{given.pictures}: {counted(len(written), 'picture')}")
    return 0


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"optbench.report.{name}")
    except ModuleNotFoundError as error:
        raise OptbenchError(
            f"the report needs '{error.name}', which is not installed",
            key="report",
            mend="pip install 'optbench[report]'",
        ) from error


def _command(given: argparse.Namespace, sweeps: Any) -> str:
    """The command that makes the page anew."""
    words = ["optbench-results", "report", *(str(one.folder) for one in sweeps)]
    words += [part for one in given.where for part in ("--where", one)]
    words += ["--incomplete"] if given.incomplete else []
    words += ["--alpha", f"{given.alpha:g}"] if given.alpha != 0.05 else []
    words += ["--output", str(given.output)] if given.output else []
    words += ["--pictures", str(given.pictures)] if given.pictures else []
    return shlex.join(words)
