"""Slurm on one machine, as far as submitit and the launcher speak to it: five commands, one folder.

Jobs start at once. The database is a file for each job: its state, and the pid of its batch script.
It has no scheduler and no accounting: what Slurm does by itself (time limits, preemption, the OOM
killer) a test has to do to a job.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

JOBS = Path(os.environ["FAKE_SLURM"])


def read(job: str) -> dict[str, Any]:
    return dict(json.loads((JOBS / job).read_text()))


def write(job: str, **values: Any) -> None:
    aside = JOBS / f".{job}"
    aside.write_text(json.dumps(values))
    aside.rename(JOBS / job)


def sbatch(script: str) -> int:
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", Path(script).read_text(), re.MULTILINE))
    if asked.get("partition") == "closed":
        print("sbatch: error: invalid partition specified: closed", file=sys.stderr)
        return 1
    job = str(len(list(JOBS.glob("[0-9]*"))) + 1)
    write(job, state="RUNNING", asked=asked)
    subprocess.Popen(
        [sys.executable, __file__, "batch", job, script],
        start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    print(f"Submitted batch job {job}")
    return 0


def batch(job: str, script: str) -> int:
    """What slurmstepd does; not a command."""
    env = {**os.environ, "SLURM_JOB_ID": job, "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
    process = subprocess.Popen(["bash", script], env=env)
    write(job, **{**read(job), "pid": process.pid})
    code = process.wait()
    known = read(job)
    if known["state"] == "RUNNING":
        write(job, **{**known, "state": "FAILED" if code else "COMPLETED"})
    return 0


def srun(*words: str) -> int:
    given = {words[at]: words[at + 1] for at in (1, 3)}
    command = [word for word in words[5:] if not word.startswith("--cpus-per-task")]
    for number, name in ((1, "--output"), (2, "--error")):
        file = given[name].replace("%j", os.environ["SLURM_JOB_ID"]).replace("%t", "0")
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    step = JOBS / f"step.{os.environ['SLURM_JOB_ID']}"
    step.write_text(str(os.getpid()))
    os.execvp(command[0], command)


def scancel(*words: str) -> int:
    flags = dict(word[2:].split("=") for word in words if word.startswith("--"))
    for job in (word for word in words if not word.startswith("--")):
        known = read(job)
        if flags.get("state", known["state"]) != known["state"] or known["state"] != "RUNNING":
            continue
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            step = int((JOBS / f"step.{job}").read_text())
            os.kill(step, getattr(signal, f"SIG{flags.get('signal', 'KILL')}"))
        if "signal" not in flags:
            write(job, **{**known, "state": "CANCELLED by 0"})
    return 0


def sacct(*words: str) -> int:
    print("JobID|State|NodeList")
    for job in (words[at + 1] for at, word in enumerate(words) if word == "-j"):
        print(f"{job}|{read(job)['state']}|here")
        print(f"{job}.batch|RUNNING|here")
    return 0


if __name__ == "__main__":
    commands = {"sbatch": sbatch, "batch": batch, "srun": srun, "scancel": scancel, "sacct": sacct}
    sys.exit(commands[sys.argv[1]](*sys.argv[2:]))
