"""What ``optbench-modal collect`` takes besides a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from optbench_modal import cli, runs


def test_collect_takes_what_no_folder_may_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    monkeypatch.setattr("optbench.app.main", lambda: given.extend(sys.argv[1:]))
    monkeypatch.setattr(runs, "find", lambda _: (tmp_path, None))
    with pytest.raises(SystemExit, match="0"):
        cli.main(["collect", str(tmp_path), "--config-dir", "my_conf", "allow_imports=[mine]"])
    assert given == [
        f"resume='{tmp_path}'", "hydra.launcher.modal.collect=true",
        "--config-dir", "my_conf", "allow_imports=[mine]",
    ]  # fmt: skip
