"""From axes to jobs: expand, leave out, put in, compose each once, run all, report all failures."""

from __future__ import annotations

import itertools
import logging
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, ListConfig, OmegaConf

from optbench.config.compat import VERSION_BASE
from optbench.config.words import covers, word
from optbench.errors import ConfigError, OptbenchError
from optbench.wording import close_names, counted
from optbench_jobs.job import NotStartedError, first_line

from . import _starts
from ._compose import Composer
from ._drive import make_folder
from ._files import read_once
from ._prepare import all_or_none
from ._starts import Keep, Start

if TYPE_CHECKING:
    from .sweeper import MatrixSweeper

log = logging.getLogger(__name__)

CONTROLLER_KEYS = ("engine", "suite", "plan", "replay", "cache", "tracking", "allow_imports")
"""Chosen once for a whole launch: no task is another one for them."""

SHOWN = 5
"""Repeated tasks that are named; the rest is counted."""


@runtime_checkable
class Preparing(Protocol):
    """A launcher that makes all jobs before the first starts, as ours does."""

    reads_no_configs: bool
    left_out: int
    places: list[str]

    def prepare(self, job_overrides: Sequence[Sequence[str]]) -> None:
        """Makes them."""


class SweepFailedError(OptbenchError):
    """Some jobs of a sweep failed; the others ran."""


def sweep(sweeper: MatrixSweeper, arguments: Sequence[str]) -> list[Sequence[JobReturn]]:
    """Runs the matrix.

    Raises:
        ConfigError: When a combination cannot be composed, before any job starts.
        SweepFailedError: When jobs failed, after all have run.
    """
    config, launcher, context = sweeper.config, sweeper.launcher, sweeper.hydra_context
    assert config is not None
    assert launcher is not None
    assert context is not None
    _check_folder(str(config.hydra.sweep.dir))
    with _planning():
        jobs, places, left_out, keep = _jobs(sweeper, arguments)
        if isinstance(launcher, Preparing):
            launcher.reads_no_configs = True
            launcher.left_out = left_out
            launcher.places = places
            launcher.prepare(jobs)
        else:  # any other launcher composes again
            all_or_none(Composer(context.config_loader, config).compose, jobs, places)
    folder = Path(str(config.hydra.sweep.dir))
    make_folder(folder)
    if OmegaConf.select(config, "plan") is not True:
        OmegaConf.save(config, folder / "multirun.yaml")
        keep(folder)
    returns: list[Sequence[JobReturn]] = []
    size = sweeper.max_batch_size or len(jobs) or 1
    for start in range(0, len(jobs), size):
        returns.append(launcher.launch(jobs[start : start + size], initial_job_idx=start))
    failure = _failure(returns, folder)
    if failure is not None:
        if VERSION_BASE:  # Hydra 1.3 calls it after a sweep without failures only
            name = config.hydra.job.config_name
            context.callbacks.on_multirun_end(config=config, config_name=name)
        raise failure
    return returns


def _check_folder(name: str) -> None:
    if not name.strip():  # a variable of the shell that is not set, say
        raise ConfigError("names no folder", key="hydra.sweep.dir", mend="name one")
    if "${" in name:
        raise ConfigError(
            f"'{name}' has ${{ in it, which the jobs' configs would take for a reference",
            key="hydra.sweep.dir",
            mend="choose another name",
        )


@contextmanager
def _planning() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print("interrupted: nothing was started", file=sys.stderr)
        raise


def tasks(sweeper: MatrixSweeper, arguments: Sequence[str]) -> list[DictConfig]:
    """The config of every job of the matrix, without Hydra's node.

    Raises:
        ConfigError: When a combination cannot be composed.
    """
    assert sweeper.config is not None
    assert sweeper.hydra_context is not None
    jobs, places, _, _ = _jobs(sweeper, arguments)
    composer = Composer(sweeper.hydra_context.config_loader, sweeper.config)
    return all_or_none(composer.bare, jobs, places)


def _jobs(
    sweeper: MatrixSweeper, arguments: Sequence[str]
) -> tuple[list[list[str]], list[str], int, Keep]:
    """Every job as its overrides, where each stands in a manifest, and how many were left out.

    With them what writes down what the sweep was started with.
    """
    config, context = sweeper.config, sweeper.hydra_context
    assert config is not None
    assert context is not None
    read_once(context.config_loader)
    parser = OverridesParser.create(config_loader=context.config_loader)
    overrides = parser.parse_overrides([*sweeper._parse_config(), *arguments])
    _refuse_controller_axes(overrides)
    began = _starts.begin(sweeper, overrides)
    _starts.refuse_allowing(
        [*(row for row, _ in began.rows), *sweeper.include, sweeper.params or {}]
    )
    jobs, places, left_out = _expanded(
        began.overrides, began.rows, sweeper.exclude, sweeper.include, config
    )
    return jobs, places, left_out, began.keep


def _refuse_controller_axes(overrides: Sequence[Override]) -> None:
    for override in overrides:
        key = override.key_or_group
        if override.is_sweep_override() and key.partition(".")[0] in CONTROLLER_KEYS:
            raise ConfigError(
                "is chosen once for a whole sweep, so it cannot be an axis of it",
                key=key,
                mend="start optbench once for each value",
            )


