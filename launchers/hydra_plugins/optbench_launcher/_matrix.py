"""From axes to jobs: expand, leave out, put in, compose each once, run all, report all failures."""

from __future__ import annotations

import copy
import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf, open_dict

from optbench.complaints import close_names, explain
from optbench.errors import ConfigError, OptbenchError

if TYPE_CHECKING:
    from .sweeper import MatrixSweeper

log = logging.getLogger(__name__)

CONTROLLER_KEYS = ("engine", "suite", "plan", "replay", "cache")
"""Chosen once for a whole launch: Hydra reads them before it knows of any job."""


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
    parser = OverridesParser.create(config_loader=context.config_loader)
    overrides = parser.parse_overrides([*sweeper._parse_config(), *arguments])
    _refuse_controller_axes(overrides)
    jobs = _expanded(overrides, sweeper.exclude, sweeper.include, config)
    composer = Composer(context.config_loader, config)
    composed = _composed(composer, jobs)
    # A launcher of ours takes them as they are; any other composes again.
    launcher.prepared = composed  # type: ignore[attr-defined]
    folder = Path(str(config.hydra.sweep.dir))
    folder.mkdir(parents=True, exist_ok=True)
    if OmegaConf.select(config, "plan") is not True:
        OmegaConf.save(config, folder / "multirun.yaml")
    returns: list[Sequence[JobReturn]] = []
    size = sweeper.max_batch_size or len(jobs) or 1
    for start in range(0, len(jobs), size):
        returns.append(launcher.launch(jobs[start : start + size], initial_job_idx=start))
    _raise_failures(returns, folder)
    return returns


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
    exclude: Sequence[Mapping[str, Any]],
    include: Sequence[Mapping[str, Any]],
    master: DictConfig,
) -> list[list[str]]:
    """Every job as its overrides, in the order of the command line, the last axis fastest."""
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
    rows = [list(row) for row in itertools.product(*axes.values())]
    _check_keys([*exclude, *include], {key.lstrip("+") for key in axes}, master)
    kept = [row for row in rows if not any(_matches(row, one, master) for one in exclude)]
    if len(kept) < len(rows):
        log.info("%d of %d combinations left out by hydra.sweeper.exclude",
                 len(rows) - len(kept), len(rows))  # fmt: skip
    base = [word for key in fixed for word in axes[key]]
    for row in include:
        own = [f"{key}={value}" for key, value in row.items()]
        named = set(row)
        kept.append([*(word for word in base if word.partition("=")[0] not in named), *own])
    return kept


def _check_keys(rows: Sequence[Mapping[str, Any]], axes: set[str], master: DictConfig) -> None:
    choices = master.hydra.runtime.choices
    for row in rows:
        for key in row:
            known = key in axes or key in choices or OmegaConf.select(master, key) is not None
            if not known:
                groups = [name for name in choices if not name.startswith("hydra/")]
                raise ConfigError(
                    f"'{key}' is no axis, group or key.{close_names(key, {*groups, *axes})}",
                    key="hydra.sweeper.exclude",
                )


def _matches(row: Sequence[str], partial: Mapping[str, Any], master: DictConfig) -> bool:
    given = dict(word.lstrip("+").partition("=")[::2] for word in row)
    for key, value in partial.items():
        actual = given.get(key)
        if actual is None:
            actual = master.hydra.runtime.choices.get(key)
        if actual is None:
            actual = OmegaConf.select(master, key)
        if str(actual) != str(value):
            return False
    return True


def _composed(
    composer: Composer, jobs: Sequence[Sequence[str]]
) -> dict[tuple[str, ...], DictConfig]:
    done: dict[tuple[str, ...], DictConfig] = {}
    wrong: list[str] = []
    said: set[str] = set()
    for job in jobs:
        try:
            done[tuple(job)] = composer.compose(job)
        except Exception as error:  # Hydra's, OmegaConf's, or a resolver's
            why = explain(error).removeprefix("error: ")
            if why not in said:
                said.add(why)
                wrong.append(f"{' '.join(job)}: {why}")
    if wrong:
        raise ConfigError(
            f"{len(wrong)} combinations cannot be composed, nothing was started:\n  "
            + "\n  ".join(wrong)
        )
    return done


