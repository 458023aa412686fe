"""Names that this machine and the containers agree on; imports nothing."""

from __future__ import annotations

import os
from typing import NamedTuple

FUNCTION = "run_task"
"""Of the app; runs one task."""
MOUNT = "/results"
"""Where a container has the volume."""
SOURCE = "/root"
"""Where Modal has a container look for modules."""
RUNS, FILES, DEPLOYMENTS, CLAIMS = "runs", "files", "deployments", "claims"
"""Folders of the volume: jobs by sweep, inputs by content, what is deployed; and a Dict's suffix."""
DONE, OUTPUT = "done.json", "output"
"""In a job's folder: the reply, which comes last, and what belongs in the job's folder at home."""

_PREFIX = "OPTBENCH_MODAL_"
CODE_VARIABLE = f"{_PREFIX}CODE"
"""In a container: the fingerprint of the code that was deployed."""

SOURCE_VARIABLES = (f"{_PREFIX}PACKAGES", f"{_PREFIX}EXTRAS")
"""While it is deployed: what is, besides optbench; names with spaces between them."""


class Names(NamedTuple):
    """What things are called at Modal.

    Attributes:
        app: Of the app.
        volume: Of the volume.
        environment: Modal's environment; None: the profile's default.
    """

    app: str = "optbench"
    volume: str = "optbench-results"
    environment: str | None = None

    @property
    def claims(self) -> str:
        """Of the Dict in which a call claims a job."""
        return f"{self.app}-{CLAIMS}"

    def as_environment(self) -> dict[str, str]:
        """For a container, which has no config."""
        return {f"{_PREFIX}{key.upper()}": value for key, value in self._asdict().items() if value}

    @classmethod
    def from_environment(cls) -> Names:
        """As :meth:`as_environment` left them, else the defaults."""
        given = {key: os.environ.get(f"{_PREFIX}{key.upper()}") for key in cls._fields}
        return cls(**{key: value for key, value in given.items() if value})


def full_volume(name: str, said: str) -> dict[str, str]:
    """What, key and mend of the error that a volume without room is, here and in a container."""
    return {
        "what": f"volume '{name}' has no room left ({said})",
        "key": "hydra.launcher.modal.volume",
        "mend": f"modal volume rm -r {name} {RUNS}/<a sweep that is home>, or name another volume",
    }
