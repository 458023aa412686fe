"""How the simulated model judges: by whether the reply holds the answer that it knows.

A verdict is a pure function of seed and request. A reply that names the right answer gets a quality
of 0.75 to 1, any other 0 to 0.35; where the judge's orders say that a higher score is worse, the
score is 1 minus that. What it scores is SIMULATED, as all that this model says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from optbench.chat import ChatRequest
from optbench.metrics.text import folded, normalised, whole_words

RIGHT, WRONG = (0.75, 1.0), (0.0, 0.35)
"""Ranges of the quality that a reply is given."""

# What optbench's own judges call the reply; what Opik's do, of which one shows it without tags.
_JUDGED = re.compile(
    r"<(?P<tag>opik_output|reply)>\n(?P<reply>.*)\n</(?P=tag)>"
    r"|\nOutput:\n(?P<bare>(?!<opik_output>).*?)\n(?:\nContext:|\*{3})",
    re.DOTALL,
)
_HIGHER_IS_WORSE = re.compile(
    r"a higher score is worse|1\.0: the output is entirely unfaithful", re.IGNORECASE
)


def score_field(request: ChatRequest) -> str | None:
    """The field of a judge's verdict that holds the score; None for any other request."""
    named = (request.response_format or {}).get("json_schema")
    fields: Mapping[str, Any] = named["schema"].get("properties", {}) if named else {}
    found = [
        name
        for name, field in fields.items()
        if (name == "score" or name.endswith("_score")) and field.get("type") == "number"
    ]
    return found[0] if len(found) == 1 and "reason" in fields else None


def judge(
    request: ChatRequest,
    answers: Iterable[tuple[str, str]],
    field: str,
    draw: Callable[[str], float],
) -> dict[str, Any]:
    """A verdict that fits the request's schema.

    Args:
        request: Of a judge, see :func:`score_field`.
        answers: Text and right answer of each known item.
        field: Where the score goes.
        draw: From a text to a number in [0, 1), the same for the same text.
    """
    told = "\n".join(message["content"] for message in request.messages)
    # The orders may quote examples, so only the message that holds the reply tells of the item.
    parts = [message["content"] for message in request.messages if message["role"] == "user"]
    about = next((part for part in reversed(parts) if _JUDGED.search(part)), "")
    judged = _JUDGED.search(about)
    reply = (judged["reply"] or judged["bare"] or "") if judged else ""
    about = about.replace(reply, "") if reply else about
    known = [(text, answer) for text, answer in answers if text and text in about]
    answer = max(known, key=lambda one: len(one[0]), default=("", ""))[1]
    right = bool(answer) and bool(whole_words(normalised(answer)).search(folded(reply)))
    low, high = RIGHT if right else WRONG
    quality = low + (high - low) * draw(f"{about}\x1f{reply}")
    worse = bool(_HIGHER_IS_WORSE.search(told))
    said = "names the right answer" if right else "does not name the right answer"
    reason = f"SIMULATED verdict: the reply {said}."
    schema = (request.response_format or {})["json_schema"]["schema"]
    several = schema["properties"]["reason"].get("type") == "array"
    return {
        "reason": [reason] if several else reason,
        field: round(1 - quality if worse else quality, 3),
    }
