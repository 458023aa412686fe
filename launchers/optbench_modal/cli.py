"""``optbench-modal``: what is at Modal, and the ways there and back."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optbench.complaints import explain
from optbench.errors import ConfigError, OptbenchError

from .journal import Entry, Journal
from .names import Names
from .source import Source

KEYS = (
    "ANTHROPIC_API_KEY", "AZURE_API_KEY", "COHERE_API_KEY", "DEEPSEEK_API_KEY", "GEMINI_API_KEY",
    "GROQ_API_KEY", "HF_TOKEN", "MISTRAL_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY",
    "OPIK_API_KEY", "OPIK_WORKSPACE", "TOGETHERAI_API_KEY", "XAI_API_KEY",
)  # fmt: skip
"""Environment variables that a secret is made of where none are named."""
SECRET = "opik-benchmarks"
SHOWN = 40
"""Names of jobs in an error."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script; exits with 0, 1 (a job failed), 2 (bad input) or 130."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        import modal  # noqa: F401
    except ModuleNotFoundError:
        print(
            "error: modal is not installed\n  mend: pip install 'optbench[modal]'", file=sys.stderr
        )
        sys.exit(2)
    from modal.exception import AuthError, Error

    try:
        sys.exit(given.run(given))
    except KeyboardInterrupt:
        sys.exit(130)
    except AuthError as error:
        print(f"error: {error}\n  mend: modal setup, or modal token set", file=sys.stderr)
        sys.exit(2)
    except Error as error:
        print(f"error: Modal: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
    except OptbenchError as error:
        print(explain(error), file=sys.stderr)
        sys.exit(error.exit_code)


def _deploy(given: argparse.Namespace) -> int:
    from .deploy import deploy

    source = Source(tuple(given.package), tuple(given.extra))
    names = _names(given)
    code = deploy(names, source)
    print(
        f"deployed '{names.app}': code {code[:8]}, Python {source.python}, volume '{names.volume}'"
    )
    return 0


def _secret(given: argparse.Namespace) -> int:
    import modal

    wanted = given.key or [name for name in KEYS if os.environ.get(name)]
    missing = [name for name in wanted if not os.environ.get(name)]
    if given.ask:
        values = {name: getpass.getpass(f"{name}: ") for name in missing}
        missing = [name for name, value in values.items() if not value]
    else:
        values = {}
    if missing or not wanted:
        raise ConfigError(
            f"no {', '.join(missing)} in the environment"
            if wanted
            else "no key in the environment",
            key="--key",
            mend="export it, or type it in with --ask",
        )
    values |= {name: os.environ[name] for name in wanted if name not in values}
    names = {"environment_name": given.environment}
    if given.overwrite:
        with contextlib.suppress(modal.exception.NotFoundError):
            modal.Secret.objects.delete(given.name, **names)
    try:
        modal.Secret.objects.create(given.name, values, **names)
    except modal.exception.AlreadyExistsError as error:
        raise ConfigError(
            f"there is a secret '{given.name}' already",
            key="secret",
            mend="--overwrite replaces it",
        ) from error
    print(f"secret '{given.name}' holds {', '.join(sorted(values))}")
    return 0


def _status(given: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.table import Table

    from .runs import find
    from .state import states

    folder, journal = find(given.run_id)
    table = Table(title=f"{folder}  ({journal.run})")
    for column in ("job", "state", "phase", "call"):
        table.add_column(column, overflow="fold")  # whole, also where the terminal is narrow
    told = asyncio.run(states(folder, journal))
    for one in told:
        table.add_row(one.name, one.state, one.phase, one.call)
    console = Console(highlight=False)
    console.print(table)
    counts: dict[str, int] = {}
    for one in told:
        counts[one.state] = counts.get(one.state, 0) + 1
    console.print(", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
    return 0


def _logs(given: argparse.Namespace) -> int:
    from .state import log_of

    entry, journal = _job(given)
    text = asyncio.run(log_of(journal, entry))
    if text is None:
        print(
            f"nothing of {entry.name} is on the volume yet; what its container prints: "
            f"modal app logs {journal.about.get('app')}",
            file=sys.stderr,
        )
        return 1
    print(text, end="")
    return 0


def _job(given: argparse.Namespace) -> tuple[Entry, Journal]:
    """The one job that JOB names, and the journal of its sweep.

    Raises:
        ConfigError: When there is none, or more than one.
    """
    from optbench.layout import SharedFolder

    from .runs import find, known

    job = Path(given.job)
    job = job.parent if job.is_file() else job
    inside = [one for one in (job, *job.parents) if SharedFolder(one).modal.exists()]
    named = given.run_id or (str(inside[0]) if inside else None)
    sweeps = [find(named)] if named else list(known())
    every = [(f, one, journal) for f, journal in sweeps for one in journal.entries.values()]
    found = [
        told
        for told in every
        if inside[:1] == [job] or Path(told[1].name).name.startswith(job.name)
    ]
    if len(found) == 1:
        return found[0][1], found[0][2]
    where = ", ".join(f"'{folder}'" for folder, _ in sweeps) or "any sweep that is here"
    raise ConfigError(
        f"'{job.name}' is {'the beginning of several jobs' if found else 'no job'} of {where}",
        key="JOB",
        mend="name its sweep with --run, or its folder, one of:\n  "
        + _lines(sorted(str(folder / entry.name) for folder, entry, _ in found or every)),
    )


def _lines(names: Sequence[str]) -> str:
    more = f"\n  and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "\n  ".join(names[:SHOWN]) + more


def _collect(given: argparse.Namespace) -> int:
    from optbench import app

    from .runs import find

    folder, _ = find(given.run_id)
    words = [f"resume='{folder}'", "hydra.launcher.modal.collect=true", *given.words]
    sys.argv = ["optbench", *words]
    app.main()
    return 0


def _cancel(given: argparse.Namespace) -> int:
    from optbench.wording import counted

    from .cancel import cancel
    from .runs import find

    folder, journal = find(given.run_id)
    done = cancel(journal)
    where = shlex.quote(str(folder))
    says = [f"{counted(done.ended, 'job')} of {where} cancelled"]
    if done.ended:
        says.append(f"optbench resume={where} runs {'it' if done.ended == 1 else 'them'} again")
    if done.to_collect:
        has = "had ended, and comes" if done.to_collect == 1 else "had ended, and come"
        says.append(f"{done.to_collect} {has} home with optbench-modal collect {where}")
    print("; ".join(says))
    return 0


def _names(given: argparse.Namespace) -> Names:
    return Names(given.app, given.volume, given.environment)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="optbench-modal",
        description="Sweeps on Modal: deploy once, then optbench -m engine=modal ...",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, says: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=says, description=says)
        added.set_defaults(run=run)
        return added

    made = command("deploy", _deploy, "put the code that is here at Modal, for sweeps to run it")
    made.add_argument(
        "--package", action="append", default=[], help="of your own, which tasks import"
    )
    made.add_argument("--extra", action="append", default=[], help="optional part of optbench")
    made.add_argument("--app", default=Names().app)
    made.add_argument("--volume", default=Names().volume)
    made.add_argument("--environment", help="Modal's; the profile's where it is not given")
    made = command("secret", _secret, "make a secret of keys in the environment; no value is shown")
    made.add_argument("name", nargs="?", default=SECRET)
    made.add_argument(
        "--key", action="append", default=[], help="variable; else all that are known"
    )
    made.add_argument("--ask", action="store_true", help="type in what is not in the environment")
    made.add_argument("--overwrite", action="store_true", help="replace the secret of this name")
    made.add_argument("--environment", help="Modal's; the profile's where it is not given")
    for name, run, says in (
        ("status", _status, "how the jobs of a sweep are doing"),
        (
            "collect",
            _collect,
            "bring a sweep's results home; waits for those that run, runs no other",
        ),
        ("cancel", _cancel, "end what a sweep has at Modal"),
    ):
        made = command(name, run, says)
        made.add_argument(
            "run_id", metavar="RUN", help="folder of a sweep, or the beginning of its id"
        )
        if name == "collect":
            made.add_argument(
                "words",
                nargs=argparse.REMAINDER,
                metavar="WORD",
                help="of its command what no folder may say: --config-dir my_conf, allow_imports=[mine]",
            )
    made = command("logs", _logs, "what a job has logged")
    made.add_argument("job", metavar="JOB", help="folder of a job, or the beginning of its name")
    made.add_argument("--run", dest="run_id", help="its sweep, where JOB is no path")
    return parser
