"""Errors a user can act on: each says what is wrong, where (the config key) and the mend."""

from __future__ import annotations


class OptbenchError(Exception):
    """Base of every error that optbench raises on purpose; printed without a traceback.

    Args:
        what: What is wrong, with the offending value.
        key: The config key it concerns, such as ``dataset.slices.test.count``.
        mend: What to do about it, one sentence or a command.
    """

    exit_code = 1

    def __init__(self, what: str, *, key: str | None = None, mend: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.key = key
        self.mend = mend

    def __str__(self) -> str:
        where = f"{self.key}: " if self.key else ""
        mend = f"\n  mend: {self.mend}" if self.mend else ""
        return f"{where}{self.what}{mend}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling, and job processes send errors home.
        return _rebuild, (type(self), self.what, self.key, self.mend)


def _rebuild(
    cls: type[OptbenchError], what: str, key: str | None, mend: str | None
) -> OptbenchError:
    return cls(what, key=key, mend=mend)


def first_line(error: BaseException) -> str:
    """What an error of a library says, in a line; its type where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class ConfigError(OptbenchError):
    """The configuration cannot work as it stands; nothing was started."""

    exit_code = 2


class DataError(OptbenchError):
    """A dataset cannot be read, or is not what the config says it is."""

    exit_code = 2


class NoProposalsError(OptbenchError):
    """The optimizer never got a usable answer from its own model, so nothing was optimised."""


class Halt(BaseException):
    """Ends a search through code that swallows exceptions; it never reaches the user.

    Not an ``Exception``: optimizers catch those and go on.
    """


class Cancelled(Halt):
    """The task is being ended; no further call or rollout starts."""


class BudgetExhausted(Halt):
    """The optimise phase has spent what it may.

    Args:
        which: The key of the budget that was hit, such as ``rollouts``.
    """

    def __init__(self, which: str) -> None:
        super().__init__(which)
        self.which = which


class Fatal(Halt):
    """An error after which the whole task cannot go on, whatever an optimizer makes of it.

    Args:
        error: What the user will read.
    """

    def __init__(self, error: OptbenchError) -> None:
        super().__init__(str(error))
        self.error = error
