"""Where commands write to: a terminal or a pipe, and files that are replaced whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optbench.errors import ConfigError
from optbench.replacing import replacing

from .text import visible


def console() -> Any:
    """Of standard output; what is printed on it is never read as markup.

    Without a terminal and ``COLUMNS`` it is 100 wide.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
    return Console(markup=False, highlight=False, emoji=False, width=width, file=sys.stdout)


def say(on: Any, text: str, style: str = "") -> None:
    """One paragraph, wrapped at words."""
    from rich.text import Text

    on.print(Text(visible(text), style=style))


def verbatim(on: Any, text: str) -> None:
    """A line as it is: a terminal wraps it, a pipe takes it whole."""
    from rich.text import Text

    on.print(Text(visible(text)), soft_wrap=True)


def show(on: Any, table: Any) -> None:
    """A table between its title and its lines below."""
    from .tables import drawn

    if table.title:
        say(on, table.title, "bold")
    on.print(drawn(table))
    for line in table.below:
        say(on, line, "dim")


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file that is written aside and then takes the place of the one that is there.

    Raises:
        ConfigError: When it cannot be written.
    """
    try:
        with replacing(path) as aside:
            yield aside
    except OSError as error:
        raise ConfigError(
            f"cannot write '{visible(path)}': {error.strerror}",
            key="--output",
            mend="name a file in a folder that is there",
        ) from error


def put(text: str, output: Path | None) -> None:
    """Writes a text to a file, or prints it."""
    if output is None:
        sys.stdout.write(text)
        return
    with replaced(output) as aside:
        aside.write_text(text, encoding="utf-8")


def joined(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
