"""Before anything imports opik or litellm: the environment that a task would set."""

from __future__ import annotations

import pytest

from optbench import environment
from optbench.config.schema import TrackingConf, TrackingKind

environment.prepare(TrackingConf(name="local", kind=TrackingKind.local))


@pytest.fixture
def hydras_own_version_base() -> None:
    """Hydra's suites expect Hydra's default, which optbench's own tests change for the process."""
    from hydra import __version__, version

    if __version__ < "1.4":  # which has none other than its own
        version.setbase("1.1")
