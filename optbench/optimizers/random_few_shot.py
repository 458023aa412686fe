"""The control that searches blindly: demonstrations at random, the best kept.

In published comparisons such a search is hard to beat, and it needs no model to reason with, so
every study should hold it. It is also the worked example of the optimizer protocol.
"""

from __future__ import annotations

import random

from optbench.chat import Message
from optbench.data.items import Item
from optbench.errors import ConfigError
from optbench.optimizers.protocol import Outcome, Problem
from optbench.prompts import Prompt, stays


class RandomFewShot:
    """Random search over demonstrations from train, placed as chat turns before the question.

    Args:
        min_examples: Fewest demonstrations of a candidate.
        max_examples: Most demonstrations of a candidate.

    Raises:
        ConfigError: When the two make no range.
    """

    proposes = True

    def __init__(self, *, min_examples: int, max_examples: int) -> None:
        if not 1 <= min_examples <= max_examples:
            raise ConfigError(
                f"min_examples={min_examples}, max_examples={max_examples} is no range",
                key="optimizer.params",
                mend="choose 1 <= min_examples <= max_examples",
            )
        self.min_examples = min_examples
        self.max_examples = max_examples

    def optimize(self, problem: Problem, *, max_trials: int) -> Outcome:
        """Scores ``max_trials`` distinct draws on the validation slice and keeps the best.

        The initial prompt stays when no draw beats it, and the earlier draw when two are equal.
        """
        rng = random.Random(problem.seed)
        # A text that names a column in braces would be filled in when the prompt is rendered.
        usable = [
            item
            for item in problem.train
            if all(stays(turn["content"], problem.columns) for turn in problem.demonstrate(item))
        ]
        best, best_score = problem.prompt, problem.score(problem.baseline)
        tried = {problem.prompt.fingerprint}
        chosen: list[str] = []
        for _ in range(max_trials):
            draw = self._draw(rng, usable)
            candidate = _with_demonstrations(problem, draw)
            if candidate.fingerprint in tried:
                continue
            tried.add(candidate.fingerprint)
            score = problem.score(problem.evaluate(candidate))
            if score > best_score:
                best, best_score, chosen = candidate, score, [item.id for item in draw]
        return Outcome(best, "max_trials", {"demonstrations": chosen})

    def _draw(self, rng: random.Random, usable: list[Item]) -> list[Item]:
        most = min(self.max_examples, len(usable))
        count = rng.randint(min(self.min_examples, most), most)
        return rng.sample(usable, count)


def _with_demonstrations(problem: Problem, items: list[Item]) -> Prompt:
    *head, question = problem.only.messages
    turns: list[Message] = [turn for item in items for turn in problem.demonstrate(item)]
    return Prompt((*head, *turns, question), problem.only.params)
