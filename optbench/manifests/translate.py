"""From a manifest to rows of the matrix: what each task is in Hydra's terms, and what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra.errors import HydraException

from optbench.config.words import Raw, covers
from optbench.manifests import optimizers, reference, trust
from optbench.manifests.catalogue import Catalogue, likely_option
from optbench.manifests.datasets import dataset_row, wanted
from optbench.manifests.metrics import metrics_value
from optbench.manifests.read import ManifestError, Problem, examined
from optbench.manifests.row import Row
from optbench.manifests.tasks import Field, Task, tasks
from optbench.wording import close_names

NO_TASKS_KEYS = (
    *("hydra", "engine", "suite", "plan", "replay", "cache", "tracking"),
    "allow_imports",  # a manifest that is trusted may name code; what may be named is said elsewhere
)
"""What a launch chooses once, and so no task of a manifest."""

_LONGEST = 200
"""Characters of what is said of an override that cannot be read."""
_LENGTH = ("max_tokens", "max_completion_tokens")


class Translation(NamedTuple):
    """A manifest as the matrix takes it."""

    rows: list[dict[str, Any]]
    """One for each task: values by the keys of overrides."""
    places: list[str]
    """Where each of them stands, as a JSON path."""
    notes: list[str]
    """Where a meaning differs from the reference's, each once."""


def load(path: Path, catalogue: Catalogue, *, trusted: bool = False) -> Translation:
    """Reads a manifest and translates it.

    Args:
        path: The file.
        catalogue: The options that its names choose from.
        trusted: Whether it may name code and servers.

    Raises:
        ConfigError: When the file cannot be read.
        ManifestError: With everything in it that does not fit or that nothing here answers to.
    """
    found = examined(path)
    return translate(found.fitting, catalogue, str(path), trusted=trusted, problems=found.problems)


def translate(
    manifest: Mapping[str, Any],
    catalogue: Catalogue,
    file: str,
    *,
    trusted: bool = False,
    problems: Sequence[Problem] = (),
) -> Translation:
    """The rows of a manifest that fits the schema.

    Args:
        manifest: As far as it fits.
        catalogue: The options that its names choose from.
        file: Its name, for errors.
        trusted: Whether it may name code and servers.
        problems: What does not fit in it.

    Raises:
        ManifestError: With every name and value that nothing here answers to.
    """
    found = list(tasks(manifest))
    catalogue.ahead(
        {
            "dataset": [name for task in found if (name := wanted(task, catalogue)) is not None],
            "optimizer": [task["optimizer"].value for task in found],
            "model": [likely_option(task["model"].value) for task in found],
        }
    )
    rows = [_row(task, catalogue, trusted) for task in found]
    wrong = [*problems, *(problem for row in rows for problem in row.problems)]
    if wrong:
        raise ManifestError(file, wrong)
    notes = dict.fromkeys(note for row in rows for note in row.notes)
    return Translation([row.values for row in rows], [task.place for task in found], list(notes))


def _row(task: Task, catalogue: Catalogue, trusted: bool) -> Row:
    row = Row(trusted)
    dataset = dataset_row(row, task, catalogue)
    optimizers.optimizer_row(row, task, catalogue)
    _model(row, task, catalogue)
    if dataset is not None:
        _prompt(row, task, dataset.name)
        metrics_value(row, task, dataset)
    if "seed" in task:
        row.values["seed"] = task["seed"].value
        row.note(
            "seed: it changes nothing there (every optimizer has 42, the rows are not shuffled); "
            "here it sets the order of the train items, the optimizer's and the provider's seed"
        )
    row.values.update(row.own_seed)
    if "test_mode" in task:
        row.values["test_mode"] = task["test_mode"].value
        if task["test_mode"].value:
            row.note("test_mode: 5 items a slice here, whatever the counts, and at most 2 trials")
    _extension(row, task, catalogue)
    return row


