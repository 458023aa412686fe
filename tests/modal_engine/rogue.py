"""An app that answers with what it should not, under the names that the engine looks for."""

from __future__ import annotations

import json
from pathlib import Path

import modal

app = modal.App("rogue")
volume = modal.Volume.from_name("optbench-results", create_if_missing=True)


@app.function(name="run_task", volumes={"/results": volume})
def run_task(payload: str) -> object:
    """By the seed: no JSON, another job's reply, or a success without a result."""
    told = json.loads(payload)
    output = Path("/results/runs") / told["run"] / told["key"] / "output"
    output.mkdir(parents=True, exist_ok=True)
    (output / "passwd").symlink_to("/etc/passwd")
    (output / "job.log").write_text("mine\n")
    volume.commit()
    reply = {"schema_version": 1, "key": told["key"], "attempt": 1, "state": "success"}
    seed = told["name"].rpartition("/s")[2].partition("-")[0]
    if seed == "1":
        return "no json"
    if seed == "2":
        return json.dumps({**reply, "key": "another"})
    return json.dumps(reply)
