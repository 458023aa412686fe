"""Composed tasks as a manifest: what its fields can hold in them, the rest beside them.

What the format has no field for stands in a task's ``x_optbench.overrides``: the reference runner
passes it over, and ``manifest=`` reads it. Each task is read back before it is written, so that what
is written is the same task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from omegaconf import OmegaConf

from optbench.config.identity import MODELS, NEUTRAL_KEYS, identity_of
from optbench.config.words import text, word
from optbench.data.items import SLICES
from optbench.errors import ConfigError
from optbench.manifests.catalogue import Catalogue
from optbench.manifests.read import ManifestError
from optbench.manifests.translate import translate, with_overrides

Plain = Mapping[str, Any]
_FIELDS = ("dataset", "optimizer", "model")
"""Groups that the format has fields for."""
_OF_THE_LAUNCH = ("engine", "tracking", "cache")


class Manifest(NamedTuple):
    """A manifest and what only optbench reads in it.

    Attributes:
        content: As JSON has it.
        beside: Keys that the format has no field for.
        changed: Tasks that the manifest does not give back as they were.
        needs_trust: Whether a launch must trust it, for it names code or servers.
    """

    content: dict[str, Any]
    beside: list[str]
    changed: list[str]
    needs_trust: bool


def export(tasks: Sequence[Plain], catalogue: Catalogue) -> Manifest:
    """The manifest of tasks.

    Args:
        tasks: Their resolved configs, as ``task.json`` holds them.
        catalogue: The options that the manifest's names choose from.

    Raises:
        ConfigError: When there is no task, or a task's dataset or optimizer is no option.
    """
    if not tasks:
        raise ConfigError("there is no task", key="export", mend="name another sweep")
    seed = tasks[0]["seed"]
    written = [_Task(plain, catalogue, seed) for plain in tasks]
    content = {"seed": seed, "tasks": [one.write() for one in written]}
    beside = dict.fromkeys(key for one in written for key in one.beside)
    changed = [one.title for one in written if not one.comes_back()]
    try:
        translate(content, catalogue, "export")
    except ManifestError:  # trusted, it was read back above
        return Manifest(content, list(beside), changed, needs_trust=True)
    return Manifest(content, list(beside), changed, needs_trust=False)


@dataclass
class _Task:
    """One task while it is written; what it cannot say shows in what it composes to."""

    plain: Plain
    catalogue: Catalogue
    seed: int
    fields: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        names = [str(self.plain[group]["name"]) for group in _FIELDS]
        return f"{' x '.join(names)}, seed {self.plain['seed']}"

    @property
    def beside(self) -> list[str]:
        return [key.lstrip("+") for key in self.overrides]

    def write(self) -> dict[str, Any]:
        """The task's entry in the manifest."""
        plain = self.plain
        self.fields = {
            "dataset": self._option("dataset"),
            "optimizer": self._option("optimizer"),
            "model": self._model("model"),
            "test_mode": plain["test_mode"],
            "optimizer_prompt_params": {"max_trials": plain["budget"]["trials"]},
        }
        for group in ("optimizer_model", "judge_model"):
            if plain.get(group) is not None:
                self.overrides[f"model@{group}"] = self.catalogue.model(self._model(group)) or (
                    "litellm"
                )
        if plain["seed"] != self.seed:
            self.overrides["seed"] = plain["seed"]
        self._choose_options()
        for key, value in list(_differing(plain, self._composed(), "")):
            self._put(key, value)
        if self.overrides:
            words = [word(key, value) for key, value in self.overrides.items()]
            self.fields["x_optbench"] = {"overrides": words}
        return self.fields

    def comes_back(self) -> bool:
        """Whether the manifest's task is the one that was written."""
        return identity_of(self._composed()) == identity_of(dict(self.plain))

    def _option(self, group: str) -> str:
        name = str(self.plain[group]["name"])
        option = self.catalogue.named(group, name)
        if option is None:
            raise ConfigError(
                f"'{name}' is no option of the group {group}",
                key="export",
                mend="give the folder of your own options: --config-dir",
            )
        return option

    def _model(self, group: str) -> str:
        """litellm's name where it leads back to the model, else the option's own."""
        conf = self.plain[group]
        named, identifier = str(conf["name"]), conf.get("id")
        if identifier and (self.catalogue.model(identifier) or named not in self._models()):
            return str(identifier)
        if named in self._models():
            return named
        kinds = {"path": "gguf", "errors": "simulated"}
        found = next((option for key, option in kinds.items() if key in conf), None)
        if found is None:
            raise ConfigError(f"'{named}' is no option of the group model", key="export")
        return found

    def _models(self) -> list[str]:
        return self.catalogue.options("model")

    def _composed(self) -> dict[str, Any]:
        """The config that the entry gives, as far as it is written."""
        manifest = {"seed": self.seed, "tasks": [self.fields]}
        # Its own overrides may name code; who runs the manifest must trust it.
        (row,) = translate(manifest, self.catalogue, "export", trusted=True).rows
        if "x_optbench" not in self.fields:
            row = with_overrides(row, self.overrides)
        words = [word(key, value) for key, value in row.items()]
        cfg = OmegaConf.masked_copy(
            self.catalogue.composed(*words), [str(key) for key in self.plain]
        )
        return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True, enum_to_str=True))

    def _choose_options(self) -> None:
        """Of groups without a field, such as the budget: the option, before its single values."""
        given = self._composed()
        for group, node in self.plain.items():
            if group in (*_FIELDS, *_OF_THE_LAUNCH) or not isinstance(node, Mapping):
                continue
            name = node.get("name")
            other = name != (given.get(group) or {}).get("name")
            if other and name in self.catalogue.options(group):
                self.overrides[group] = name

    def _put(self, key: str, value: Any) -> None:
        """Where the format has a field for it there, else beside."""
        group, _, rest = key.partition(".")
        node, _, name = rest.partition(".")
        if group == "dataset" and node == "slices" and name.endswith(".count"):
            loaders = self.fields.setdefault(
                "datasets", {role: {"loader": self.fields["dataset"]} for role in SLICES}
            )
            loaders[name.partition(".")[0]]["count"] = value
        elif key == "dataset.prompt":
            self.fields["prompt"] = [dict(message) for message in value]
        elif key == "dataset.metrics":
            self.fields["metrics"] = [_metric(metric) for metric in value]
        elif key == "dataset.max_tokens":
            self.fields.setdefault("model_parameters", {})["max_tokens"] = value
        elif key == "model.temperature":
            self.fields.setdefault("model_parameters", {})["temperature"] = value
        elif group == "model" and node == "extra" and name and "." not in name:
            self.fields.setdefault("model_parameters", {})[name] = value
        elif group == "optimizer" and node == "params" and "." not in name:
            self.fields.setdefault("optimizer_params", {})[name] = value
        elif group == "optimizer" and node == "optimize" and "." not in name:
            self.fields["optimizer_prompt_params"][name] = value
        else:
            self.overrides[f"++{key}"] = value


def _metric(metric: Plain) -> dict[str, Any]:
    return {"path": metric["name"], "kwargs": {"target": metric["target"], **metric["params"]}}


def _differing(wanted: Plain, given: Plain, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in wanted.items():
        key = f"{prefix}{name}"
        there = given.get(name)
        if there == value or _only_tells(key):
            continue
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            yield from _differing(value, there, f"{key}.")
        else:
            text(value)  # it has a form, or this raises
            yield key, value


def _only_tells(key: str) -> bool:
    """Keys of the launch and of descriptions; those of the models say how they are reached."""
    return key.endswith("extra.api_key") or (
        key in NEUTRAL_KEYS and key.partition(".")[0] not in MODELS
    )
