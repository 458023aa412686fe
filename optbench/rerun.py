"""What a folder was started with, so that the folder can be named in the place of its command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from optbench import recorded
from optbench.config.identity import BINDING_KEYS, NEUTRAL_KEYS
from optbench.config.words import text
from optbench.errors import ConfigError
from optbench.layout import SWEEP_FILES, refuse_links

KEYS = ("replay", "resume", "retry_failed")
"""Keys whose value is such a folder: ``optbench -m resume=<sweep dir>`` needs no other argument."""
_ABOUT_THE_RUN = ("hydra", "engine", "cache", "plan", "tracking", *KEYS)
MANIFEST = "manifest.json"
"""A sweep's copy of the manifest that it was started with, in its folder."""
TRANSFER = "transfer.json"
"""Of the prompts that it was started with, likewise."""
_MANIFEST_KEY = "hydra.sweeper.manifest"
_TRANSFER_KEY = "hydra.sweeper.transfer"
_TASKS = ("manifest", "transfer", "suite")
"""Keys that each say which tasks there are."""
_OF_ONE_LAUNCH = (
    *("plan", "engine.detach", "hydra.launcher.only_failed"),
    *("hydra.launcher.modal.detach", "hydra.launcher.modal.collect"),
)
"""What a launch is told for itself alone: the next one in its folder is not told so again."""
_OF_THE_FOLDER = ("hydra.sweep.dir", "hydra.run.dir", "hydra.mode")


def complete(words: Sequence[str]) -> list[str]:
    """A command line, completed by what its folder was started with.

    ``resume`` goes on in the folder, ``retry_failed`` runs the failed jobs in it again; ``replay``
    keeps its meaning for each task, and takes the recorded command where none is given.

    Raises:
        ConfigError: When the folder does not say what it was started with, when more is asked of a
            resumed one than it was started with, or when its record asks for what no record decides.
    """
    named = [word for word in words if word.partition("=")[0] in KEYS]
    if not named:
        return _with_tasks(words)
    if len(named) > 1:
        raise ConfigError(
            "one of them at a time", key=", ".join(word.split("=")[0] for word in named)
        )
    key, _, value = named[0].partition("=")
    if not value.strip("'\" "):
        raise ConfigError(
            "names no folder", key=key, mend=f"{key}=<the folder of a sweep or a task>"
        )
    folder = Path(value.strip("'\"")).expanduser()
    own = [word for word in words if _chooses_a_task(word)]
    if key == "replay" and own:
        return _with_tasks(words)
    if own:
        raise ConfigError(
            f"takes its tasks from the folder, not from '{own[0]}'",
            key=key,
            mend=f"leave that out, or give the whole command with hydra.sweep.dir={folder}",
        )
    sweep = (folder / "multirun.yaml").is_file()
    if key != "replay":  # which reads alone
        refuse_links(folder, names=SWEEP_FILES if sweep else None)
    rest = [word for word in words if word != named[0] and word not in ("-m", "--multirun")]
    told = _read(folder / ("multirun.yaml" if sweep else ".hydra/hydra.yaml"), folder, key)
    all_of_then = _recorded(told, folder, whole=key != "replay")
    recorded.refuse_flags(all_of_then, folder, key)
    if asked := recorded.own(all_of_then, _config_dir(told), rest):
        raise recorded.refused(asked, folder, key, rest)
    of_then = recorded.harmless(all_of_then)
    mode = ["-m"] if sweep else []
    if key == "replay":
        return [*mode, named[0], *rest, *of_then]
    where = f"hydra.{'sweep' if sweep else 'run'}.dir='{folder}'"
    failed = ["hydra.launcher.only_failed=true"] if key == "retry_failed" and sweep else []
    return [*mode, *of_then, where, *failed, *rest]


def _config_dir(told: Any) -> str | None:
    """The folder of options of one's own that it was started with."""
    for one in OmegaConf.select(told, "hydra.runtime.config_sources") or []:
        if one.get("provider") == "command-line" and one.get("schema") == "file":
            return str(one.path)
    return None


