"""Datasets of a manifest: the option, and what of its slices is stated."""

from __future__ import annotations

from typing import Any, NamedTuple

from omegaconf import DictConfig

from optbench.data.items import SLICES
from optbench.data.load import TEST_MODE_ITEMS
from optbench.manifests.catalogue import Catalogue
from optbench.manifests.row import Row
from optbench.manifests.tasks import Field, Task
from optbench.wording import close_names


class Chosen(NamedTuple):
    """A task's dataset: the option's name and its composed config."""

    name: str
    conf: DictConfig


def dataset_row(row: Row, task: Task, catalogue: Catalogue) -> Chosen | None:
    """Puts a task's dataset and slices into its row; None where there is no such dataset."""
    specs = _specs(task)
    named = task.get("dataset") or next(iter(specs.values()), None)
    if named is None:
        row.problem(Field(task.dataset, None), "states no dataset")
        return None
    name = _resolved(row, named, catalogue)
    if name is None:
        return None
    row.values["dataset"] = name
    chosen = Chosen(name, catalogue.node("dataset", name))
    for role, spec in specs.items():
        if _resolved(row, spec, catalogue) not in (name, None):
            row.problem(
                spec,
                f"loader '{_loader(spec)}' beside dataset '{name}': the slices of a task come of one "
                "source here; a dataset YAML of your own can name any (--config-dir)",
            )
        elif isinstance(spec.value, dict):
            _slice(row, role, spec, chosen)
    _say_what_is_scored(row, specs)
    return chosen


def wanted(task: Task, catalogue: Catalogue) -> str | None:
    """The option of a task's dataset, where there is one."""
    named = task.get("dataset") or next(iter(_specs(task).values()), None)
    return None if named is None else catalogue.dataset(_loader(named))


def _specs(task: Task) -> dict[str, Field]:
    """What is stated of each slice; a single object is about train, as it is there."""
    if "datasets" in task:
        field = task["datasets"]
        return {
            role: Field(f"{field.path}.{role}", field.value[role])
            for role in SLICES
            if role in field.value
        }
    if "dataset" in task and isinstance(task["dataset"].value, dict):
        return {"train": task["dataset"]}
    return {}


def _loader(field: Field) -> str:
    value = field.value
    return str(value["loader"] if isinstance(value, dict) else value)


def _resolved(row: Row, field: Field, catalogue: Catalogue) -> str | None:
    wanted = _loader(field)
    name = catalogue.dataset(wanted)
    if name is None:
        near = close_names(wanted, catalogue.options("dataset"))
        row.problem(field, f"there is no dataset '{wanted}'.{near}")
    return name


def _slice(row: Row, role: str, spec: Field, chosen: Chosen) -> None:
    stated: dict[str, Any] = spec.value
    ours = chosen.conf.slices[role]
    key = f"dataset.slices.{role}"
    split = stated.get("split", role)
    if split != role:  # chosen, rather than its loaders' default
        row.values[f"{key}.split"] = split
        row.values[f"{key}.start"] = stated.get("start", 0)
    elif split == ours.split and "start" in stated:
        row.values[f"{key}.start"] = stated["start"]
    elif (split, stated.get("start", 0)) != (ours.split, ours.start):
        row.note(
            f"{chosen.name}: its {role} rows are the hub's '{split}' from {stated.get('start', 0)} "
            "there, which may overlap another slice or hold no answers; here they are "
            f"'{ours.split}' from {ours.start} (dataset.slices.{role})"
        )
    if "count" in stated:
        row.values[f"{key}.count"] = stated["count"]
    if stated.get("test_mode"):
        row.values[f"{key}.count"] = stated.get("test_mode_count", TEST_MODE_ITEMS)
    if "seed" in stated:
        row.note("a loader's seed: its rows come unshuffled there, and dataset.shuffle_seed here")


def _say_what_is_scored(row: Row, specs: dict[str, Field]) -> None:
    if "validation" not in specs:
        row.note(
            "no validation rows are stated: a task is optimised and scored on the same train rows "
            "there; here the dataset's own validation and test slices are used"
        )
    elif "test" not in specs:
        row.note(
            "no test rows are stated: a task is reported on the rows it was selected on there; here "
            "the dataset's own test slice is used"
        )
