"""A manifest's file: read, and held against ``schema.json`` before anything is made of it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from optbench.errors import ConfigError
from optbench.wording import close_names, printable

KEY = "manifest"
MAX_BYTES = 10_000_000
"""Size of a file that is still taken for a manifest; 10,000 tasks with prompts take some 5 MB."""
SHOWN = 20
"""Problems that are printed; the rest is counted."""
_LONGEST = 160
"""Characters of one problem's text."""


MAX_DEPTH = 40
"""Levels of nesting; no field of the format needs more than ten."""
_SURROGATE = re.compile("[\ud800-\udfff]")

At = tuple[str | int, ...]
"""A place in a manifest: keys and indices."""


class Problem(NamedTuple):
    """What is wrong at one place of a manifest."""

    path: str
    """JSON path, such as ``$.tasks[0].optimizer``."""
    what: str


class ManifestError(ConfigError):
    """Everything that is wrong with a manifest; nothing was started."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        unique = [
            Problem(printable(path), printable(what)) for path, what in dict.fromkeys(problems)
        ]
        count = f"{len(unique)} problems" if len(unique) > 1 else "1 problem"
        lines = [f"  {one.path}: {one.what}" for one in unique[:SHOWN]]
        if len(unique) > SHOWN:
            lines.append(f"  ... and {len(unique) - SHOWN} more")
        super().__init__(
            "\n".join([f"'{file}' has {count}, nothing was started:", *lines]), key=KEY
        )
        self.file, self.problems = file, unique

    def __reduce__(self) -> tuple[object, ...]:
        return ManifestError, (self.file, self.problems)


class Reading(NamedTuple):
    """What a manifest's file holds."""

    fitting: dict[str, Any]
    """As much of it as fits the schema; a task or generator that does not is null."""
    problems: list[Problem]
    """Every place that does not fit."""


def read(path: Path) -> dict[str, Any]:
    """A manifest that fits the schema.

    Raises:
        ConfigError: When there is no such file, or it is none that can be read as JSON.
        ManifestError: With every place that does not fit.
    """
    found = examined(path)
    if found.problems:
        raise ManifestError(str(path), found.problems)
    return found.fitting


def examined(path: Path) -> Reading:
    """A manifest, and what in it does not fit the schema.

    Raises:
        ConfigError: When there is no such file, or it is none that can be read as JSON.
    """
    manifest = _parsed(_text(path), str(path))
    found = [*_unwritable(manifest, str(path)), *_misfits(manifest)]
    if not found and not manifest.get("tasks") and not manifest.get("generators"):
        return Reading({}, [Problem("$", "states no task: 'tasks' and 'generators' are empty")])
    return Reading(_fitting(manifest, [at for at, _ in found]), [one for _, one in found])


def _fitting(manifest: Any, bad: Iterable[At]) -> dict[str, Any]:
    """What is left to look at beside places that do not fit: their names may be wrong as well."""
    if not isinstance(manifest, dict):
        return {}
    kept = {key: list(one) if isinstance(one, list) else one for key, one in manifest.items()}
    for at in bad:
        if not at:
            continue
        if len(at) > 1 and isinstance(kept.get(str(at[0])), list):
            kept[str(at[0])][int(at[1])] = None
        else:
            kept.pop(str(at[0]), None)
    return kept


def _unwritable(manifest: Any, file: str) -> Iterator[tuple[At, Problem]]:
    """What JSON has and no config can hold; and an end of nesting, which all that follows relies on.

    Raises:
        ConfigError: When it is nested too deeply.
    """
    left: list[tuple[At, Any]] = [((), manifest)]
    while left:
        at, value = left.pop()
        if len(at) > MAX_DEPTH:
            raise _no_json(file, f"{_json_path(at[:MAX_DEPTH])}... is nested too deeply")
        if isinstance(value, dict):
            left += [((*at, key), one) for key, one in reversed(value.items())]
            texts = [str(key) for key in value]
        elif isinstance(value, list):
            left += [((*at, index), one) for index, one in reversed(list(enumerate(value)))]
            texts = []
        else:
            texts = [value] if isinstance(value, str) else []
        if any(_SURROGATE.search(text) for text in texts):
            yield at, Problem(_json_path(at), "holds half of a surrogate pair, which is no text")
        if isinstance(value, float) and not math.isfinite(value):
            yield at, Problem(_json_path(at), "is a number too large")


def _json_path(at: At) -> str:
    def step(part: str | int) -> str:
        if isinstance(part, int):
            return f"[{part}]"
        return f".{part}" if part.isidentifier() else f"[{part!a}]"

    return "$" + "".join(map(step, at))


def _text(path: Path) -> str:
    try:
        # Asked before it is read: a data set given by mistake would fill the memory.
        size = path.stat().st_size
        if path.is_dir():
            raise ConfigError(
                f"'{path}' is a folder", key=KEY, mend="name the JSON file in it: manifest=...json"
            )
        if size > MAX_BYTES:
            raise ConfigError(
                f"'{path}' has {size / 1e6:.0f} MB, more than the {MAX_BYTES / 1e6:.0f} MB of any "
                "manifest",
                key=KEY,
                mend="name the manifest, not its data",
            )
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(f"no file '{path}'", key=KEY, mend="check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"'{path}' is not UTF-8 (byte {error.start})", key=KEY, mend="save it as UTF-8"
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot read '{path}': {error.strerror}", key=KEY) from error


def _parsed(text: str, file: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once_each, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        why = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, ValueError) else "nested too deeply"
    raise _no_json(file, why)


def _no_json(file: str, why: str) -> ConfigError:
    return ConfigError(f"'{file}' is not JSON: {why}", key=KEY, mend="repair the file")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the key {twice!r} twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _misfits(manifest: Any) -> Iterator[tuple[At, Problem]]:
    # Here: it takes a tenth of a second, which no other command need wait for.
    from jsonschema import Draft202012Validator, validators

    # JSON Schema calls 1.0 an integer; a config does not.
    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, one: isinstance(one, int) and not isinstance(one, bool)
    )
    validator = validators.extend(Draft202012Validator, type_checker=types)
    schema = json.loads(resources.files(__package__).joinpath("schema.json").read_text("utf-8"))
    errors: Iterable[Any] = validator(schema).iter_errors(manifest)
    for error in sorted(errors, key=lambda one: [str(part) for part in one.absolute_path]):
        yield from ((tuple(error.absolute_path), problem) for problem in _said(error))


def _said(error: Any) -> Iterator[Problem]:
    path = error.json_path
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        for name in error.instance.keys() - known.keys():
            yield Problem(f"{path}.{name}", f"unknown field.{close_names(name, known)}")
    elif error.validator == "required":
        # One error for each name: jsonschema says which by its message alone.
        name = error.message.partition("'")[2].partition("'")[0]
        yield Problem(path, f"lacks '{name}'")
    else:
        told = error.message
        yield Problem(path, told if len(told) <= _LONGEST else f"...{told[-_LONGEST:]}")