def _raise_failures(returns: Sequence[Sequence[JobReturn]], folder: Path) -> None:
    ended = [one for batch in returns for one in batch]
    failed = [one for one in ended if one.status is JobStatus.FAILED]
    if failed:
        first = failed[0]._return_value
        raise SweepFailedError(
            f"{len(failed)} of {len(ended)} jobs failed",
            key="hydra.sweep.dir",
            mend=f"optbench retry_failed={folder} runs them again; each has its error in its "
            "status.json and job.log",
        ) from first


class Composer:
    """Composes jobs, each once.

    Hydra takes some 70 ms for a job, most of it to read and merge files. Jobs that differ in plain
    values only (a seed, a number) come of the same files: the first is composed, for the others the
    values are set in a copy, which a property test holds equal to Hydra's own result.

    Args:
        loader: Hydra's config loader.
        master: The config of the whole launch.
    """

    def __init__(self, loader: Any, master: DictConfig) -> None:
        self._loader = loader
        self._master = master
        self._parser = OverridesParser.create(config_loader=loader)
        self._known: dict[tuple[str, ...], DictConfig] = {}
        self.full = 0
        """How many jobs were composed by Hydra."""

    def compose(self, words: Sequence[str]) -> DictConfig:
        """The config of one job.

        Raises:
            HydraException, OmegaConfBaseException: What is wrong with its overrides.
        """
        values = self._plain_values(words)
        structure = tuple(word for word in words if word not in values)
        # Which keys are set matters as much as the files: the copy has to set them all again.
        kind = (*structure, *(word.partition("=")[0] for word in values))
        base = self._known.get(kind)
        if base is None:
            self.full += 1
            composed: DictConfig = self._loader.load_sweep_config(self._master, list(words))
            self._known[kind] = copy.deepcopy(composed)
            return composed
        cfg = copy.deepcopy(base)
        try:
            for override in self._parser.parse_overrides(list(values)):
                OmegaConf.update(cfg, override.key_or_group, override.value(), merge=True)
        except Exception:  # a value that does not fit: Hydra says so in its own words
            self.full += 1
            refused: DictConfig = self._loader.load_sweep_config(self._master, list(words))
            return refused
        with open_dict(cfg):
            recorded = list(base.hydra.overrides.task)
            given = {word.partition("=")[0]: word for word in values}
            cfg.hydra.overrides.task = [given.get(w.partition("=")[0], w) for w in recorded]
            # Hydra 1.4 computes it where it is read.
            if not OmegaConf.is_interpolation(cfg.hydra.job, "override_dirname"):
                cfg.hydra.job.override_dirname = self._dirname(cfg)
        return cfg

    def _plain_values(self, words: Sequence[str]) -> list[str]:
        """The overrides that set one value and choose no file."""
        keys = [word.partition("=")[0] for word in words]
        choices = self._master.hydra.runtime.choices
        return [
            word
            for word, key in zip(words, keys, strict=True)
            if key.replace(".", "").replace("_", "").isalnum()
            and not key.startswith("hydra.")
            and key not in choices
            and not any(_related(key, other) for other in keys if other is not key)
        ]

    def _dirname(self, cfg: DictConfig) -> str:
        from hydra._internal.config_loader_impl import get_overrides_dirname

        form = cfg.hydra.job.config.override_dirname
        dirname: str = get_overrides_dirname(
            overrides=self._parser.parse_overrides(list(cfg.hydra.overrides.task)),
            kv_sep=form.kv_sep,
            item_sep=form.item_sep,
            exclude_keys=form.exclude_keys,
        )
        return dirname


def _related(one: str, other: str) -> bool:
    """Whether one key is the other, or lies within it: then their order matters."""
    one, other = (key.lstrip("+~").partition("@")[0] for key in (one, other))
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
