"""What README, CONTRIBUTING and docs/ show in fences: files to write, commands to run, snippets."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(p for p in (ROOT / "docs").rglob("*.md") if p.name != "reference.md"),
)
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Page:
    """One page.

    Attributes:
        name: Its path below the root.
        files: By path what a fence shows as a file: ```` ```yaml my_conf/dataset/mine.yaml ````.
        commands: What follows ``$ `` in ``console`` fences, continued lines joined.
        snippets: Python fences without a path.
        yamls: YAML fences without a path.
        others: Info strings of fences that are nothing of this.
    """

    name: str
    files: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    snippets: list[str] = field(default_factory=list)
    yamls: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Writes the page's files."""
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


def page(file: Path) -> Page:
    """What a page shows."""
    made = Page(str(file.relative_to(ROOT)))
    for info, body in _FENCE.findall(file.read_text(encoding="utf-8")):
        kind, _, path = info.strip().partition(" ")
        if path:
            made.files[path] = body
        elif kind == "console":
            made.commands += commands(body)
        elif kind == "python":
            made.snippets.append(body)
        elif kind == "yaml":
            made.yamls.append(body)
        else:
            made.others.append(info)
    return made


def commands(body: str) -> list[str]:
    """The commands of a console fence; all other lines are output."""
    joined = re.sub(r"\\\n\s*", "", body)
    return [
        re.sub(r"\s{2,}#.*", "", line.removeprefix("$ "))
        for line in joined.splitlines()
        if line.startswith("$ ")
    ]


def split(command: str) -> tuple[dict[str, str], list[str]]:
    """A command as the shell has it: the environment set before it, and its words."""
    words = shlex.split(command)
    env: dict[str, str] = {}
    while words and re.match(r"[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    return env, words


def links(file: Path) -> list[str]:
    """Where a page leads to within the tree: paths, with their anchors."""
    text = _FENCE.sub("", file.read_text(encoding="utf-8"))
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(file: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    text = _FENCE.sub("", file.read_text(encoding="utf-8"))
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
