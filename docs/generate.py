"""Makes ``docs/reference.md`` from the structured configs, ``conf/`` and the metrics.

A key's meaning is the comment beside or above it in its dataclass; what stands in brackets at the end
of that comment is its unit. ``make docs`` writes the file, and a test compares.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "reference.md"
SCHEMA = ROOT / "optbench/config/schema.py"
OPTIMIZERS = ROOT / "optbench/config/optimizers.py"
LAUNCHER = ROOT / "launchers/hydra_plugins/optbench_launcher/config.py"
GROUPS = (
    "suite", "dataset", "agent", "optimizer", "model", "budget", "cache", "tracking", "engine",
)  # fmt: skip
NO_UNIT = "none"
_NUMBER = re.compile(r"(int|float)\b")
_UNIT = re.compile(r"\s*\[([^\]]+)\]\.?$")
_LINK = "https://hydra.cc/docs/advanced/override_grammar/basic/"


@dataclass(frozen=True)
class Key:
    """One key of a config.

    Attributes:
        name: Of the field.
        type: Its annotation, enums as their values.
        default: As it is written; empty where a file must state it.
        meaning: The comment beside or above it; empty where there is none.
        unit: What its number counts; empty where none is stated.
    """

    name: str
    type: str
    default: str
    meaning: str
    unit: str

    @property
    def is_number(self) -> bool:
        """Whether a unit has to be stated."""
        return bool(_NUMBER.match(self.type))


@dataclass(frozen=True)
class Conf:
    """One dataclass of the configs: its name, its bases, its docstring, and the keys it adds."""

    name: str
    bases: tuple[str, ...]
    doc: str
    keys: tuple[Key, ...]


def confs(file: Path) -> dict[str, Conf]:
    """The dataclasses of a module by name, read from its source."""
    source = file.read_text(encoding="utf-8")
    tree = ast.parse(source)
    comments = {
        token.start[0]: (token.string.lstrip("# "), token.line.lstrip().startswith("#"))
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    enums = {c.name: _values(c) for c in classes if any(_text(b) == "Enum" for b in c.bases)}
    return {
        node.name: Conf(
            node.name,
            tuple(_text(base) for base in node.bases),
            " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split()),
            tuple(_keys(node, comments, enums)),
        )
        for node in classes
        if any("dataclass" in _text(one) for one in node.decorator_list)
    }


def _text(node: ast.AST) -> str:
    return ast.unparse(node)


def _values(node: ast.ClassDef) -> str:
    return " or ".join(_text(one.targets[0]) for one in node.body if isinstance(one, ast.Assign))


def _keys(
    node: ast.ClassDef, comments: dict[int, tuple[str, bool]], enums: dict[str, str]
) -> Iterator[Key]:
    for field in node.body:
        if not isinstance(field, ast.AnnAssign):
            continue
        name, kind = _text(field.target), _text(field.annotation)
        said = _comment(field, comments)
        unit = _UNIT.search(said) if _NUMBER.match(kind) else None
        yield Key(
            name,
            enums.get(kind, kind),
            _default(field.value),
            _UNIT.sub("", said) if unit else said,
            unit[1] if unit else "",
        )


def _comment(field: ast.AnnAssign, comments: dict[int, tuple[str, bool]]) -> str:
    """The lines above, which are nothing but comment; where there are none, what stands beside."""
    above: list[str] = []
    line = field.lineno - 1
    while comments.get(line, ("", False))[1]:
        above.insert(0, comments[line][0])
        line -= 1
    if above:
        return " ".join(above)
    return " ".join(
        comments[line][0]
        for line in range(field.lineno, (field.end_lineno or field.lineno) + 1)
        if line in comments
    )


def _default(value: ast.expr | None) -> str:
    """As a config file would state it; empty for a key that must be given."""
    if value is None or _text(value) == "MISSING":
        return ""
    text = _text(value)
    if text.startswith("field("):
        inner = text.removeprefix("field(default_factory=").removesuffix(")")
        known = {"dict": "{}", "list": "[]"}
        return known.get(inner, inner.removeprefix("lambda: ") if "lambda" in inner else "")
    plain = {"None": "null", "True": "true", "False": "false"}
    bare = text.rpartition(".")[2] if re.match(r"[A-Z]\w+\.\w+$", text) else text
    return plain.get(bare, bare.strip("'\"") or '""')


def undescribed() -> list[str]:
    """The keys without a meaning, and the numbers without a unit."""
    found: list[str] = []
    for file in (SCHEMA, OPTIMIZERS, LAUNCHER):
        for conf in confs(file).values():
            for key in conf.keys:
                overridden = key.name in ("params", "optimize", "target", "_target_")
                where = f"{file.name}: {conf.name}.{key.name}"
                if not key.meaning and not overridden:
                    found.append(f"{where} has no description")
                if key.is_number and not key.unit:
                    found.append(f"{where} has no unit")
    return found


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join([_row(*head), _row(*("---" for _ in head)), *(_row(*row) for row in rows)])


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def keys_table(prefix: str, keys: Sequence[Key], stated: dict[str, Any] | None = None) -> str:
    """A table of keys; defaults come from ``stated``, a config file's values, where it has them."""
    rows = []
    for key in keys:
        default = key.default
        if stated is not None and key.name in stated:
            default = _plain(stated[key.name])
        parts = re.match(r"[A-Z]\w+Conf\b|TransferredFrom", key.type)
        rows.append(
            (
                _code(prefix + key.name),
                "keys below" if parts else _code(key.type),
                _code(default) or ("" if parts else "must be given"),
                "" if key.unit == NO_UNIT else key.unit,
                _prose(key.meaning),
            )
        )
    return _table(("key", "type", "default", "unit", "meaning"), rows)


