"""The control that changes nothing: what a lift has to be measured against."""

from __future__ import annotations

from optbench.optimizers.protocol import Outcome, Problem


class NoOptimizer:
    """Gives the initial prompt back, for nothing."""

    proposes = False

    def optimize(self, problem: Problem) -> Outcome:
        """See the class."""
        return Outcome(problem.prompt, "not_optimised")
