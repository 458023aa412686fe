"""From found prompts to rows of the matrix: what each is to be scored on, unless it is given."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from hydra.errors import HydraException
from omegaconf import OmegaConf

from optbench.config.identity import NEUTRAL_KEYS
from optbench.config.schema import LIMITS
from optbench.config.words import covers, word
from optbench.errors import ConfigError
from optbench.manifests import trust
from optbench.manifests.catalogue import Catalogue
from optbench.transfers.sources import NAME_LENGTH, Source, same
from optbench.wording import close_names, counted, printable

_ON = {"dataset": "dataset", "agent": "agent", "model": "model", "judge_model": "model@judge_model"}
"""What a prompt is scored on where nothing else is given, and the override that chooses it."""


class Rows(NamedTuple):
    """Prompts as the matrix takes them."""

    rows: list[dict[str, Any]]
    notes: list[str]


def chosen(sources: Sequence[Source], optimizers: Sequence[str]) -> list[Source]:
    """Those of some optimizers; all where none is named.

    Raises:
        ConfigError: When one is named that found no prompt.
    """
    there = {one.optimizer for one in sources}
    for name in optimizers:
        if name not in there:
            raise ConfigError(
                f"the sweep has no finished task of optimizer '{name}'.{close_names(name, there)}",
                key="optimizer",
                mend="beside transfer=, optimizer= chooses whose prompts are transferred",
            )
    return [one for one in sources if not optimizers or one.optimizer in optimizers]


def rows_of(sources: Sequence[Source], catalogue: Catalogue, given: Collection[str]) -> Rows:
    """A row for each prompt; those that come to the same task are one.

    Args:
        sources: Where the prompts come from.
        catalogue: The options that there are.
        given: Keys of the overrides that are given: they take the place of the source's own.

    Raises:
        ConfigError: When what a prompt was found on is no option here, and nothing else is given.
    """
    on = _On(catalogue, given)
    rows: dict[str, dict[str, Any]] = {}
    for source in sources:
        row = {**_prompt(source), **on.row(source)}
        rows.setdefault(_mark(row, given), row)
    notes = [f"{counted(len(rows), 'prompt')} of {counted(len(sources), 'finished task')}"]
    repeated = len(sources) - len(rows)
    if repeated:
        notes.append(f"{repeated} are the same prompt of the same optimizer again: scored once")
    kept = sum(not one.changed for one in sources)
    if kept:
        notes.append(f"{kept} of the tasks kept their initial prompt, which is scored as theirs")
    return Rows(list(rows.values()), notes)


def _prompt(source: Source) -> dict[str, Any]:
    return {
        "optimizer": "transfer",
        "optimizer.name": f"transfer-{source.optimizer}",
        "optimizer.params.prompts": source.prompts,
        "optimizer.params.transferred_from": {
            name: getattr(source, name)
            for name in ("optimizer", "model", "dataset", "seed", "identity")
        },
    }


def _mark(row: Mapping[str, Any], given: Collection[str]) -> str:
    origin = row["optimizer.params.transferred_from"]
    named = {key: origin[key] for key in ("optimizer", "model", "dataset")}
    own = {key: value for key, value in row.items() if not any(covers(one, key) for one in given)}
    return same({**own, "optimizer.params.transferred_from": named})


class _On:
    """What sources were found on, as overrides; looked up once for those that have it in common."""

    def __init__(self, catalogue: Catalogue, given: Collection[str]) -> None:
        self._catalogue = catalogue
        self._given = given
        self._known: dict[str, dict[str, Any]] = {}

    def row(self, source: Source) -> dict[str, Any]:
        config = source.config
        row: dict[str, Any] = {}
        for place, key in _ON.items():
            if config.get(place) is not None and not any(covers(one, place) for one in self._given):
                row |= self._group(place, key, config[place])
        budget = config["budget"]
        row["budget.name"] = printable(str(budget.get("name")), NAME_LENGTH)
        row |= {f"budget.{name}": budget[name] for name in LIMITS if budget.get(name) is not None}
        return {**row, "seed": source.seed, "test_mode": config["test_mode"]}

    def _group(self, place: str, key: str, recorded: Mapping[str, Any]) -> dict[str, Any]:
        mark = f"{place} {json.dumps(recorded, sort_keys=True)}"
        if mark not in self._known:
            self._known[mark] = dict(self._words(place, key, recorded))
        return self._known[mark]

    def _words(
        self, place: str, key: str, recorded: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        name = printable(str(recorded.get("name")), NAME_LENGTH)
        group = key.partition("@")[0]
        option = self._catalogue.named(group, name)
        if option is None:
            raise ConfigError(
                f"the sweep's {place} '{name}' is no option here",
                key="transfer",
                mend=f"give one: {key}=..., or the folder of your own options: --config-dir",
            )
        yield key, option
        whole = self._catalogue.composed(f"{key}={option}")
        there = OmegaConf.masked_copy(whole, [str(one) for one in whole if one != "hydra"])
        plain = cast(dict[str, Any], OmegaConf.to_container(there, resolve=True, enum_to_str=True))
        for changed, value in _differing(recorded, plain[place], f"{place}."):
            self._trusted(place, key, changed, value)
            yield changed, value

    def _trusted(self, place: str, key: str, changed: str, value: Any) -> None:
        """A sweep may come from anywhere: it chooses among what is here, and sets plain values."""
        try:
            why = next(
                trust.override(self._catalogue.parsed(word(changed, value)), self._catalogue), ""
            )
        except (HydraException, TypeError):
            why = f"'{printable(changed, NAME_LENGTH)}' is no key"
        if why:
            raise ConfigError(
                f"the sweep's {place} differs from the option of its name: {printable(why, 200)}",
                key="transfer",
                mend=f"say yourself what the prompts are scored on: {key}=...",
            )


def _differing(
    wanted: Mapping[str, Any], given: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, Any]]:
    """Keys that are to have another value, as overrides; those that no result depends on aside."""
    for name, value in wanted.items():
        key = f"{prefix}{name}"
        if key in NEUTRAL_KEYS or (name in given and given[name] == value):
            continue
        there = given.get(name)
        if isinstance(value, Mapping) and isinstance(there, Mapping) and there:
            yield from _differing(value, there, f"{key}.")
        else:
            yield (key if name in given else f"++{key}"), value
