"""A table of texts, and how it is drawn: on a terminal, as Markdown, as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .text import visible


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Its head.
        right: For numbers.
        whole: Never broken over lines, as what is copied must not be.
    """

    name: str
    right: bool = True
    whole: bool = False


@dataclass(frozen=True)
class Table:
    """What is drawn.

    Attributes:
        title: Above it; empty for none.
        columns: K of them.
        rows: K texts each, which may be untrusted.
        below: Lines that are part of it.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    below: Sequence[str] = field(default=())


def text(name: str, *, whole: bool = False) -> Column:
    """A column of words."""
    return Column(name, right=False, whole=whole)


def drawn(table: Table) -> Any:
    """As rich draws it, without the title; nothing in it is read as markup."""
    from rich import box
    from rich.table import Table as Rich
    from rich.text import Text

    shown = Rich(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),  # and one for the rule between columns
        header_style="dim",
    )
    for column in table.columns:
        shown.add_column(
            Text(column.name),
            justify="right" if column.right else "left",
            overflow="fold",
            no_wrap=column.right or column.whole,
        )
    for row in table.rows:
        shown.add_row(*(Text(visible(cell)) for cell in row))
    return shown


def markdown(table: Table) -> str:
    """As Markdown of the GitHub kind; what is no number is escaped."""
    lines = [f"**{_markdown(table.title)}**", ""] if table.title else []
    lines.append("| " + " | ".join(_markdown(column.name) for column in table.columns) + " |")
    lines.append(
        "|" + "|".join("---:" if column.right else "---" for column in table.columns) + "|"
    )
    lines += ["| " + " | ".join(_markdown(cell) for cell in row) + " |" for row in table.rows]
    lines += ["", *(_markdown(line) + "  " for line in table.below)] if table.below else []
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """As LaTeX with rules of the package booktabs; everything is escaped."""
    columns = "".join("r" if column.right else "l" for column in table.columns)
    lines = [r"% \usepackage{booktabs}", r"\begin{table}", r"  \centering"]
    if table.title:
        lines.append(rf"  \caption{{{_latex(table.title)}}}")
    lines += [rf"  \begin{{tabular}}{{{columns}}}", r"    \toprule"]
    lines.append("    " + _row(column.name for column in table.columns))
    lines.append(r"    \midrule")
    lines += ["    " + _row(row) for row in table.rows]
    lines += [r"    \bottomrule", r"  \end{tabular}"]
    lines += [rf"  \par\smallskip\footnotesize {_latex(line)}" for line in table.below]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "[": "{[}", "]": "{]}",  # a bracket behind \\ would be read as its argument
}  # fmt: skip
_NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+(e[+-]?\d+)?")


def _row(cells: Any) -> str:
    return " & ".join(_latex(cell) for cell in cells) + r" \\"


def _latex(cell: str) -> str:
    if _NUMBER.fullmatch(cell) and cell[0] in "+-":
        return f"${cell}$"  # a minus, not a hyphen
    return "".join(_TEX.get(char, char) for char in " ".join(visible(cell).split()))


def _markdown(cell: str) -> str:
    if _NUMBER.fullmatch(cell):
        return cell
    plain = " ".join(visible(cell).split())
    # HTML and links are Markdown, too.
    return re.sub(r"([\\`*_{}\[\]<>|#~&!$])", r"\\\1", plain)
