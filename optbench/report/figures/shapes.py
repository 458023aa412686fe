"""Parts that several charts are made of."""

from __future__ import annotations

from typing import Any

from optbench.report.figures.values import Spec

Rows = list[dict[str, Any]]
_CELL_PX = 54  # that a number needs
_STEP_PX = 20  # of a line of a small chart


def names_axis() -> Spec:
    """The y axis with the names of optimizers."""
    axis = {"title": None, "domain": False, "ticks": False, "labelPadding": 6}
    return {"field": "optimizer", "type": "nominal", "sort": None, "axis": axis}


def by_unit(spec: Spec, values: list[dict[str, Any]]) -> Spec:
    """A small chart for each unit, one below the other, over the same scale.

    ``width: "container"`` in the inner chart is what the page and :mod:`optbench.report.pictures`
    replace: Vega-Lite itself does not fit facets to their container.
    """
    header = {"title": None, "labelAnchor": "start", "labelPadding": 4}
    return {
        "data": {"values": values},
        "facet": {"field": "unit", "type": "nominal", "sort": None, "header": header},
        "columns": 1,
        "spacing": 14,
        "spec": {"width": "container", "height": {"step": _STEP_PX}, **spec},
    }


def told(field: str, title: str, form: str | None = None) -> Spec:
    """A line of a tooltip: a number by its format, or a name."""
    spec = {"field": field, "title": title}
    return {**spec, "type": "quantitative", "format": form} if form else {**spec, "type": "nominal"}


def quantity(field: str, title: str, **more: Any) -> Spec:
    """A number on an axis."""
    return {"field": field, "type": "quantitative", "title": title, **more}


def matrix(rows: Rows, *, x: str, y: str, text: Spec, title: str, tooltip: list[Spec]) -> Spec:
    """Cells coloured by ``gain``, which is better when it is larger, with a number in each.

    Args:
        rows: The cells, in the order of rows and columns.
        x: The field of the columns.
        y: The field of the rows.
        text: What stands in a cell.
        title: Of the colours.
        tooltip: Lines of the tooltip.
    """
    largest = max((abs(row["gain"]) for row in rows if row["gain"] is not None), default=0) or 1
    quiet = {"title": None, "domain": False, "ticks": False}
    above = {**quiet, "orient": "top", "labelAngle": -30, "labelLimit": 150}
    colour = quantity(
        "gain",
        title,
        scale={"domain": [-largest, largest], "range": "diverging"},
        legend={"gradientLength": 160, "format": "+.2~f"},
    )
    return {
        "data": {"values": rows},
        # The page scrolls a chart in its own box sooner than to make it narrower than this.
        "usermeta": {"leastWidth": _CELL_PX * len({row[x] for row in rows})},
        "width": "container",
        "height": {"step": 28},
        "encoding": {
            "x": {"field": x, "type": "nominal", "sort": None, "axis": above},
            "y": {"field": y, "type": "nominal", "sort": None, "axis": quiet},
        },
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 3},
                "encoding": {"color": colour, "tooltip": tooltip},
            },
            {"mark": {"type": "text"}, "encoding": {"text": text, "tooltip": tooltip}},
        ],
    }


def zero() -> Spec:
    """A dashed line at nought."""
    at = {"datum": 0, "type": "quantitative"}
    return {"mark": {"type": "rule", "strokeDash": [3, 3]}, "encoding": {"x": at}}


def beside() -> Spec:
    """The text ``beside`` at the right edge of each row."""
    return {
        "mark": {"type": "text", "align": "left", "dx": 6, "fontSize": 11, "style": "soft"},
        "encoding": {"x": {"value": "width"}, "text": {"field": "beside"}},
    }
