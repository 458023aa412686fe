"""One browser for all tests of the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import made_up
import pytest
from chromium import Browser, chromium

from optbench.report import page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of 2 datasets x 4 optimizers x 3 seeds x 60 items, one job failed."""
    runs = made_up.runs(n_items=60, failed=1)
    return page.write(
        runs,
        made_up.conclusions(runs.tasks, ["3 seeds are few."]),
        made_up.curves(runs.tasks),
        tmp_path_factory.mktemp("report") / "report.html",
        command="optbench-results report sweep",
    )