def _prose(text: str) -> str:
    """A comment as the cell of a table: a sentence's beginning, no markup of its own."""
    bare = re.sub(r":\w+:(?=`)", "", text.rstrip(".").replace("``", "`").replace("<", "&lt;"))
    first = bare.partition(" ")[0]
    return bare if "." in first or ":" in first else bare[:1].upper() + bare[1:]


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value or '""'
    return str(yaml.safe_dump(value, default_flow_style=True, width=1000)).split("\n")[0]


def _first_comment(file: Path) -> str:
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# @"):
            return line.lstrip("# ") if line.startswith("#") else ""
    return ""


def _options(group: str) -> str:
    files = sorted((ROOT / "conf" / group).glob("*.yaml"))
    rows = [(f"[`{f.stem}`](../conf/{group}/{f.name})", _first_comment(f)) for f in files]
    return _table((f"`{group}=`", "what it is"), rows)


def _yaml(path: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "conf" / path).read_text(encoding="utf-8"))
    return loaded


def _section(title: str, *blocks: str, level: int = 2) -> str:
    return "\n\n".join(("#" * level + " " + title, *(block for block in blocks if block)))


def _task_keys() -> Iterator[str]:
    known = confs(SCHEMA)

    def part(title: str, prefix: str, name: str) -> str:
        told = _prose(known[name].doc) + "."
        return _section(title, told, keys_table(prefix, known[name].keys), level=3)

    chosen = {
        name.partition("@")[2] or name: option
        for one in _yaml("config.yaml")["defaults"]
        if isinstance(one, dict)
        for name, option in one.items()
    }
    keys = keys_table("", known["Config"].keys, {**chosen, **_yaml("config.yaml")})
    yield _section("Task", known["Config"].doc, keys, level=3)
    yield part("Dataset", "dataset.", "DatasetConf")
    yield part("Source of a dataset", "dataset.source.", "SourceConf")
    yield part("Slices", "dataset.slices.", "SlicesConf")
    yield part("One slice", "dataset.slices.<slice>.", "SliceConf")
    yield part("Messages of the prompt", "dataset.prompt[].", "MessageConf")
    yield part("Metrics of a dataset", "dataset.metrics[].", "MetricConf")
    yield part("Agent", "agent.", "AgentConf")
    yield part("Every model", "model.", "ModelConf")
    yield part("Proposals", "model.proposals.", "ProposalsConf")
    yield part("Models through litellm", "model.", "LiteLLMModelConf")
    yield part("Price", "model.price.", "PriceConf")
    yield part("Embedded models", "model.", "EmbeddedModelConf")
    yield part("The simulated model", "model.", "SimulatedModelConf")
    yield part("Its errors", "model.errors.", "SimulatedErrorsConf")
    yield part("Every optimizer", "optimizer.", "OptimizerConf")
    yield part("Expected use", "optimizer.expected.", "ExpectedConf")
    yield part("Budget", "budget.", "BudgetConf")
    yield part("Cache", "cache.", "CacheConf")
    yield part("Tracking", "tracking.", "TrackingConf")
    yield part("Engine", "engine.", "EngineConf")
    yield part("Engine modal", "engine.", "ModalEngineConf")


