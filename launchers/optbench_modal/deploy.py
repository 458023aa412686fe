"""Makes the app of what is here, and records what it was made of."""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
from datetime import UTC, datetime

import modal

from . import cloud
from .names import DEPLOYMENTS, SOURCE_VARIABLES, Names
from .source import Source


def deploy(names: Names, source: Source, *, quiet: bool = False) -> str:
    """Deploys, and says so on the volume.

    Args:
        names: What things are to be called.
        source: What is deployed.
        quiet: Show none of Modal's progress.

    Returns:
        The fingerprint of what was deployed.

    Raises:
        modal.exception.Error: What Modal refuses.
    """
    # The app is a module, which Modal imports by name here and in containers: it is told by variables.
    os.environ.update(names.as_environment())
    os.environ.update(zip(SOURCE_VARIABLES, map(" ".join, source), strict=True))
    sys.modules.pop(f"{__package__}.app", None)
    app = importlib.import_module(f"{__package__}.app")
    code = source.fingerprint()
    # Jobs that run keep their containers; one of the code before refuses a new job, see the worker.
    told = {"name": names.app, "environment_name": names.environment, "strategy": "rolling"}
    if quiet:
        app.app.deploy(**told)
    else:
        with modal.enable_output():
            app.app.deploy(**told)
    record = {
        "code": code,
        "python": source.python,
        "deployed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "pins": source.pins(),
        **cloud.here(),
    }
    volume = modal.Volume.from_name(names.volume, environment_name=names.environment)
    with volume.batch_upload(force=True) as batch:
        text = json.dumps(record, indent=2).encode()
        batch.put_file(io.BytesIO(text), f"/{DEPLOYMENTS}/{names.app}.json")
    return code
