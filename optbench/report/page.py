"""The report: one HTML file that needs no network, whatever stands in the results it shows.

Three walls stand between a model's output and the reader's browser. The template escapes all that it
prints; what the script shows comes out of packed data and enters the page as text alone; and a content
security policy names the hashes of the only two scripts and the only style that may run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.errors import OptbenchError
from optbench.replacing import replacing
from optbench.report import contents, tables
from optbench.report.blocks import Blocks
from optbench.report.drilldown import drilldown
from optbench.report.figures import config
from optbench.report.gallery import gallery
from optbench.report.pictures import vl_convert
from optbench.report.runs import Runs, ordinary
from optbench.report.visible import boxed
from optbench.statistics.conclude import named

if TYPE_CHECKING:
    import pandas as pd

    from optbench.statistics.conclusions import Conclusions

_SCRIPTS = ("text.js", "table.js", "charts.js", "job.js", "page.js")


def write(
    runs: Runs,
    conclusions: Conclusions,
    curves: pd.DataFrame,
    path: Path,
    *,
    command: str = "",
    launches: Sequence[str] = (),
    title: str = "optbench report",
) -> Path:
    """Writes the report.

    Args:
        runs: What was read, see :func:`optbench.results.load`.
        conclusions: What statistics say of it.
        curves: ``dataset, model, optimizer, axis, x, mean, low, high, n_seeds``: best validation score
            so far on a grid of x; axis is ``rollouts``, ``tokens``, ``cost_usd`` or ``seconds``.
        path: Of the file; it is replaced whole.
        command: The command that makes this page anew.
        launches: The commands that run its sweeps anew, untrusted.
        title: Of the page.

    Returns:
        The path.

    Raises:
        OptbenchError: When the extra ``report`` is not installed, or the file cannot be written.
    """
    document = html(runs, conclusions, curves, command=command, launches=launches, title=title)
    path = Path(path)
    try:
        with replacing(path) as aside:
            # What no file can hold, such as half a character, was made visible before.
            aside.write_text(document, encoding="utf-8", errors="replace")
    except OSError as error:
        raise OptbenchError(f"the report cannot be written: {error}") from error
    return path


def html(
    runs: Runs,
    conclusions: Conclusions,
    curves: pd.DataFrame,
    *,
    command: str,
    title: str,
    launches: Sequence[str] = (),
) -> str:
    """The document, see :func:`write`."""
    blocks = Blocks()
    tasks, problems = ordinary(named(runs.tasks)), ordinary(runs.problems)
    opened = drilldown(runs, tasks, blocks)
    charts = gallery(tasks, conclusions, curves)
    shown = {
        "jobs": tables.jobs(tasks, opened),
        "scores": tables.scores(conclusions.scores),
        "pairs": tables.pairs(conclusions.pairs),
        "failures": tables.failures(tasks),
        "problems": tables.problems(problems),
    }
    data = {
        "charts": charts,
        "themes": {theme: config(theme) for theme in ("light", "dark")},
        "tables": shown,
        "limit": opened.limit,
    }
    style, library, script = _asset("page.css"), _library(), "\n".join(map(_asset, _SCRIPTS))
    return str(
        _template().render(
            title=title,
            policy=_policy([library, script], [style]),
            style=_markup(style),
            library=_markup(library),
            script=_markup(script),
            main=blocks.add(data),  # the last of the blocks
            blocks=[_markup(text) for text in blocks.texts],
            charts=charts,
            head=contents.head(tasks, conclusions, opened),
            board=contents.leaderboard(conclusions),
            provenance=contents.provenance(tasks),
            counts={name: len(one["data"][0]) for name, one in shown.items()},
            limit=opened.limit,
            command=command,
            launches=list(launches),
        )
    )


def _policy(scripts: list[str], styles: list[str]) -> str:
    """The content security policy: nothing is loaded, and only what we wrote runs.

    Trusted Types forbid to make HTML out of a text, to Vega as to us; see ``assets/text.js``.
    """
    return "; ".join(
        [
            "default-src 'none'",
            "script-src " + " ".join(map(_hash, scripts)),
            "style-src " + " ".join(map(_hash, styles)),
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types default",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _library() -> str:
    """Vega, Vega-Lite and vega-embed as one script; making it takes some seconds."""
    text = vl_convert().javascript_bundle("window.vegaEmbed = vegaEmbed;")
    if "</script" in text.lower() or "<!--" in text:
        raise OptbenchError(
            "the script of the installed vl-convert-python cannot stand in a page",
            mend="install another version of it",
        )
    return str(text)


@cache
def _asset(name: str) -> str:
    return (resources.files("optbench.report") / "assets" / name).read_text(encoding="utf-8")


def _markup(text: str) -> Any:
    """A text of ours that is not escaped."""
    from markupsafe import Markup

    return Markup(text)


def _template() -> Any:
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError as error:
        raise OptbenchError(
            "the report needs the package jinja2", mend="pip install 'optbench[report]'"
        ) from error
    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        finalize=boxed,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    return environment.get_template("page.html.j2")
