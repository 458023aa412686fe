"""One small fault at a time, put into a source file: mutmut's operators, without those of texts.

What a person reads is not mutated, since a test that pins every word of it would bite nothing else:
strings and f-strings with a blank in them, the arguments of errors, docstrings. Nor are annotations,
aliases of types and decorators. Bodies of decorated functions are, which mutmut itself leaves out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import deep_replace
from mutmut.mutation.mutators import mutation_operators

ERRORS = ("_refused", "cast", "TypeVar", "import_module", "pragma")
"""Calls whose arguments are words or types; besides those of classes that end in ``Error``."""
TYPES = ("Literal", "dict", "tuple", "Callable")


@dataclass(frozen=True)
class Mutant:
    """A file's text with one fault, where it is, and what was made of which line."""

    line: int
    code: str
    change: str


class Fault:
    """A mutant that is not made yet: that takes a tenth of a second, and most are never drawn."""

    def __init__(
        self, module: cst.Module, line: int, node: cst.CSTNode, other: cst.CSTNode
    ) -> None:
        self.line = line
        self._module, self._node, self._other = module, node, other

    def mutant(self) -> Mutant | None:
        """The file with the fault in it; None where that is no other file, or no Python."""
        mutated = deep_replace(self._module, self._node, self._other)
        assert isinstance(mutated, cst.Module)
        source = self._module.code
        if mutated.code == source or not _compiles(mutated.code):
            return None
        return Mutant(self.line, mutated.code, _change(source, mutated.code))


def faults(source: str) -> list[Fault]:
    """All that can be put into a module's source, in the order of its lines."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    collected = _Collector()
    wrapper.visit(collected)
    return [Fault(wrapper.module, *found) for found in collected.found]


class _Collector(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _is_left_out(node):
            return False
        for other in _mutated(node):
            place: Any = self.get_metadata(PositionProvider, node)
            self.found.append((place.start.line, node, other))
        return True


def _mutated(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            yield from operator(node)


def _is_left_out(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom):
        return True
    if isinstance(node, cst.SimpleString | cst.ConcatenatedString):
        return " " in str(node.evaluated_value)
    if isinstance(node, cst.FormattedString):
        texts = [part.value for part in node.parts if isinstance(part, cst.FormattedStringText)]
        return any(" " in text for text in texts)
    if isinstance(node, cst.Call):
        name = getattr(node.func, "value", "")
        return isinstance(name, str) and (name.endswith("Error") or name in ERRORS)
    alias = m.Assign(value=m.Subscript(value=m.OneOf(*(m.Name(name) for name in TYPES))))
    typing = m.If(test=m.Name("TYPE_CHECKING"))
    return m.matches(node, m.OneOf(alias, typing))


def _compiles(code: str) -> bool:
    try:
        compile(code, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _change(source: str, code: str) -> str:
    lines = difflib.unified_diff(_lines(source), _lines(code), n=0, lineterm="")
    changed = [line for line in lines if line[:1] in "-+" and line[:3] not in ("---", "+++")]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in changed)


def _lines(text: str) -> Sequence[str]:
    return text.splitlines()
