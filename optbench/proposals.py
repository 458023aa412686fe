"""What an optimizer has proposed, and what is to be said when that is nothing."""

from __future__ import annotations

from optbench.config.schema import Config
from optbench.errors import NoProposalsError
from optbench.models.calls import Call
from optbench.models.ledger import Ledger
from optbench.prompts import Candidate
from optbench.recorder import Recorder


class Proposals:
    """The proposals of one search, while it goes on.

    Args:
        config: The task's.
        ledger: With the calls that the optimizer made for itself.
        recorder: With what was scored so far.
        initial: The prompt that the search began with, which is no proposal.
    """

    def __init__(
        self, config: Config, ledger: Ledger, recorder: Recorder, initial: Candidate
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._recorder = recorder
        self._initial = initial.fingerprint

    def __len__(self) -> int:
        """How many different candidates were scored."""
        return len({trial.prompt.fingerprint for trial in self._recorder.trials} - {self._initial})

    def failed(self) -> bool:
        """Whether an error of the optimizer's is its own model's failure: nothing tried, some lost."""
        return len(self) == 0 and any(call.outcome != "ok" for call in self._asked())

    def never_answered(self) -> bool:
        """Whether the optimizer has asked its model, and had no reply of use."""
        asked = self._asked()
        return bool(asked) and all(call.outcome != "ok" for call in asked)

    def error(self) -> NoProposalsError:
        """That there are none, with the last error of the model that should have written them."""
        asked = self._asked()
        failed = [call for call in asked if call.outcome != "ok"]
        why = next((call.error for call in reversed(failed) if call.error), None)
        return NoProposalsError(
            f"no proposals: the optimizer made {len(asked)} calls of its own, {len(failed)} of them "
            f"of no use, and tried {len(self)} candidates"
            + (f"; the last error was: {why}" if why else ""),
            key="optimizer_model" if self._config.optimizer_model else "model",
            mend="choose a model that can write prompts: model@optimizer_model=...",
        )

    def _asked(self) -> list[Call]:
        return self._ledger.calls(phase="optimise", role="optimizer")
