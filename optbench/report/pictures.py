"""Charts as pictures, by the same library that draws them in the page; no browser is needed."""

from __future__ import annotations

from typing import Any

from optbench.errors import OptbenchError
from optbench.report.figures.theme import config

WIDTH_PX = 560
"""Of the plotting area."""


def svg(spec: dict[str, Any], *, theme: str = "light") -> str:
    """A chart as an SVG document; it fetches nothing.

    Args:
        spec: A Vega-Lite spec of :mod:`optbench.report.figures`.
        theme: ``"light"`` (on white) or ``"dark"``.

    Raises:
        OptbenchError: When the extra ``report`` is not installed.
    """
    background = {"light": "white", "dark": "#12161c"}[theme]
    library = vl_convert()
    return str(
        library.vegalite_to_svg(
            sized(spec, WIDTH_PX),
            config={**config(theme), "background": background},
            allowed_base_urls=[],
        )
    )


def sized(spec: dict[str, Any], width: int) -> dict[str, Any]:
    """The spec with a width in px wherever it says ``"container"``."""
    if "spec" in spec:
        return {**spec, "spec": sized(spec["spec"], width)}
    return {**spec, "width": width} if spec.get("width") == "container" else spec


def vl_convert() -> Any:
    """The package that has Vega in it.

    Raises:
        OptbenchError: When the extra ``report`` is not installed.
    """
    try:
        import vl_convert as library
    except ImportError as error:
        raise OptbenchError(
            "charts need the package vl-convert-python", mend="pip install 'optbench[report]'"
        ) from error
    return library
