"""The launcher as Hydra sees it; light, since Hydra imports it at every start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from . import config as config  # hydra >= 1.4 imports this module alone: it must bring the schema


class OptbenchLauncher(Launcher):
    """Runs the jobs of a sweep, each in its own folder, and lets none take the others down.

    Args:
        **options: See :class:`.config.OptbenchLauncherConf`.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.preparation: Any = None
        self.prepared: list[Any] = []
        """The jobs of the whole launch, where the sweeper has had them made."""
        self.left_out = 0
        """Combinations that the sweeper leaves out; for the plan."""
        self.places: list[str] = []
        """Where each of the jobs stands in a manifest; set by the sweeper where there is one."""
        self.reads_no_configs = False
        """Set by a sweeper that reads no configs of the returns: thousands take much memory."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keeps what Hydra hands over; nothing starts here."""
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def run_alone(self, task: Any, folder: Path) -> Any:
        """Runs one task outside of any sweep, on the same engine; see :mod:`._alone`."""
        from . import _alone

        return _alone.run(self.options, task, folder)

    def prepare(self, job_overrides: Sequence[Sequence[str]]) -> None:
        """Makes all jobs of a launch, before they come in batches; see :func:`._sweep.prepare`."""
        from . import _sweep

        self.prepared = _sweep.prepare(self, job_overrides)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Runs the jobs; one return per job, in their order, failed ones included."""
        # Hydra scans plugins at start: the work is imported when there is some.
        from . import _sweep

        return _sweep.launch(self, job_overrides, initial_job_idx)