def _with_tasks(words: Sequence[str]) -> list[str]:
    """``manifest=<file>`` and ``transfer=<sweep dir>`` as what the sweeper takes; like a suite they
    need no ``-m``.

    Raises:
        ConfigError: When two of them say which tasks there are.
    """
    said = [key for key in _TASKS if any(word.partition("=")[0] == key for word in words)]
    if said in ([], ["suite"]):
        return list(words)
    if len(said) > 1:
        raise ConfigError(f"a {' and a '.join(said)}: one of them at a time", key=", ".join(said))
    mode = [] if {"-m", "--multirun"}.intersection(words) else ["-m"]
    return [*mode, *map(_as_sweeper_has_it, words)]


def _as_sweeper_has_it(word: str) -> str:
    key, _, value = word.partition("=")
    if key == "manifest":
        return f"{_MANIFEST_KEY}={value}"
    if key == "transfer":
        return f"{_TRANSFER_KEY}={text(_folders(value))}"
    return word


def _folders(value: str) -> list[str]:
    """Folders that commas part; one in quotes may have commas in its name."""
    bare = value.strip()
    if bare[:1] in ("'", '"') and bare.endswith(bare[0]) and bare.count(bare[0]) == 2:
        return [bare[1:-1]]
    parts = bare.removeprefix("[").removesuffix("]").split(",")
    found = [named for part in parts if (named := part.strip().strip("'\""))]
    if not found:
        raise ConfigError(
            "names no folder", key="transfer", mend="name the folder of a finished sweep"
        )
    return found


def _chooses_a_task(word: str) -> bool:
    key = word.partition("=")[0].lstrip("+~").partition("@")[0]
    first = key.partition(".")[0].partition("/")[0]
    neutral = first in _ABOUT_THE_RUN or (
        # Limits may be raised and an address may change; it stays the same task.
        key in NEUTRAL_KEYS and key.rpartition(".")[2] not in BINDING_KEYS.values()
    )
    return "=" in word and not word.startswith("-") and not neutral


def _read(file: Path, folder: Path, key: str) -> Any:
    """What Hydra wrote down of a command; its overrides are there.

    Raises:
        ConfigError: When they are not.
    """
    if not file.is_file():
        raise ConfigError(
            f"'{folder}' is no folder of a sweep or a job: it holds no multirun.yaml and no "
            ".hydra/hydra.yaml",
            key=key,
            mend="name another folder, or give the whole command",
        )
    try:
        told = OmegaConf.load(file)
        task = OmegaConf.select(told, "hydra.overrides.task")
        list(task or [])
        list(OmegaConf.select(told, "hydra.overrides.hydra") or [])
    except Exception as error:  # of YAML, of OmegaConf, or of a file that holds something else
        raise ConfigError(
            f"'{file}' cannot be read: {error}", key=key, mend="give the whole command instead"
        ) from error
    if task is None:
        raise ConfigError(
            f"'{file}' has no record of a command (hydra.overrides.task)",
            key=key,
            mend="give the whole command instead",
        )
    return told


def _recorded(told: Any, folder: Path, *, whole: bool) -> list[str]:
    """Overrides as they were given: those of the task, and with ``whole`` also how it was run."""
    task = [str(word) for word in told.hydra.overrides.task]
    about = [str(word) for word in OmegaConf.select(told, "hydra.overrides.hydra") or []]
    kept = [
        word
        for word in about
        if word.lstrip("+").partition("=")[0] not in (*_OF_THE_FOLDER, *_OF_ONE_LAUNCH)
    ]
    for key, copy in ((_MANIFEST_KEY, MANIFEST), (_TRANSFER_KEY, TRANSFER)):
        if (folder / copy).is_file():  # as it was then, wherever the command is given
            kept = [word for word in kept if not word.startswith(f"{key}=")]
            named = f"'{folder / copy}'"
            kept.append(f"{key}=[{named}]" if key == _TRANSFER_KEY else f"{key}={named}")
    chosen = task if whole else [word for word in task if _chooses_a_task(word)]
    return [
        *(word for word in chosen if word.lstrip("+").partition("=")[0] not in _OF_ONE_LAUNCH),
        # Of a replay's own: which tasks there are, not how they were run.
        *(word for word in kept if whole or word.startswith("hydra.sweeper.")),
    ]
