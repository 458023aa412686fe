"""What a finished folder was started with, so that it can be named in the place of its command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf
from yaml import YAMLError

from optbench.errors import ConfigError

KEYS = ("replay",)
"""Keys whose value is such a folder: ``optbench -m replay=<sweep dir>`` needs no other argument."""
_ABOUT_THE_RUN = ("hydra", "engine", "cache", "plan", "tracking", *KEYS)


def complete(words: Sequence[str]) -> list[str]:
    """A command line, completed by what its folder was started with where it names no task of its own.

    Raises:
        ConfigError: When the folder does not say what it was started with.
    """
    named = next((word for word in words if word.partition("=")[0] in KEYS), None)
    if named is None or any(_chooses_a_task(word) for word in words):
        return list(words)
    key, _, value = named.partition("=")
    return [*words, *_recorded(Path(value.strip("'\"")), key, sweep=_is_multirun(words))]


def _is_multirun(words: Sequence[str]) -> bool:
    return any(word in ("-m", "--multirun") for word in words)


def _chooses_a_task(word: str) -> bool:
    key = word.partition("=")[0].lstrip("+~").partition("@")[0]
    return "=" in word and not word.startswith("-") and key.split(".")[0] not in _ABOUT_THE_RUN


def _recorded(folder: Path, key: str, *, sweep: bool) -> list[str]:
    file = folder / ("multirun.yaml" if sweep else ".hydra/overrides.yaml")
    if not file.is_file():
        other = "without -m" if sweep else "with -m"
        raise ConfigError(
            f"'{folder}' is no {'sweep' if sweep else 'job'}'s folder: it holds no {file.name}",
            key=key,
            mend=f"name another folder, or start {other}",
        )
    try:
        told = OmegaConf.load(file)
        overrides = OmegaConf.select(told, "hydra.overrides.task") if sweep else told
        return [str(word) for word in overrides if _chooses_a_task(str(word))]
    except (YAMLError, TypeError) as error:
        raise ConfigError(
            f"'{file}' cannot be read: {error}", key=key, mend="give the whole command instead"
        ) from error
