"""The command line ``optbench-results``; a command is imported when it runs, so that help is quick."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from optbench.errors import OptbenchError

from .text import visible

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""
TABLES = ("tasks", "items", "trials", "calls", "scores", "pairs", "leaderboard")
EPILOG = """RUN: a sweep's folder, its name below ./multirun or ./outputs, or the beginning of its name.
Exit codes: 0 done; 1 cannot be told (incomplete results, nothing in common); 2 wrong usage."""
OF_STATS = (
    """A column that is not named is the one that is called so: dataset, optimizer, score, ..."""
)
OF_SHOW = (
    """Of an incomplete sweep it shows the jobs, says why nothing is concluded, and exits with 0."""
)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script; exits with 0, 1, 2 or 130, see :data:`EPILOG`."""
    given = _parser().parse_args(arguments)
    try:
        code = importlib.import_module(f"optbench.commands.{given.module}").run(given)
        sys.stdout.flush()
        sys.exit(code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # whoever read has seen enough, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OptbenchError as error:
        print(visible(f"error: {error}"), file=sys.stderr)
        sys.exit(error.exit_code)


class _Commands:
    """Adds sub-commands with the arguments that many of them share."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(self, name: str, module: str, says: str, more: str = "") -> argparse.ArgumentParser:
        added = self._commands.add_parser(
            name, help=says, description=says, epilog=f"{EPILOG}\n{more}".rstrip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        added.set_defaults(module=module)
        return added


def _run(command: argparse.ArgumentParser, *, several: bool) -> None:
    if several:
        command.add_argument("run", metavar="RUN", nargs="+", help="sweeps; a,b is two of them")
    else:
        command.add_argument("run", metavar="RUN", help="a sweep")
    _where(command)


def _where(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--where", action="extend", nargs="+", default=[], metavar="KEY=VALUE",
        help="after RUN: only tasks with all of these, such as --where optimizer=gepa,few_shot seed=1 "
        "(gepa or few_shot, and of these seed 1)",
    )  # fmt: skip


def _level(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _statistics(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--incomplete", action="store_true", help="go on where jobs, seeds or items are missing"
    )
    command.add_argument(
        "--alpha", type=_level, default=0.05, help="level of tests and intervals (0.05)"
    )


def _collect(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--collect", action="store_true", help="first bring home what has ended elsewhere (Modal)"
    )


def _output(command: argparse.ArgumentParser, says: str) -> None:
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help=says)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="optbench-results",
        description="What sweeps have left behind: conclusions with their uncertainty, and files.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = _Commands(parser)
    _add_views(commands)
    _add_files(commands)
    return parser


def _add_views(commands: _Commands) -> None:
    made = commands.add("list", "listing", "sweeps that are here, newest last")
    made.add_argument("folder", metavar="FOLDER", nargs="*", help="further folders to look in")
    says = "what a sweep says: leaderboard, lift, intervals, costs"
    made = commands.add("show", "show", says, OF_SHOW)
    _run(made, several=True)
    how = made.add_mutually_exclusive_group()
    how.add_argument(
        "--detailed", action="store_true", help="with pairwise tests, noise, ranks, each job"
    )
    how.add_argument("--raw", action="store_true", help="all of it as JSON; unknown is null")
    _statistics(made)
    _collect(made)
    made = commands.add("watch", "watch", "a sweep while it runs, until all its jobs have ended")
    made.add_argument("run", metavar="RUN", help="a sweep")
    made.add_argument("--once", action="store_true", help="print how it is now, and end")
    made.add_argument(
        "--interval", type=_positive, default=2.0, metavar="S", help="seconds between looks (2)"
    )
    made = commands.add("compare", "compare", "two sweeps, cell by cell, and what else differs")
    made.add_argument("a", metavar="A", help="a sweep")
    made.add_argument("b", metavar="B", help="the sweep that is judged against it")
    _where(made)
    made.add_argument("--alpha", type=_level, default=0.05, help="level of tests (0.05)")
    made.add_argument("--strict", action="store_true", help="exit with 1 where B is worse")
    made.add_argument("--raw", action="store_true", help="all of it as JSON; unknown is null")
    made = commands.add("failures", "failures", "why jobs failed: errors, tracebacks, logs")
    _run(made, several=True)
    made.add_argument("--all", action="store_true", help="traceback and log of every job")
    made.add_argument("--lines", type=int, default=10, metavar="N", help="of each log (10)")
    made = commands.add("prompts", "prompts", "prompts before and after, as a diff")
    _run(made, several=False)
    made.add_argument(
        "job",
        metavar="JOB",
        nargs="?",
        help="one job: the beginning of its identity or folder's name",
    )
    made.add_argument("--all", action="store_true", help="of every job, not of the best alone")


def _add_files(commands: _Commands) -> None:
    made = commands.add("export", "export", "one table as csv, parquet, json, Markdown or LaTeX")
    _run(made, several=True)
    made.add_argument("--format", required=True, choices=("csv", "parquet", "json", "md", "latex"))
    made.add_argument("--table", default="scores", choices=TABLES, help="which (scores)")
    _output(made, "else it is printed")
    _statistics(made)
    made = commands.add("report", "report", "a page with figures in one HTML file")
    _run(made, several=True)
    _output(made, "else report-<run>.html")
    made.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="also each chart, as an SVG file"
    )
    _statistics(made)
    _collect(made)
    made = commands.add("merge", "merge", "sweeps of several people as one leaderboard file")
    made.add_argument("run", metavar="RUN", nargs="+", help="sweeps, or files of earlier merges")
    made.add_argument(
        "-o", "--output", type=Path, metavar="FILE", required=True, help="a .parquet or a .csv"
    )
    made.add_argument(
        "--name", action="append", default=[], metavar="PERSON=RUN", help="whose a sweep is"
    )
    made.add_argument(
        "--reference", metavar="RUN",
        help="whose data, budget and metric decide which rows are refused; else most submitters do",
    )  # fmt: skip
    says = "the same statistics on any tidy table of scores"
    made = commands.add("stats", "stats", says, OF_STATS)
    made.add_argument("table", metavar="TABLE", help="a .csv, .parquet or .jsonl; a row a score")
    for name, says in (
        ("dataset", "what was scored on"), ("optimizer", "what is compared"),
        ("score", "the score, a number"), ("model", "compared within each"),
        ("seed", "a run each"), ("item", "scores of the same item are paired"),
        ("cluster", "items that belong together (questions on one text) count once"),
        ("baseline", "the initial prompt's score, for the lift"),
    ):  # fmt: skip
        made.add_argument(f"--{name}", metavar="COL", help=f"column: {says}")
    made.add_argument("--minimize", nargs="+", metavar="DATASET", help="where less is better")
    made.add_argument("--raw", action="store_true", help="all of it as JSON; unknown is null")
    _statistics(made)


if __name__ == "__main__":
    main()
