"""How well a reply serves the user, judged by a model against a reference."""

from __future__ import annotations

from optbench.metrics.judge import Judge


class PupaQuality(Judge):
    """1 for a reply at least as good as PUPA's reference reply, 0 for one of no use.

    What the reply gives away is not judged here but by ``pupa_leakage``.

    Args:
        target: Column of the reference, PUPA's ``target_response``.
        request: Column of what the user asked.
    """

    task = (
        "You judge how well a reply serves what a user asked for. The reference is a good reply to "
        "the same request. Names and other personal details may be replaced or left out in the "
        "reply: that is no fault."
    )
    best = "the reply serves the user at least as well as the reference."
    worst = "the reply is of no use to the user: it refuses, misses the request, or is wrong."

    def __init__(self, target: str, request: str = "user_query") -> None:
        super().__init__(target, request)
