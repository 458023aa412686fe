"""The wheel holds what a checkout holds, and works from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_wheel_finds_conf_and_plugin(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT],
        check=True,
    )
    (wheel,) = tmp_path.glob("optbench-*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        packed.extractall(site)
    for needed in (
        "optbench/conf/config.yaml",
        "optbench/conf/engine/local.yaml",
        "optbench/data/tickets.jsonl",
        "optbench/report/assets/page.html.j2",
        "optbench/report/assets/page.js",
        "hydra_plugins/optbench_launcher/launcher.py",
        "optbench_jobs/worker.py",
    ):
        assert needed in names
    assert not [name for name in names if name.startswith(("conf/", "launchers/", "tests/"))]
    code = (
        "import optbench, sys; assert optbench.__file__.startswith(sys.argv.pop(1)), optbench.__file__;"
        "from optbench.app import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(site), "-m", "model=simulated", "test_mode=true",
         "optimizer=none"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("result.json"))
