"""A row a task with its provenance: what a public leaderboard file is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.errors import ConfigError
from optbench.layout import JobFolder
from optbench.results.read import UnreadableError, read_object
from optbench.results.row import FLAGS, NUMBERS, WHOLES

from .chosen import folder_of
from .columns import MARK, read
from .formats import harmful
from .text import visible

if TYPE_CHECKING:
    import pandas as pd

    from optbench.results.runs import Runs

VERSION = 1
"""Of the file's columns."""
COLUMNS = (
    MARK, "submitter", "sweep", "identity", "identity_version", "dataset", "agent", "optimizer",
    "model", "optimizer_model", "judge_model", "seed", "budget", "test_mode", "metric",
    "metric_params", "metric_version", "direction", "n_test", "n_validation", "initial", "final",
    "initial_validation", "final_validation", "prompt_changed", "finish_reason", "trials",
    "candidates", "simulated", "fingerprint_test", "fingerprint_validation", "fingerprint_train",
    "rollouts", "calls", "optimizer_calls", "tokens", "cost_usd", "paid_usd", "seconds",
    "initial_words", "final_words", "transferred_from", "source_model", "source_dataset", "engine",
    "versions",
)  # fmt: skip
NEEDED = ("identity", "dataset", "optimizer", "model", "seed", "metric", "direction", "final")
"""Without these a row is none."""
MAX_ROWS = 5_000_000
_MAX_TEXT = 2000


def rows_of(runs: Runs, sweep: str, submitter: str) -> pd.DataFrame:
    """The finished tasks of a sweep as rows of the file.

    Args:
        runs: What was read.
        sweep: Its name; paths are nobody else's business.
        submitter: Whose it is.
    """
    from optbench.results.variants import optimizers

    tasks = runs.tasks
    done = tasks[tasks["state"] == "success"]
    metrics = [_objective(row) for row in done.to_dict("records")]
    told = done.assign(
        submitter=submitter,
        sweep=sweep,
        optimizer=optimizers(tasks)[done.index],
        metric_params=[one[0] for one in metrics],
        metric_version=[one[1] for one in metrics],
        versions=[json.dumps(one, sort_keys=True) for one in done["versions"]],
        **{MARK: VERSION},
    )
    return typed(told[list(COLUMNS)].reset_index(drop=True))


def read_merged(path: Path) -> tuple[pd.DataFrame, int]:
    """A file of an earlier merge, which is not trusted, and how many of its rows are none.

    Raises:
        ConfigError: When it is no such file.
    """
    table = read(path)
    missing = [name for name in (MARK, *NEEDED) if name not in table.columns]
    if missing:
        raise ConfigError(
            f"'{visible(path)}' is no file of merge: it has no column {', '.join(missing[:5])}",
            key="RUN",
            mend="name a sweep, or a file that merge has written",
        )
    if path.suffix == ".csv":
        for name in table.columns:
            table[name] = table[name].map(_as_it_was)
    versions = set(table[MARK].astype("str").str.removesuffix(".0"))
    if versions - {str(VERSION)}:
        said = ", ".join(visible(one, 20) for one in sorted(versions)[:3])
        raise ConfigError(
            f"'{visible(path)}' is of version {said}, not {VERSION}",
            key="RUN",
            mend="merge the sweeps anew, with this version",
        )
    table = typed(table.reindex(columns=list(COLUMNS)))
    whole = table[list(NEEDED)].notna().all(axis=1) & table["direction"].isin(
        ["maximize", "minimize"]
    )
    return table[whole].reset_index(drop=True), int((~whole).sum())


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """The columns with one type each, whatever they came as; what is no such value is null."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in COLUMNS:
        column = table[name]
        if name in (*WHOLES, MARK):
            numbers = pd.to_numeric(column, errors="coerce").astype("Float64")
            columns[name] = numbers.where(numbers % 1 == 0).astype("Int64")
        elif name in NUMBERS:
            numbers = pd.to_numeric(column, errors="coerce").astype("float64")
            columns[name] = numbers.where(numbers.abs() != float("inf"))
        elif name in FLAGS:
            columns[name] = column.map(_flag).astype("boolean")
        else:
            columns[name] = column.map(_text).astype("object")
    return pd.DataFrame(columns)


def _objective(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Parameters and version of a task's objective, as its config has them."""
    file = JobFolder(folder_of(row)).task
    try:
        config = {} if file.is_symlink() else read_object(file).get("config")
    except UnreadableError:
        config = {}
    dataset = config.get("dataset") if isinstance(config, dict) else None
    metrics = dataset.get("metrics") if isinstance(dataset, dict) else None
    for one in metrics if isinstance(metrics, list) else []:
        if isinstance(one, dict) and one.get("name") == row["metric"]:
            version = one.get("version")
            rest = {key: one[key] for key in one if key not in ("name", "version")}
            params = json.dumps(rest, sort_keys=True, default=str)[:_MAX_TEXT]
            return params, None if version is None else str(version)[:200]
    return None, None


def _as_it_was(cell: str) -> str:
    """Without the mark that kept a spreadsheet from reading it as a formula."""
    return cell[1:] if cell.startswith("'") and harmful(cell[1:]) else cell


def _text(value: Any) -> str | None:
    if value is None or value != value or str(value) in ("", "<NA>", "nan"):
        return None
    return str(value)[:_MAX_TEXT]


def _flag(value: Any) -> bool | None:
    return {"true": True, "false": False}.get(str(value).lower())
