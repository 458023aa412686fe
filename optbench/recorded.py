"""What a folder's own record of its command may not decide: it may come from anybody.

To resume a folder is to give its recorded command again. What that command computes is the folder's to
say; which code may run for it, and where keys are sent, is its user's.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from optbench.config.words import covers, package
from optbench.errors import ConfigError

CONFIG_DIR = ("--config-dir", "-cd")
"""Flags that name a folder of options."""

_OF_HYDRA = ("hydra/launcher", "hydra/sweeper", "hydra.verbose", "hydra.job.chdir")
_WITHIN_HYDRA = ("hydra.launcher.", "hydra.sweeper.")
_POWER = (
    "allow_imports",
    "hydra.sweeper.trust_manifest",
    "hydra.launcher.slurm.setup",  # shell lines
    "hydra.launcher.slurm.additional_parameters",
)
"""Keys that name code or let it be named, with all that they are part of and all below them."""
_WORDS_OF_POWER = re.compile(
    # A server, or whose key it gets, by whatever key; and what may come to anything.
    r"allow_imports|_target_|api_base|base_url|endpoint|api_key_env|://|\$\{"
)
_OVERRIDE = re.compile(r"(\+\+?|~)?[A-Za-z_][\w.$@:/-]*=.*|~[A-Za-z_][\w.$@:/-]*", re.DOTALL)
"""What Hydra records of a command; a flag has no place there, and one of them unpickles a file."""


def refuse_flags(words: Sequence[str], folder: Path, key: str) -> None:
    """Takes overrides only.

    Args:
        words: Recorded ones.
        folder: Whose record they are of.
        key: ``resume``, ``retry_failed`` or ``replay``.

    Raises:
        ConfigError: When one is anything else.
    """
    for word in words:
        if not _OVERRIDE.fullmatch(word):
            raise ConfigError(
                f"the record of '{folder}' holds '{word:.80}', which is no override",
                key=key,
                mend="give the whole command, with its folder as hydra.sweep.dir or hydra.run.dir",
            )


def own(words: Sequence[str], config_dir: str | None, given: Sequence[str]) -> list[str]:
    """What a record asks for that its user has to say; the words of a command line.

    Args:
        words: Recorded overrides.
        config_dir: The recorded folder of options; files in it may name any code.
        given: What the user has said, which is not asked for again.
    """
    again = {_key(word) for word in given}
    asked = [word for word in words if _has_power(word) and _key(word) not in again]
    if config_dir is not None and not any(word.partition("=")[0] in CONFIG_DIR for word in given):
        asked = ["--config-dir", config_dir, *asked]
    return asked


def harmless(words: Sequence[str]) -> list[str]:
    """Those that a record may decide."""
    return [word for word in words if not _has_power(word)]


def refused(asked: Sequence[str], folder: Path, key: str, given: Sequence[str]) -> ConfigError:
    """What is said of a record that asks for more.

    Args:
        asked: What for, see :func:`own`.
        folder: Whose record it is.
        key: ``resume``, ``retry_failed`` or ``replay``.
        given: What else stands on the command line.
    """
    words = shlex.join(asked)
    again = shlex.join([f"{key}={folder}", *given, *asked])
    return ConfigError(
        f"the record of '{folder}' asks for {words}, and which code may run and where keys are sent "
        "no folder decides by itself",
        key=key,
        mend=f"if you trust it, say so: optbench {again}",
    )


def _key(word: str) -> str:
    return package(word.partition("=")[0])


def _has_power(word: str) -> bool:
    key = _key(word)
    of_hydra = key.startswith(("hydra.", "hydra/")) or key == "hydra"
    if of_hydra and not (key in _OF_HYDRA or key.startswith(_WITHIN_HYDRA)):
        return True
    return _WORDS_OF_POWER.search(word) is not None or any(
        covers(key, one) or covers(one, key) for one in _POWER
    )
