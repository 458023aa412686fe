"""Outputs that try to leave the place where they are shown."""

from __future__ import annotations

ATTACKS = (
    "<script>window.owned = 1</script>",
    "</script><script>window.owned = 1</script>",
    "<!--<script>window.owned = 1</script>-->",
    "<img src=x onerror='window.owned = 1'>",
    '"><svg onload="window.owned = 1">',
    "' onmouseover='window.owned = 1' x='",
    '" autofocus onfocus="window.owned = 1',
    "<iframe srcdoc='<script>parent.owned = 1</script>'></iframe>",
    "<a href='javascript:window.owned = 1'>here</a>",
    "javascript:window.owned=1//",
    "{{ 7 * 7 }} {% raw %} ${7 * 7} #{7 * 7} <%= 7 * 7 %>",
    "datum['x'] + window.owned || length(data('source_0'))",
    '"); window.owned = 1; ("',
    "\\u003cscript\\u003ewindow.owned=1\\u003c/script\\u003e &lt;b&gt; &#60;b&#62;",
    "safe\u202e)1 = denwo.wodniw(\u202c \u2066isolated\u2069 \u200ezero\u200bwidth\ufeff",
    "bell\x07 escape\x1b[31mred nul\x00 delete\x7f next\x85 back\x08space",
    "line\u2028and\u2029paragraph separators\r\nand a plain one\n\tand a tab",
    "seen \U000e0048\U000e0049 unseen",
    "half of a character \ud83d here",
    "]]> --> */ \\ ' \" ` \x1f",
    "A" * 250_000,
    "\u0301" * 2_000 + "zalgo",
)
NAMES = (
    "</script><script>window.owned=1</script>",
    "'\"><img src=x onerror=window.owned=1>",
    "datum.x]; window.owned=1",
    "\u202egnp.evil {{7*7}} \x1b[0m",
)
"""What a dataset, an optimizer or a model might be called in a folder that somebody sent."""
