"""optbench's app at Modal with a task that takes no time, for :mod:`modal_sweep`.

In the place of the worker it writes the result that a task would, commits and answers, so that what
is measured is the launch, the protocol and the way home.
"""

from __future__ import annotations

from pathlib import Path

import modal

from optbench_modal import app as real
from optbench_modal.names import DONE, FUNCTION, MOUNT, OUTPUT, RUNS, SOURCE

BRIEF = {
    "dataset": "tickets", "optimizer": "none", "model": "simulated", "seed": 1,
    "finish_reason": "not_optimised", "objective": "exact_match", "initial": 0.5, "final": 0.5,
    "n": 80, "simulated": True,
}  # fmt: skip
FILES = ("task.json", "status.json", "job.log", "items.parquet", "trials.jsonl", "result.json")
"""Of a job's folder; the last is what success is known by."""

app = modal.App("instant")
_image = (
    real._image(real.told_source(), real._names).add_local_file(
        __file__, f"{SOURCE}/instant_modal.py"
    )
    if modal.is_local()
    else modal.Image.debian_slim()
)


@app.function(
    name=FUNCTION,
    image=_image,
    volumes={MOUNT: real.volume},
    timeout=real.TIMEOUT_S,
    retries=0,
    include_source=False,
    _experimental_restrict_output=True,
)
def run_task(payload: str) -> str:
    """Answers as the worker does."""
    from optbench_modal.payload import Payload, Reply

    told = Payload.loads(payload)
    place = Path(MOUNT) / RUNS / told.run / told.key
    (place / OUTPUT).mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (place / OUTPUT / name).write_text('{"state": "success"}')
    reply = Reply(told.key, told.attempt, "success", BRIEF).dumps()
    (place / DONE).write_text(reply)
    real.volume.commit()
    return reply
