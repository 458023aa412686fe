from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import made_up
import pytest

from optbench.errors import OptbenchError
from optbench.report import album


def test_every_chart_and_choice_is_a_picture(tmp_path: Path) -> None:
    runs = made_up.runs(n_items=5)
    said, drawn = made_up.conclusions(runs.tasks, []), made_up.curves(runs.tasks)
    written = album.write(runs, said, drawn, tmp_path / "new" / "folder")
    names = {path.name for path in written}
    assert {"forest.svg", "heat_map.svg", "critical_difference.svg"} <= names
    assert sum(name.startswith("anytime-") for name in names) > 1
    assert names == {path.name for path in (tmp_path / "new" / "folder").iterdir()}
    for path in written:
        assert ElementTree.parse(path).getroot().tag.endswith("svg")


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    runs = made_up.runs(n_items=5)
    said, drawn = made_up.conclusions(runs.tasks, []), made_up.curves(runs.tasks)
    (tmp_path / "file").write_text("")
    with pytest.raises(OptbenchError, match="cannot be written"):
        album.write(runs, said, drawn, tmp_path / "file" / "x")


def test_names_of_files_hold_no_path() -> None:
    assert album.file_name("anytime", ["../../etc, m", "USD"]) == "anytime-etc_m-usd"
    assert album.file_name("forest", ["日本"]) == "forest-x"
