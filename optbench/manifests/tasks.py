"""A manifest's tasks and generators as one list of tasks, each value with the place it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Field(NamedTuple):
    """A value of a manifest and its JSON path."""

    path: str
    value: Any


class Task(dict[str, Field]):
    """By the names of a task's fields; those that are not stated are not there.

    Args:
        fields: The fields.
        place: Where it stands, as a JSON path; of a generator's with the entries that it is made of.
        dataset: Where its dataset is stated, or would be.
    """

    def __init__(self, fields: Mapping[str, Field], place: str, dataset: str) -> None:
        super().__init__(fields)
        self.place = place
        self.dataset = dataset


Fields = dict[str, Field]
_SHARED = ("metrics", "prompt", "test_mode", "x_optbench")


def tasks(manifest: Mapping[str, Any]) -> Iterator[Task]:
    """All tasks: those that are written out, then each generator's, datasets before models before
    optimizers. What is null in the place of a task or a generator is passed over.
    """
    top = _fields(manifest, "$", ("seed", "test_mode"))
    for index, task in enumerate(manifest.get("tasks", ())):
        if task is not None:
            place = f"$.tasks[{index}]"
            yield Task({**top, **_fields(task, place)}, place, f"{place}.dataset")
    for index, generator in enumerate(manifest.get("generators", ())):
        if generator is None:
            continue
        path = f"$.generators[{index}]"
        shared = {**top, **_fields(generator, path, _SHARED)}
        for dataset in _each(generator, path, "datasets"):
            for model in _each(generator, path, "models"):
                for optimizer in _each(generator, path, "optimizers"):
                    fields = {
                        **shared,
                        **_dataset(dataset),
                        **_named(model, "model"),
                        **_named(optimizer, "optimizer"),
                    }
                    chosen = (
                        one.path.removeprefix(f"{path}.") for one in (dataset, model, optimizer)
                    )
                    yield Task(fields, f"{path} ({', '.join(chosen)})", dataset.path)


def _each(generator: Mapping[str, Any], path: str, name: str) -> Iterator[Field]:
    for index, value in enumerate(generator[name]):
        yield Field(f"{path}.{name}[{index}]", value)


def _fields(node: Mapping[str, Any], path: str, names: tuple[str, ...] | None = None) -> Fields:
    return {
        name: Field(f"{path}.{name}", value)
        for name, value in node.items()
        if names is None or name in names
    }


def _dataset(entry: Field) -> Fields:
    """A name, a loader with its arguments, or a task's two fields."""
    if isinstance(entry.value, dict) and "loader" not in entry.value:
        return _fields(entry.value, entry.path)
    return {"dataset": entry}


def _named(entry: Field, name: str) -> Fields:
    if isinstance(entry.value, str):
        return {name: entry}
    fields = _fields(entry.value, entry.path)
    return {name: fields.pop("name"), **fields}