def _model(row: Row, task: Task, catalogue: Catalogue) -> None:
    name = task["model"].value
    option = catalogue.model(name)
    if option is not None:
        row.values["model"] = option
    elif "/" in name:
        row.values |= {"model": "litellm", "model.id": name}
        for why in trust.model_name(name):
            row.untrusted(task["model"], why)
        variable = reference.KEY_VARIABLES.get(name.partition("/")[0])
        if variable is not None:
            row.values["model.api_key_env"] = variable
    else:
        near = close_names(name, catalogue.options("model"))
        row.problem(task["model"], f"no model '{name}'; litellm's names are provider/name.{near}")
    parameters = task["model_parameters"].value if "model_parameters" in task else {}
    for key, value in parameters.items():
        if key == "temperature":
            row.values["model.temperature"] = value
        elif key in _LENGTH:
            row.values["dataset.max_tokens"] = value
        elif key == "seed":
            row.note("model_parameters.seed: the task's seed is sent here, so it is left out")
        else:
            row.values[f"++model.extra.{key}"] = value
            for why in trust.model_parameter(key, value):
                row.untrusted(Field(f"{task['model_parameters'].path}.{key}", value), why)
    if "temperature" in parameters:
        row.note(
            "model_parameters.temperature: there it is the optimizer's own calls' too, but not "
            "meta_prompt's, which keeps 0.1; here it is that of the program under test, and all "
            "optimizers propose at model.proposals.temperature"
        )
    else:
        row.note(
            "no temperature is stated: the provider's default there, model.temperature here (0, "
            "unless the model's file says otherwise)"
        )


def _prompt(row: Row, task: Task, dataset: str) -> None:
    if dataset in reference.DATASET_NOTES:
        row.note(f"{dataset}: {reference.DATASET_NOTES[dataset]}")
    if "prompt" not in task:
        return
    messages: list[dict[str, str]] = []
    for message in task["prompt"].value:
        content = message["content"]
        for wrong, right in reference.COLUMNS.get(dataset, {}).items():
            if f"{{{wrong}}}" in content:
                content = content.replace(f"{{{wrong}}}", f"{{{right}}}")
                row.note(
                    f"{dataset}: '{{{wrong}}}' is no column, so the model is shown those very "
                    f"letters there; here it is '{{{right}}}'"
                )
        messages.append({"role": message["role"], "content": content})
    row.values["dataset.prompt"] = messages


def _extension(row: Row, task: Task, catalogue: Catalogue) -> None:
    if "x_optbench" not in task:
        return
    field = task["x_optbench"]
    overrides: Sequence[str] = field.value.get("overrides", ())
    given: dict[str, Any] = {}
    for index, override in enumerate(overrides):
        key, _, value = override.partition("=")
        if key.lstrip("+~").partition(".")[0].partition("/")[0] in NO_TASKS_KEYS:
            row.problem(field, f"'{key}' belongs to the launch, not to a task: give it with -m")
        else:
            _check(row, Field(f"{field.path}.overrides[{index}]", override), catalogue)
        given[key] = Raw(value)
    row.values = with_overrides(row.values, given)


def _check(row: Row, field: Field, catalogue: Catalogue) -> None:
    """An override must be one, of one value, and say no more than a manifest may."""
    try:
        given = catalogue.parsed(field.value)
    except HydraException as error:
        said = " ".join(str(error).split())
        row.problem(field, f"cannot be read: {said[:_LONGEST]}")
        return
    if given.is_sweep_override():
        row.problem(
            field,
            "gives several values, and a task has one: add a task for each, or give it with -m",
        )
        return
    for why in trust.override(given, catalogue):
        row.untrusted(field, why)


def with_overrides(row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A row with further values, each in the place of what it covers: a budget, of its trials."""
    kept = {
        key: value for key, value in row.items() if not any(covers(other, key) for other in given)
    }
    return {**kept, **given}
