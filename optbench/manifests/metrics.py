"""Metrics of a manifest: a name of ours, or what measures here what the reference's is meant to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from optbench.manifests import reference, trust
from optbench.manifests.datasets import Chosen
from optbench.manifests.row import Row
from optbench.manifests.tasks import Field, Task
from optbench.metrics.registry import NAMES
from optbench.wording import close_names


def metrics_value(row: Row, task: Task, dataset: Chosen) -> None:
    """Puts a task's metrics into its row, where any are stated."""
    if "metrics" not in task:
        if dataset.name in reference.DEFAULT_METRIC_NOTES:
            row.note(f"{dataset.name}: {reference.DEFAULT_METRIC_NOTES[dataset.name]}")
        return
    field = task["metrics"]
    found: list[dict[str, Any]] = []
    for index, value in enumerate(field.value):
        one = _metric(row, Field(f"{field.path}[{index}]", value), dataset.conf)
        if one is not None and one not in found:
            found.append(one)
    if found:
        row.values["dataset.metrics"] = found
    elif not row.problems:
        row.problem(field, "none of them has a counterpart here; leave 'metrics' out")


def _metric(row: Row, field: Field, dataset: DictConfig) -> dict[str, Any] | None:
    stated = field.value if isinstance(field.value, Mapping) else {"path": field.value}
    path = str(stated["path"])
    module, _, last = path.rpartition(".")
    theirs = not module or path.partition(".")[0] in reference.MODULES
    if theirs and last in reference.LEFT_OUT_METRICS:
        row.note(f"{last} is left out: {reference.LEFT_OUT_METRICS[last]}")
        return None
    if stated.get("args"):
        row.problem(field, "arguments without a name have no place here; give them as 'kwargs'")
        return None
    name = reference.METRICS.get(last, path) if theirs else path
    if theirs and last in reference.METRIC_NOTES:
        row.note(f"{last}: {reference.METRIC_NOTES[last]}")
    return _ours(row, field, name, dict(stated.get("kwargs") or {}), dataset)


def _ours(
    row: Row, field: Field, name: str, params: dict[str, Any], dataset: DictConfig
) -> dict[str, Any] | None:
    own = {str(metric.name): metric for metric in dataset.metrics}
    known = {*NAMES, *own, *reference.METRICS.values()}
    if name not in known and ("." not in name or name.partition(".")[0] in reference.MODULES):
        row.problem(
            field, f"there is no metric '{name}'.{close_names(name, {*known, *reference.METRICS})}"
        )
        return None
    if name not in own:
        for why in trust.metric(name):
            row.untrusted(field, why)
    target = params.pop("target", None)
    if name in own and target is None and not params:
        # With the columns and labels that this very dataset has.
        plain: Any = OmegaConf.to_container(own[name], resolve=True)
        return {key: value for key, value in plain.items() if key != "params" or value}
    made = {"name": name, "target": target or str(dataset.metrics[0].target)}
    return {**made, "params": params} if params else made
