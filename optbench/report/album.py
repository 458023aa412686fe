"""All charts of a set of runs as pictures in a folder, for papers and READMEs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from optbench.errors import OptbenchError
from optbench.report.gallery import gallery
from optbench.report.pictures import svg
from optbench.report.runs import Runs, ordinary
from optbench.statistics.conclude import named

if TYPE_CHECKING:
    import pandas as pd

    from optbench.statistics.conclusions import Conclusions

_TOO_MANY = 200
"""Pictures; a chart has one for each dataset and unit of cost."""


def write(
    runs: Runs,
    conclusions: Conclusions,
    curves: pd.DataFrame,
    folder: Path,
    *,
    theme: str = "light",
) -> list[Path]:
    """Writes an SVG file for each chart, and for each choice that it offers.

    Args:
        runs: What was read.
        conclusions: What statistics say of it.
        curves: See :func:`optbench.report.page.write`.
        folder: Where; made when it is not there.
        theme: ``"light"`` or ``"dark"``.

    Returns:
        The files.

    Raises:
        OptbenchError: When the extra ``report`` is not installed, there would be far too many, or they
            cannot be written.
    """
    charts = gallery(ordinary(named(runs.tasks)), conclusions, curves)
    specs = [
        (file_name(name, one["for"]), one["spec"])
        for name, chart in charts.items()
        for one in chart["specs"]
    ]
    if len(specs) > _TOO_MANY:
        raise OptbenchError(
            f"these runs have {len(specs)} charts, over {_TOO_MANY}",
            mend="choose some of them with --where",
        )
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, spec in specs:
            path = folder / f"{name}.svg"
            path.write_text(svg(spec, theme=theme), encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise OptbenchError(f"the pictures cannot be written: {error}") from error
    return written


def file_name(chart: str, choices: list[str]) -> str:
    """Of a chart and what was chosen in it, whatever characters the names of datasets have."""
    return "-".join(
        re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_")[:60] or "x"
        for word in (chart, *choices)
    )
