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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from mutants import Mutant, faults

ROOT = Path(__file__).parents[2]
SEED = 8
AT_ONCE = 2
LEAST = 0.8
"""Share of the mutants of each group that must be killed."""


@dataclass(frozen=True)
class Group:
    """Modules of one kind.

    Attributes:
        package: Of the modules.
        tests: Of each module, what pytest is told to run: quick ones, in one process, since another
            does not see the mutant.
        sample: How many mutants are drawn, of all modules together.
    """

    package: str
    tests: Mapping[str, str]
    sample: int

    def arguments(self, module: str) -> list[str]:
        """Of pytest, for a module by its whole name."""
        return self.tests[module.rpartition(".")[2]].split()

    def modules(self) -> list[str]:
        """Their whole names."""
        return [f"{self.package}.{name}" for name in self.tests]


MODELS, STATS = "tests/models/test_", "tests/stats/test_"
CACHE = (
    f"{MODELS}cache.py --deselect={MODELS}cache.py::test_eight_processes_on_one_file "
    f"--deselect={MODELS}cache.py::test_a_job_that_dies_in_flight_holds_nobody_up"
)
HAND = f"{STATS}by_hand.py"
INTERVALS = f"{STATS}intervals.py --deselect={STATS}intervals.py::test_coverage_of_normal_scores"
GROUPS = {
    "identity": Group("optbench.config", {"identity": "tests/config/test_identity.py"}, 80),
    "gateway": Group(
        "optbench.models",
        {
            "gateway": f"{MODELS}ledger.py {MODELS}gateway.py {MODELS}budget.py {CACHE}",
            "ledger": f"{MODELS}ledger.py {MODELS}gateway.py",
            "budget": f"{MODELS}budget.py {MODELS}gateway.py",
            "cache": CACHE,
            "retry": f"{MODELS}ledger.py {MODELS}gateway.py",
            "accounts": f"{MODELS}accounts.py",
            "requests": f"{MODELS}requests.py {MODELS}gateway.py",
            "throttle": f"{MODELS}throttle.py "
            f"--deselect={MODELS}throttle.py::test_calls_at_once_over_processes",
        },
        80,
    ),
    "statistics": Group(
        "optbench.statistics",
        {
            "compare": f"{HAND} {STATS}compare.py {STATS}table.py "
            f"--deselect={STATS}compare.py::test_equal_optimizers_are_rarely_told_apart "
            f"--deselect={STATS}compare.py::test_a_tail_of_p_is_no_smaller_than_seeds_allow",
            "conclude": f"{STATS}conclude.py {STATS}table.py",
            "curves": f"{HAND} {STATS}curves_and_power.py --deselect="
            f"{STATS}curves_and_power.py::test_the_detectable_difference_is_detected_four_times_in_five "
            f"--deselect={STATS}curves_and_power.py::test_what_is_said_to_be_detectable_gets_a_verdict",
            "intervals": f"{HAND} {INTERVALS} --deselect="
            f"{STATS}intervals.py::test_coverage_of_answers_right_or_wrong",
            "noise": f"{HAND} {STATS}noise.py "
            f"--deselect={STATS}noise.py::test_components_are_found_again",
            "power": f"{HAND}",
            "ranks": f"{HAND} {STATS}ranks.py",
            "table": f"{STATS}table.py",
        },
        80,
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

    quiet = [
        "-x",
        "-q",
        "--no-header",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    os._exit(int(pytest.main([*quiet, "--hypothesis-seed=0", *trial.tests])))


def run(trials: Sequence[Trial], limit_s: float) -> list[bool | None]:
    """Whether each was killed; no more than :data:`AT_ONCE` at a time. None after Ctrl-C."""
    killed: list[bool | None] = [None] * len(trials)
    with suppress(KeyboardInterrupt):
        _run(trials, limit_s, killed)
    return killed


def _run(trials: Sequence[Trial], limit_s: float, killed: list[bool | None]) -> None:
    waiting = list(enumerate(trials))[::-1]
    running: dict[int, tuple[int, float]] = {}
    try:
        _follow(trials, limit_s, killed, waiting, running)
    finally:
        for pid in running:
            os.killpg(pid, signal.SIGKILL)


def _follow(
    trials: Sequence[Trial],
    limit_s: float,
    killed: list[bool | None],
    waiting: list[tuple[int, Trial]],
    running: dict[int, tuple[int, float]],
) -> None:
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            index, trial = waiting.pop()
            running[forked(trial)] = index, time.monotonic()
        for pid, (index, began) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                killed[index] = os.waitstatus_to_exitcode(status) != 0
                _tell(trials[index], killed[index] is True)
            elif time.monotonic() - began > limit_s:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                killed[index] = True
            else:
                continue
            del running[pid]
        time.sleep(0.02)


def _tell(trial: Trial, killed: bool) -> None:
    if not killed and trial.mutant is not None:
        print(f"survived: {file_of(trial.module).relative_to(ROOT)}:{trial.mutant.line}")
        print("    " + trial.mutant.change.replace("\n", "\n    "), flush=True)


def drawn(group: Group, count: int | None) -> list[Trial]:
    """The group's sample, in the order of the draw: what is done before Ctrl-C is a sample too."""
    every = [
        (module, fault)
        for module in group.modules()
        for fault in faults(file_of(module).read_text(encoding="utf-8"))
    ]
    random.Random(SEED).shuffle(every)
    trials: dict[str, Trial] = {}
    for module, fault in every:
        if len(trials) == count:
            break
        mutant = fault.mutant()
        if mutant is not None:
            trials[mutant.code] = Trial(module, mutant, group.arguments(module))
    print(f"{len(every)} faults, {len(trials)} drawn", flush=True)
    return list(trials.values())


def told(trials: Sequence[Trial], killed: Sequence[bool | None]) -> float:
    """Prints the table of those that were run; the share of them that was killed."""
    for module in sorted({trial.module for trial in trials}):
        _line(
            module, [k for trial, k in zip(trials, killed, strict=True) if trial.module == module]
        )
    return _line("together", killed)


def _line(name: str, killed: Sequence[bool | None]) -> float:
    done = [one for one in killed if one is not None]
    share = sum(done) / max(1, len(done))
    print(f"{name:40} {sum(done):4} of {len(done):4} killed, {share:.0%}", flush=True)
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
        if any(run([Trial(one, None, group.arguments(one)) for one in group.modules()], 600.0)):
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
