"""Optimizers of a manifest: the option, its parameters where they are read here, and the budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from optbench.manifests import reference
from optbench.manifests.catalogue import Catalogue
from optbench.manifests.row import Row
from optbench.manifests.tasks import Field, Task
from optbench.wording import close_names

_NODES = {
    "optimizer_params": ("params", "optimize"),
    "optimizer_prompt_params": ("optimize", "params"),
}
"""By a task's field, where its parameters are looked for, in this order."""
_OWN_MODEL = ("model", "reasoning_model")
_PROPOSALS = {
    "temperature": "temperature",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
}
_IGNORED_THERE = ("population_size", "num_generations")


def optimizer_row(row: Row, task: Task, catalogue: Catalogue) -> None:
    """Puts a task's optimizer, its parameters and its trials into its row."""
    name = task["optimizer"].value
    options = catalogue.options("optimizer")
    if name not in options:
        row.problem(
            task["optimizer"], f"there is no optimizer '{name}'.{close_names(name, options)}"
        )
        return
    row.values["optimizer"] = name
    conf = catalogue.node("optimizer", name)
    trials = None
    for kind, nodes in _NODES.items():
        if kind not in task:
            continue
        for key, value in task[kind].value.items():
            field = Field(f"{task[kind].path}.{key}", value)
            if key == "max_trials":
                trials = field
            elif not _common(row, key, field, catalogue):
                _own(row, key, field, conf, nodes)
    _budget(row, trials, catalogue)
    if name == "parameter":
        row.note("parameter: it always fails there (NotImplementedError); it works here")


def _common(row: Row, key: str, field: Field, catalogue: Catalogue) -> bool:
    """What every optimizer of the library takes, and what has a place of its own here."""
    if key in reference.WITHOUT_EFFECT:
        row.note(f"an optimizer's '{key}' changes no result, and is left out")
    elif key == "seed":
        row.own_seed["seed"] = field.value
        row.note("an optimizer's own seed: it is the whole task's here")
    elif key in _OWN_MODEL:
        option = catalogue.model(str(field.value))
        if option is None:
            row.problem(
                field, f"'{field.value}' is no option of the group model; add a file for it"
            )
        row.values["model@optimizer_model"] = option
        row.note(
            f"an optimizer's '{key}': here it writes the proposals, and the task's 'model' runs the "
            "prompts"
        )
    elif key == "model_parameters":
        _proposals(row, field)
    else:
        return False
    return True


def _proposals(row: Row, field: Field) -> None:
    if not isinstance(field.value, Mapping):
        row.problem(field, "is no object")
        return
    for key, value in field.value.items():
        if key in _PROPOSALS:
            row.values[f"model.proposals.{_PROPOSALS[key]}"] = value
        else:
            inner = Field(f"{field.path}.{key}", value)
            row.problem(inner, f"is not read here.{close_names(key, _PROPOSALS)}")


def _own(row: Row, key: str, field: Field, conf: DictConfig, nodes: tuple[str, str]) -> None:
    for node in nodes:
        if conf[node] is not None and key in conf[node]:
            row.values[f"optimizer.{node}.{key}"] = field.value
            if node != nodes[0] and key in _IGNORED_THERE:
                row.note(
                    f"{key} in optimizer_prompt_params: the library ignores it there (30 and 15 "
                    "hold); here it is the optimizer's"
                )
            if key == "n_samples":
                row.note(
                    "n_samples: candidates are scored on so many validation items, here as there; "
                    "a search that its budget ends keeps the best of those scored on all"
                )
            return
    known = {str(name) for node in nodes for name in conf[node] or {}} | {"max_trials"}
    row.problem(field, f"'{conf.name}' has no such parameter.{close_names(key, known)}")


def _budget(row: Row, trials: Field | None, catalogue: Catalogue) -> None:
    if trials is None:
        number: Any = reference.DEFAULT_TRIALS
        row.note(
            f"no max_trials is stated: there {number} trials, fewer where n_samples would exceed a "
            "derived budget; here trials_30 for every optimizer (budget=... on the command line "
            "replaces it)"
        )
    else:
        number = trials.value
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            row.problem(trials, f"{number!r} is no number of trials, 1 or more")
            return
    option = f"trials_{number}"
    if option in catalogue.options("budget"):
        row.values["budget"] = option
    else:
        row.values |= {
            "budget": f"trials_{reference.DEFAULT_TRIALS}",
            "budget.name": option,
            "budget.trials": number,
        }
    if number >= reference.MUCH:
        row.note(
            f"max_trials={number} is a number of rollouts taken for one of trials, there and here; "
            "budget=gepa_hotpot and its like on the command line limit the rollouts"
        )
