"""Before anything imports opik or litellm: the environment that a task would set."""

from __future__ import annotations

from optbench import environment
from optbench.config.schema import TrackingConf, TrackingKind

environment.prepare(TrackingConf(name="local", kind=TrackingKind.local))
