"""Do the assertions bite? Mutants of what results rest on, each against the quick tests of its module.

    python tests/mutation/sample.py [identity | gateway | statistics] [--each N] [--all]

Mutants are drawn at random with a fixed seed. Each is run in a fork of one process that has the heavy
libraries loaded, and is put in the place of its module as this is imported: no file is changed. A test
that fails kills it, and so does one that hangs. Equivalent mutants count as survivors.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
SEED = 8
AT_ONCE = 2
LEAST = 0.8
"""Share of the mutants of each group that must be killed."""


@dataclass(frozen=True)
class Group:
    """Modules, and the tests that must find what is wrong in them.

    Attributes:
        modules: Dotted names.
        tests: Arguments of pytest.
        sample: How many mutants are drawn, of all modules together.
    """

    modules: Sequence[str]
    tests: Sequence[str]
    sample: int


def _modules(package: str, names: str) -> list[str]:
    return [f"{package}.{name}" for name in names.split()]


GROUPS = {
    "identity": Group(
        ["optbench.config.identity"],
        ["tests/config/test_identity.py"],
        120,
    ),
    "gateway": Group(
        _modules(
            "optbench.models",
            "gateway ledger budget cache retry accounts requests throttle recording",
        ),
        [
            *(f"tests/models/test_{name}.py" for name in ("gateway", "budget", "cache")),
            *(f"tests/models/test_{name}.py" for name in ("requests", "throttle", "accounts")),
            "tests/models/test_recording.py",
            # What needs processes of its own does not see the mutant.
            "--deselect=tests/models/test_cache.py::test_eight_processes_on_one_file",
            "--deselect=tests/models/test_cache.py::test_a_job_that_dies_in_flight_holds_nobody_up",
            "--deselect=tests/models/test_throttle.py::test_calls_at_once_over_processes",
        ],
        120,
    ),
    "statistics": Group(
        _modules(
            "optbench.statistics", "compare conclude curves intervals noise power ranks table"
        ),
        ["tests/stats", "--ignore=tests/stats/test_chain.py"],
        120,
    ),
}
HEAVY = (
    "pytest", "hypothesis", "numpy", "pandas", "pyarrow.parquet", "scipy.stats", "hydra", "tenacity",
    "filelock", "omegaconf", "jsonschema", "xdist",
)  # fmt: skip
"""Loaded once, before the forks; nothing of optbench, which must see the mutant."""


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the mutant where its module is asked for."""

    def __init__(self, module: str, file: Path, code: str) -> None:
        self.module, self.file, self.code = module, file, code

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, self.file, loader=self)  # type: ignore[arg-type]

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.code, str(self.file), "exec"), module.__dict__)


@dataclass(frozen=True)
class Trial:
    """A mutant in its module; without one, the module as it is."""

    module: str
    mutant: Mutant | None
    tests: Sequence[str]


def file_of(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


def forked(trial: Trial) -> int:
    """Starts pytest in a fork, in a process group of its own; its pid."""
    pid = os.fork()
    if pid:
        return pid
    os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if trial.mutant is not None:
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        file = file_of(trial.module)
        sys.meta_path.insert(0, Planted(trial.module, file, trial.mutant.code))
    import pytest

    quiet = ["-x", "-q", "--no-header", "-W", "ignore::pytest.PytestAssertRewriteWarning", "-p", "no:cacheprovider", "-p", "no:xdist"]
    os._exit(int(pytest.main([*quiet, "--hypothesis-seed=0", *trial.tests])))


def run(trials: Sequence[Trial], limit_s: float) -> list[bool]:
    """Whether each was killed; no more than :data:`AT_ONCE` at a time."""
    killed = [False] * len(trials)
    waiting = list(enumerate(trials))[::-1]
    running: dict[int, tuple[int, float]] = {}
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            index, trial = waiting.pop()
            running[forked(trial)] = index, time.monotonic()
        for pid, (index, began) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                killed[index] = os.waitstatus_to_exitcode(status) != 0
            elif time.monotonic() - began > limit_s:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                killed[index] = True
            else:
                continue
            del running[pid]
        time.sleep(0.02)
    return killed


def drawn(group: Group, count: int | None) -> list[Trial]:
    """The group's sample, module by module."""
    every = [
        Trial(module, mutant, group.tests)
        for module in group.modules
        for mutant in mutants(file_of(module).read_text(encoding="utf-8"))
    ]
    size = len(every) if count is None else min(count, len(every))
    chosen = sorted(random.Random(SEED).sample(range(len(every)), size))
    print(f"{len(every)} mutants, {size} drawn", flush=True)
    return [every[index] for index in chosen]


def told(trials: Sequence[Trial], killed: Sequence[bool]) -> float:
    """Prints the survivors and the table; the share that was killed."""
    for trial, dead in zip(trials, killed, strict=True):
        if not dead and trial.mutant is not None:
            print(f"survived: {file_of(trial.module).relative_to(ROOT)}:{trial.mutant.line}")
            print("    " + trial.mutant.change.replace("\n", "\n    "))
    for module in dict.fromkeys(trial.module for trial in trials):
        dead = [k for trial, k in zip(trials, killed, strict=True) if trial.module == module]
        print(f"{module:40} {sum(dead):4} of {len(dead):4} killed")
    share = sum(killed) / len(killed)
    print(f"{'together':40} {sum(killed):4} of {len(killed):4} killed, {share:.0%}", flush=True)
    return share


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []])
    parser.add_argument("--each", type=int, help="mutants drawn from each group")
    parser.add_argument("--all", action="store_true", help="every mutant")
    asked = parser.parse_args()
    os.chdir(ROOT)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # no threads before a fork
    for name in HEAVY:
        importlib.import_module(name)
    enough = True
    for name in asked.groups or GROUPS:
        group = GROUPS[name]
        print(f"== {name}", flush=True)
        began = time.monotonic()
        if any(run([Trial(group.modules[0], None, group.tests)], 600.0)):
            print("the tests fail without any mutant")
            return 2
        # Twice what it takes alone, for two run at once, and twice again for a busy machine.
        limit_s = 10 + 4 * (time.monotonic() - began)
        trials = drawn(group, None if asked.all else asked.each or group.sample)
        enough = told(trials, run(trials, limit_s)) >= LEAST and enough
    print("" if enough else f"fewer than {LEAST:.0%} are killed in a group")
    return 0 if enough else 1


if __name__ == "__main__":
    raise SystemExit(main())
