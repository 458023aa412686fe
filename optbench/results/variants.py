"""Names that tell apart the tasks of one optimizer, where a sweep varies more than its seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.results.read import UnreadableError, one_line, read_bytes

if TYPE_CHECKING:
    import pandas as pd

AXES = ("dataset", "optimizer", "model", "seed")
"""Words of a task that have columns of their own."""
SETTINGS = ("budget", "agent", "optimizer_model", "judge_model", "test_mode")
"""Columns in which tasks of one optimizer may differ."""
MAX_BYTES = 2**20


def optimizers(tasks: pd.DataFrame) -> pd.Series:
    """What each task's optimizer is to be called among these tasks.

    Its name; the source's with ``from <model>`` for a transferred prompt; and, where an optimizer has
    several tasks of one dataset, model and seed, the words in which they differ: ``gepa[budget=usd_1]``.
    Tasks that nothing tells apart keep one name.

    Args:
        tasks: ``Runs.tasks``, or rows of it.

    Returns:
        Texts, with the index of ``tasks``.
    """
    names = tasks["optimizer"].astype("object").where(tasks["optimizer"].notna(), "?")
    moved = tasks["transferred_from"].notna()
    for index in tasks.index[moved]:
        row = tasks.loc[index]
        names.loc[index] = f"{row['transferred_from']} from {row['source_model']}"
        if row["source_dataset"] != row["dataset"]:
            names.loc[index] += f"/{row['source_dataset']}"
    named = tasks.assign(name=names)
    for _, alike in named.groupby(["dataset", "model", "name"], observed=True, dropna=False):
        if alike.duplicated("seed").any():
            for index, text in zip(alike.index, _differences(alike), strict=True):
                names.loc[index] += f"[{text}]" if text else ""
    return names.map(lambda name: one_line(str(name), 200))


def seeds(tasks: pd.DataFrame) -> pd.Series:
    """What tells the runs of each task's optimizer apart.

    Its seed; of a transferred prompt the seed of the search that found it, for that is the run whose
    luck it has, with the task's own behind it where such prompts were scored with several.

    Args:
        tasks: ``Runs.tasks``, or rows of it.

    Returns:
        Numbers, or texts such as ``2/1``, with the index of ``tasks``.
    """
    found = tasks["seed"].astype("object")
    moved = tasks["transferred_from"].notna() & tasks["source_seed"].notna()
    places = ["dataset", "model", "transferred_from", "source_model", "source_dataset"]
    for _, alike in tasks[moved].groupby(places, observed=True, dropna=False):
        several = alike["seed"].nunique() > 1
        for index, source, own in zip(
            alike.index, alike["source_seed"], alike["seed"], strict=True
        ):
            found.loc[index] = f"{source}/{own}" if several else source
    return found


def _differences(alike: pd.DataFrame) -> list[str]:
    """What is not the same in all of these tasks, a text each."""
    settings: list[dict[str, Any]] = [
        {**{key: row[key] for key in SETTINGS}, **_words(Path(str(row["folder"])))}
        for _, row in alike.iterrows()
    ]
    for one in settings:  # said by a column already, and there in full
        one.pop("suite", None)
    keys = sorted({key for one in settings for key in one})
    varied = [key for key in keys if len({str(one.get(key)) for one in settings}) > 1]
    return [", ".join(_text(one, key) for key in varied) for one in settings]


def _text(settings: Mapping[str, Any], key: str) -> str:
    return f"{key}={settings.get(key, 'default')}"


def _words(folder: Path) -> dict[str, str]:
    """The words that a job was launched with; none where they are not to be read."""
    import yaml

    try:
        text = read_bytes(folder / ".hydra" / "overrides.yaml", MAX_BYTES).decode()
        words: Sequence[Any] = yaml.safe_load(text) or []
    except (UnreadableError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    if not isinstance(words, list):
        return {}
    pairs = (str(word).lstrip("+~").partition("=") for word in words)
    return {key: value for key, _, value in pairs if key not in AXES}