def _expanded(
    overrides: Sequence[Override],
    starts: Sequence[Start],
    exclude: Sequence[Mapping[str, Any]],
    include: Sequence[Mapping[str, Any]],
    master: DictConfig,
) -> tuple[list[list[str]], list[str], int]:
    """Every job as its overrides, in the order of the command line, the last axis fastest.

    With it where each stands in a manifest, and how many combinations were left out.
    """
    axes: dict[str, list[str]] = {}
    fixed: list[str] = []
    for override in overrides:
        key = override.get_key_element()
        if override.is_sweep_override():
            if not override.is_discrete_sweep():
                raise ConfigError("a matrix has discrete axes only", key=key)
            axes[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            # A delete has no value.
            value = override.get_value_element_as_str()
            axes[key] = [override.input_line or f"{key}={value}"]
            fixed.append(key)
    products = [list(row) for row in itertools.product(*axes.values())]
    rows, places = products, [""] * len(products)
    if starts:
        rows, places = _multiplied(starts, products, axes, master)
    named_keys = {*axes, *(key for start, _ in starts for key in start)}
    known = {key.lstrip("+") for key in named_keys}
    _check_keys(exclude, known, master, "hydra.sweeper.exclude")
    _check_keys(include, known, master, "hydra.sweeper.include")
    out: set[int] = set()
    for one in exclude:
        found = {number for number, row in enumerate(rows) if _matches(row, one, master)}
        if not found:
            log.warning("hydra.sweeper.exclude: no combination has %s", dict(one))
        out |= found
    kept = [row for number, row in enumerate(rows) if number not in out]
    kept_places = [place for number, place in enumerate(places) if number not in out]
    left_out = len(out)
    if left_out:
        log.info("%d of %d combinations left out by hydra.sweeper.exclude", left_out, len(rows))
    base = [given for key in fixed for given in axes[key]]
    for further in include:
        own = [f"{key}={value}" for key, value in further.items()]
        kept.append([*(one for one in base if one.partition("=")[0] not in further), *own])
        kept_places.append("")
    return kept, kept_places, left_out


def _multiplied(
    starts: Sequence[Start],
    products: Sequence[Sequence[str]],
    axes: Mapping[str, Sequence[str]],
    master: DictConfig,
) -> tuple[list[list[str]], list[str]]:
    """Every row to begin with, beside all combinations of the axes; two that come out equal are one.

    With it where each stands in a manifest.

    What is given for a key takes the place of what a row says of it and of all within it. But where
    a group's options are given that the rows have, they choose among the rows: so a dataset keeps
    the budget that stands beside it.
    """
    choosing = {
        key
        for key, given in axes.items()
        if key in master.hydra.runtime.choices
        and set(given) <= {word(key, start[key]) for start, _ in starts if key in start}
    }
    replacing = axes.keys() - choosing
    rows: dict[tuple[str, ...], str] = {}
    repeated: dict[str, str] = {}
    for start, place in starts:
        chosen = {key: word(key, start[key]) for key in choosing & start.keys()}
        own = [
            word(key, value)
            for key, value in start.items()
            if key not in chosen and not any(covers(given, key) for given in replacing)
        ]
        for product in products:
            if set(chosen.values()) <= set(product):
                first = rows.setdefault((*own, *product), place)
                if first != place:
                    repeated.setdefault(place, first)
    for place, first in list(repeated.items())[:SHOWN]:
        log.warning("manifest: %s is the same task as %s, and runs once", place, first)
    if len(repeated) > SHOWN:
        log.warning("manifest: and %d more are the same as others", len(repeated) - SHOWN)
    return [list(row) for row in rows], list(rows.values())


def _check_keys(
    rows: Sequence[Mapping[str, Any]], axes: set[str], master: DictConfig, option: str
) -> None:
    choices = master.hydra.runtime.choices
    for row in rows:
        for key in row:
            known = key in axes or key in choices or OmegaConf.select(master, key) is not None
            if not known:
                groups = [name for name in choices if not name.startswith("hydra/")]
                raise ConfigError(
                    f"'{key}' is no axis, group or key.{close_names(key, {*groups, *axes})}",
                    key=option,
                )


def _matches(row: Sequence[str], partial: Mapping[str, Any], master: DictConfig) -> bool:
    given = dict(one.lstrip("+").partition("=")[::2] for one in row)
    for key, value in partial.items():
        actual = given.get(key)
        if actual is None:
            actual = master.hydra.runtime.choices.get(key)
        if actual is None:
            actual = OmegaConf.select(master, key)
        if str(actual) not in map(str, value if isinstance(value, list | ListConfig) else [value]):
            return False
    return True


def _failure(returns: Sequence[Sequence[JobReturn]], folder: Path) -> SweepFailedError | None:
    ended = [one for batch in returns for one in batch]
    failed = [one._return_value for one in ended if one.status is JobStatus.FAILED]
    if not failed:
        return None
    failed = [one for one in failed if not isinstance(one, NotStartedError)] or failed
    first = failed[0]
    own = f"{first.mend}; then " if isinstance(first, OptbenchError) and first.mend else ""
    error = SweepFailedError(
        f"{len(failed)} of {counted(len(ended), 'job')} failed; the first: {first_line(first)}",
        key="hydra.sweep.dir",
        mend=f"{own}optbench retry_failed={shlex.quote(str(folder))} runs them again; each has "
        "its error in its status.json and job.log",
    )
    error.__cause__ = first
    return error
