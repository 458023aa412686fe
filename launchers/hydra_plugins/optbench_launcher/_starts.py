"""The rows that a matrix begins with: the config's own, a manifest's, or the prompts of other sweeps."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.core.override_parser.types import Override

from optbench.config.words import package
from optbench.errors import ConfigError
from optbench.rerun import MANIFEST, TRANSFER

if TYPE_CHECKING:
    from .sweeper import MatrixSweeper

log = logging.getLogger(__name__)

_ALLOWING = "allow_imports"

Start = tuple[Mapping[str, Any], str]
"""A row to begin with, and where it stands in a manifest; nowhere if it is of no manifest."""
Keep = Callable[[Path], None]
"""Writes into a sweep's folder what it was started with."""


class Began(NamedTuple):
    """What a matrix begins with.

    Attributes:
        rows: What the axes multiply.
        overrides: The axes, without those that chose the rows.
        keep: So that the sweep's folder says by itself what is in it, and can go on.
    """

    rows: list[Start]
    overrides: list[Override]
    keep: Keep


def begin(sweeper: MatrixSweeper, overrides: Sequence[Override]) -> Began:
    """The rows of a launch.

    Raises:
        ConfigError: When a manifest or a sweep that it names cannot be read.
    """
    own: list[Start] = [(row, "") for row in sweeper.rows]
    if sweeper.transfer is not None:
        if sweeper.manifest is not None or own:
            raise ConfigError(
                "beside other rows: one of them at a time",
                key="hydra.sweeper.transfer",
                mend="leave the manifest, or hydra.sweeper.rows, out",
            )
        return _transferred(sweeper, list(sweeper.transfer), overrides)
    if sweeper.manifest is not None:
        manifest = Path(sweeper.manifest)
        rows = [*own, *_of_manifest(sweeper, manifest)]
        return Began(rows, list(overrides), lambda folder: _copy(manifest, folder / MANIFEST))
    return Began(own, list(overrides), lambda _: None)


def _of_manifest(sweeper: MatrixSweeper, manifest: Path) -> list[Start]:
    """A manifest's tasks; what means something else here than there is said."""
    from optbench.manifests.catalogue import Catalogue
    from optbench.manifests.translate import load

    assert sweeper.config is not None
    assert sweeper.hydra_context is not None
    catalogue = Catalogue(sweeper.hydra_context.config_loader, sweeper.config)
    found = load(manifest, catalogue, trusted=sweeper.trust_manifest)
    for note in found.notes:
        log.warning("manifest: %s", note)
    return list(zip(found.rows, found.places, strict=True))


def _copy(manifest: Path, kept: Path) -> None:
    if kept.exists() and kept.samefile(manifest):
        return
    half = kept.with_suffix(".tmp")
    shutil.copyfile(manifest, half)
    half.replace(kept)


def _transferred(
    sweeper: MatrixSweeper, sweeps: Sequence[str], overrides: Sequence[Override]
) -> Began:
    """The prompts of finished sweeps; what was left out is said."""
    from optbench.manifests.catalogue import Catalogue
    from optbench.transfers import rows, sources

    assert sweeper.config is not None
    assert sweeper.hydra_context is not None
    paths = [Path(one).expanduser() for one in sweeps]
    _refuse_own(paths, Path(str(sweeper.config.hydra.sweep.dir)))
    found = sources.read(paths)
    for note in found.notes:
        log.warning("transfer: %s", note)
    taken = rows.chosen(found.sources, _values(overrides, "optimizer"))
    axes = [one for one in overrides if one.get_key_element() != "optimizer"]
    catalogue = Catalogue(sweeper.hydra_context.config_loader, sweeper.config)
    made = rows.rows_of(taken, catalogue, [one.get_key_element() for one in axes])
    for note in made.notes:
        log.info("transfer: %s", note)
    return Began(
        [(row, "") for row in made.rows],
        axes,
        lambda folder: sources.keep(found.sources, folder / TRANSFER),
    )


def refuse_allowing(rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows may be anybody's, so which code may be named is said for a whole launch.

    Raises:
        ConfigError: For a row that says it.
    """
    for row in rows:
        for key in row:
            if package(key).partition(".")[0] == _ALLOWING:
                raise ConfigError(
                    "cannot be said in a row or an axis",
                    key=_ALLOWING,
                    mend="give it on the command line, for the whole launch",
                )


def _refuse_own(paths: Sequence[Path], folder: Path) -> None:
    """A sweep's folder says what it was started with, which another launch would write over."""
    if any(path.is_dir() and path.resolve() == folder.resolve() for path in paths):
        raise ConfigError(
            f"'{folder}' is the sweep that the prompts come from",
            key="hydra.sweep.dir",
            mend="choose another folder",
        )


def _values(overrides: Sequence[Override], key: str) -> list[str]:
    """What an axis, or a single override, chooses."""
    found: list[str] = []
    for one in overrides:
        if one.get_key_element() == key:
            swept = one.is_sweep_override()
            found += one.sweep_string_iterator() if swept else [one.get_value_element_as_str()]
    return found
