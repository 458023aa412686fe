"""``make sbom`` names what optbench needs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOL = shutil.which("cyclonedx-py", path=str(ROOT / "build/audit/bin")) or shutil.which(
    "cyclonedx-py"
)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.slow
@pytest.mark.skipif(TOOL is None, reason="no cyclonedx-py here: make sbom installs it")
def test_it_names_every_direct_dependency(tmp_path: Path) -> None:
    (line,) = re.findall(r"cyclonedx-py (environment .*) -o ", (ROOT / "Makefile").read_text())
    file = tmp_path / "sbom.json"
    words = [str(TOOL), *line.split(), "-o", str(file), sys.executable]
    subprocess.run(words, check=True, capture_output=True, timeout=900)
    told = json.loads(file.read_text())
    assert told["bomFormat"] == "CycloneDX"
    versions = {canonical(one["name"]): one.get("version") for one in told["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {canonical(re.split(r"[\[<>=!~; ]", one)[0]) for one in project["dependencies"]}
    assert {name for name in needed if not versions.get(name)} == set()
