"""Environment variables that must be set before opik, litellm or datasets are first imported.

One place for all of them. What the user has set stays.
"""

from __future__ import annotations

import os

from optbench.config import redact
from optbench.config.schema import TrackingConf, TrackingKind

_ALWAYS = {
    # litellm fetches its price map over the network at import unless told not to.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OPIK_OPTIMIZER_NO_BANNER": "1",
    # Its evaluations draw bars of their own over ours, also with verbose=0.
    "TQDM_DISABLE": "1",
    "OPIK_CONSOLE_LOGGING_LEVEL": "ERROR",
    # Both phone home by default.
    "OPIK_SENTRY_ENABLE": "false",
    "OPIK_ANALYTICS_ENABLE": "false",
}

EMBEDDED_URL = "http://opik.invalid/api"

_EMBEDDED = {
    # Never dialled: requests end in the embedded backend. Not the cloud's address, for
    # opik-optimizer throttles to 10 calls a second when it sees that.
    "OPIK_URL_OVERRIDE": EMBEDDED_URL,
    # Another name than `default` spares a request for each client.
    "OPIK_WORKSPACE": "optbench",
    # What never leaves the process is neither packed nor measured: that took a tenth of a rollout.
    "OPIK_ENABLE_JSON_REQUEST_COMPRESSION": "false",
    "OPIK_MAX_PAYLOAD_SIZE_MB": "0",
    "OPIK_IS_ATTACHMENT_EXTRACTION_ACTIVE": "false",
}


def quiet() -> None:
    """Sets what holds whoever is told about a task."""
    for name, value in _ALWAYS.items():
        os.environ.setdefault(name, value)


def prepare(tracking: TrackingConf) -> None:
    """Sets what is not set; with the embedded backend Opik's address is always its own."""
    quiet()
    if tracking.kind is TrackingKind.local:
        os.environ.update(_EMBEDDED)
        redact.take("OPIK_API_KEY")
    os.environ["OPIK_TRACK_DISABLE"] = "false" if tracking.spans else "true"
