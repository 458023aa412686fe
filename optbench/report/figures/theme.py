"""How charts look; a chart itself holds no colour but by role, so that one spec serves both themes."""

from __future__ import annotations

from typing import Any

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
LABEL_PX = 170  # of the names at the left, in all charts

_PALETTES = {
    "light": [
        "#2f6db5", "#c8641b", "#2a8a57", "#b03a78", "#7556c2",
        "#8f7408", "#178fa0", "#b93a2f", "#5f6b7a", "#8a5a3a",
    ],
    "dark": [
        "#6fa8ee", "#f0995a", "#5cc795", "#ec86b7", "#b09cf5",
        "#d6b83c", "#55cbdc", "#f2837a", "#a3afbf", "#cfa07c",
    ],
}  # fmt: skip
_SENSE = {  # better, cannot be told, worse
    "light": ["#2f6db5", "#8a94a3", "#c8641b"], "dark": ["#6fa8ee", "#7d8998", "#f0995a"],
}  # fmt: skip
_INK = {"light": ("#1c2430", "#566172", "#dde2e9"), "dark": ("#e6eaf0", "#a5afbd", "#323b48")}
_DIVERGING = {
    "light": ["#e58f4e", "#f6d9c2", "#f3f4f6", "#c3dbf3", "#5f9fdc"],
    "dark": ["#a3541a", "#5d3a22", "#232a34", "#234a70", "#2f74b8"],
}


def config(theme: str) -> dict[str, Any]:
    """The Vega-Lite config of ``"light"`` or ``"dark"``."""
    ink, soft, line = _INK[theme]
    return {
        "background": None,
        "font": FONT,
        "view": {"stroke": None},
        "range": {"category": _PALETTES[theme], "diverging": _DIVERGING[theme],
                  "ordinal": _SENSE[theme]},
        "axis": {
            "labelColor": soft, "titleColor": soft, "gridColor": line, "domainColor": line,
            "tickColor": line, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
            "labelLimit": LABEL_PX,
        },
        "header": {"labelColor": ink, "labelFontSize": 13, "labelFontWeight": 600,
                   "labelLimit": 320},
        "legend": {
            "orient": "bottom", "labelColor": ink, "titleColor": soft, "labelFontSize": 12,
            "labelLimit": 170, "titleLimit": 300, "titleFontWeight": "normal", "symbolOpacity": 1,
        },
        "mark": {"color": _PALETTES[theme][0]},
        "axisX": {"tickCount": 5},
        "text": {"color": ink, "fontSize": 12},
        "rule": {"color": soft},
        "line": {"color": soft},
        "style": {"soft": {"fill": soft}},
    }  # fmt: skip