def _all_keys(known: dict[str, Conf], name: str) -> list[Key]:
    """Keys with those of the bases first, each once."""
    keys: dict[str, Key] = {}
    for base in known[name].bases:
        if base in known:
            keys |= {key.name: key for key in _all_keys(known, base)}
    keys |= {key.name: key for key in known[name].keys}
    return list(keys.values())


def _optimizer_keys() -> Iterator[str]:
    known = confs(OPTIMIZERS)
    for file in sorted((ROOT / "conf/optimizer").glob("*.yaml")):
        stated = _yaml(f"optimizer/{file.name}")
        schema = stated["defaults"][0].removeprefix("/schema/optimizer/").partition("@")[0]
        conf = known[_schema_class(schema)]
        blocks = [_first_comment(file)]
        for part in ("params", "optimize"):
            (annotation,) = [key.type for key in conf.keys if key.name == part]
            if keys := _all_keys(known, annotation):
                blocks.append(keys_table(f"optimizer.{part}.", keys, stated.get(part) or {}))
        yield _section(f"`optimizer={file.stem}`", *blocks, level=3)
    whence = keys_table("optimizer.params.transferred_from.", known["TransferredFrom"].keys)
    yield _section(
        "Where a transferred prompt comes from",
        whence,
        level=3,
    )


def _schema_class(name: str) -> str:
    from optbench.config.optimizers import SCHEMAS

    return SCHEMAS[name].__name__


def _launcher_keys() -> Iterator[str]:
    known = confs(LAUNCHER)
    for title, name, prefix in (
        ("Launcher", "OptbenchLauncherConf", "hydra.launcher."),
        ("Slurm", "SlurmConf", "hydra.launcher.slurm."),
        ("Modal", "ModalConf", "hydra.launcher.modal."),
        ("Sweeper", "MatrixSweeperConf", "hydra.sweeper."),
    ):
        keys = [key for key in known[name].keys if key.name != "_target_"]
        yield _section(title, _prose(known[name].doc) + ".", keys_table(prefix, keys), level=3)


def _metrics() -> str:
    from optbench.metrics.registry import NAMES

    rows = []
    for name, path in NAMES.items():
        module, _, named = path.rpartition(".")
        kind = getattr(importlib.import_module(module), named)
        parameters = [
            f"{one.name}={one.default!r}" if one.default is not one.empty else one.name
            for one in inspect.signature(kind).parameters.values()
            if one.name != "target"
        ]
        said = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
        rows.append((_code(name), kind.direction, _code(", ".join(parameters)), _prose(said)))
    return _table(("metric", "direction", "`params`", "what it says"), rows)


def text() -> str:
    """The whole page."""
    parts = [
        "# Reference",
        "<!-- Made by docs/generate.py from the configs: change those, then `make docs`. -->",
        "Every option and every key. `optbench --help` shows the values composed, `optbench --info "
        f"config` where each comes from. Overrides are written in [Hydra's grammar]({_LINK}); words "
        "that are no keys, such as `resume=`, and exit codes are in [command-line.md](command-line.md).",
        _section("Options", *(_options(group) for group in GROUPS)),
        _section("Keys of a task", *_task_keys()),
        _section("Parameters of the optimizers", *_optimizer_keys()),
        _section("Keys of the launch", *_launcher_keys()),
        _section("Metrics by name", _metrics()),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Writes the page; fails where a key has no description."""
    if missing := undescribed():
        sys.exit("\n".join(missing))
    FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
