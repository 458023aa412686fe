"""The sweeper as Hydra sees it; light, since Hydra imports it at every start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from optbench.errors import ConfigError

from . import config as config  # hydra >= 1.4 imports this module alone: it must bring the schema


class MatrixSweeper(BasicSweeper):
    """All that Hydra's own sweeper takes, with rows left out and rows put in.

    Args:
        max_batch_size: Jobs handed to the launcher at a time; None: all.
        params: Axes that stand in the config, as Hydra's own sweeper has them.
        exclude: Partial assignments; a job that matches one of them whole is left out. A list of values
            stands for any of them.
        include: Assignments of further jobs, each beside the overrides that are not swept.
        rows: Assignments that the axes multiply; an override takes the place of what they say.
        manifest: A JSON file of such rows.
        trust_manifest: Whether it may name code and servers.
        transfer: Folders of finished sweeps, whose prompts are such rows.

    Raises:
        ConfigError: When batches would be empty, or rows are none.
    """

    def __init__(
        self,
        max_batch_size: int | None,
        params: Mapping[str, Any] | None = None,
        exclude: Sequence[Mapping[str, Any]] | None = None,
        include: Sequence[Mapping[str, Any]] | None = None,
        rows: Sequence[Mapping[str, Any]] | None = None,
        manifest: str | None = None,
        trust_manifest: bool = False,
        transfer: Sequence[str] | None = None,
    ) -> None:
        if max_batch_size is not None and max_batch_size < 1:
            raise ConfigError(
                f"{max_batch_size} is below 1",
                key="hydra.sweeper.max_batch_size",
                mend="choose 1 or more, or null: all at once",
            )
        if params is not None and not isinstance(params, Mapping):
            raise ConfigError(
                f"'{params}' holds no axes",
                key="hydra.sweeper.params",
                mend="write 'hydra.sweeper.params={seed: \"1,2,3\"}'",
            )
        super().__init__(max_batch_size, None if params is None else dict(params))
        self.exclude = _rows(exclude, "exclude")
        self.include = _rows(include, "include")
        self.rows = _rows(rows, "rows")
        self.manifest = manifest
        self.trust_manifest = trust_manifest
        self.transfer = None if transfer is None else [str(one) for one in transfer]

    def sweep(self, arguments: list[str]) -> Any:
        """Composes every job before the first starts, and runs all batches whatever fails."""
        # Hydra scans plugins at start: the work is imported when there is some.
        from . import _matrix

        return _matrix.sweep(self, arguments)

    def tasks(self, arguments: list[str]) -> Any:
        """The config of each job, without Hydra's node; nothing is started."""
        from . import _matrix

        return _matrix.tasks(self, arguments)


def _rows(given: Any, name: str) -> list[dict[str, Any]]:
    for row in given or []:
        if not isinstance(row, Mapping) or not row:
            raise ConfigError(
                f"'{row}' is no row of keys and values",
                key=f"hydra.sweeper.{name}",
                mend=f"write 'hydra.sweeper.{name}=[{{optimizer: none, seed: 1}}]'",
            )
    return [dict(row) for row in given or []]
