"""What ``hydra/launcher=optbench`` can be told.

Without ``from __future__ import annotations``: Hydra executes plugin modules outside ``sys.modules``,
where a dataclass cannot look its string annotations up.
"""

from dataclasses import dataclass

from hydra.core.config_store import ConfigStore


@dataclass
class OptbenchLauncherConf:
    """Configuration of the launcher; belongs to the process that launches, never to a task."""

    _target_: str = "hydra_plugins.optbench_launcher.launcher.OptbenchLauncher"
    # Stop launching further jobs after the first that fails; false runs all and fails at the end.
    fail_fast: bool = False


ConfigStore.instance().store(
    group="hydra/launcher",
    name="optbench",
    node=OptbenchLauncherConf,
    provider="optbench_launcher",
)
