"""Every command of README, CONTRIBUTING and docs/ is run, or checked as far as it can be.

:data:`HOW` says of each kind of command how; a command that none of its lines fits fails.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from documented import PAGES, ROOT, Page, anchors, commands, links, page, split
from filelock import FileLock
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from support import command, swept

from hydra_plugins.optbench_launcher._files import read_once
from optbench import config, rerun
from optbench.app import conf_folder
from optbench.config.compat import VERSION_BASE
from optbench.config.schema import Config

EVERY = [page(file) for file in PAGES]
SWEEP = "optbench -m model=simulated optimizer=none,random_few_shot,few_shot seed=1,2,3"
"""The README's first sweep, by its beginning; other pages' commands look at its folder."""
FLAGS = ("-m", "--multirun")
ALLOWING = "allow_imports"


def runs(line: str, folder: Path, *more: str) -> None:
    """In a process of its own; ``more`` makes it quick or keeps it from paying."""
    env, words = split(line)
    env = {**env, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    done = command(*known(words[1:]), *more, cwd=folder, env=env, timeout=600)
    assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def known(words: list[str]) -> list[str]:
    """The words without the one that this version does not know yet."""
    there = any(one.name == ALLOWING for one in dataclasses.fields(Config))
    return [word for word in words if there or not word.startswith(f"{ALLOWING}=")]


def runs_small(line: str, folder: Path) -> None:
    runs(line, folder, "test_mode=true")


def plans(line: str, folder: Path) -> None:
    """Without asking a model: its tasks are looked at, and none is started."""
    runs(line, folder, "plan=true")


def sweeps(line: str, folder: Path) -> None:
    """The tasks that a manifest or a finished sweep brings are composed, in this process."""
    with inside(folder):
        words = rerun.complete(split(line)[1][1:])
        assert swept(*(word for word in words if word not in FLAGS)), line


def composes(line: str, folder: Path) -> None:
    """Each value of each axis composes; what it asks for (a key, a hub, a cluster) is not there."""
    _, (_, *words) = split(line)
    searched: list[str] = []
    if "--config-dir" in words:
        at = words.index("--config-dir")
        searched = [f"hydra.searchpath=[file://{folder / words[at + 1]}]"]
        del words[at : at + 2]
    words = known([word for word in words if word not in FLAGS])
    config.register()
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        read_once(GlobalHydra.instance().config_loader())
        for chosen in one_at_a_time(words):
            compose("config", [*searched, *chosen])


def one_at_a_time(words: list[str]) -> Iterator[list[str]]:
    """Overrides with their first values, then with each further value of each axis."""
    values = [
        word.partition("=")[2].split(",") if "[" not in word and "{" not in word else [word]
        for word in words
    ]
    keys = [word.partition("=")[0] for word in words]
    first = [
        word if len(options) == 1 else f"{key}={options[0]}"
        for word, key, options in zip(words, keys, values, strict=True)
    ]
    yield first
    for at, options in enumerate(values):
        for value in options[1:]:
            yield [*first[:at], f"{keys[at]}={value}", *first[at + 1 :]]


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def tells(line: str, folder: Path) -> None:
    """``optbench-results`` and ``optbench-manifest``, in this process, beside the first sweep."""
    _, (name, *words) = split(line)
    if name == "optbench-results":
        from optbench.commands.cli import main
    else:
        from optbench.manifests.cli import main
    with inside(folder):
        try:
            main(words)
        except SystemExit as ended:
            assert not ended.code, f"{line}: {ended.code}"


def parses(line: str, folder: Path) -> None:
    _, (name, *words) = split(line)
    if name == "optbench-modal":
        from optbench_modal.cli import _parser
    else:
        from optbench.commands.cli import _parser
    _parser().parse_args(words)


def makes(line: str, folder: Path) -> None:
    """The target is there, and its commands can be said."""
    said = subprocess.run(
        [*line.split()[:1], "-n", *split(line)[1][1:]],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr


def installs(line: str, folder: Path) -> None:
    """Each extra is one of pyproject's, each pinned package one that the Makefile installs so."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra in re.findall(r"\[([\w,-]+)\]", line):
        assert set(extra.split(",")) <= set(project["optional-dependencies"]), line
    for pinned in re.findall(r"\S+==\S+", line):
        assert f"pip install --quiet --no-deps {pinned}" in (ROOT / "Makefile").read_text()


def compiles(line: str, folder: Path) -> None:
    """The script is there; what it measures takes minutes."""
    _, (_, script, *_) = split(line)
    compile((ROOT / script).read_text(), script, "exec")


def has_tests(line: str, folder: Path) -> None:
    for word in split(line)[1][3:]:
        assert word.startswith("-") or (ROOT / word).exists() or word.isidentifier(), line


def is_modals(line: str, folder: Path) -> None:
    from modal.__main__ import main  # noqa: F401
    from modal.cli.entry_point import entrypoint_cli

    assert split(line)[1][1] in entrypoint_cli.commands, line


HOW: list[tuple[str, Callable[[str, Path], None], str]] = [
    (r"optbench .*--(help|cfg|info)|optbench --", runs, "as it stands"),
    (re.escape(SWEEP), runs_small, "as it stands, with five items a slice"),
    (r"optbench (resume|retry_failed)=my_sweep", runs, "as it stands, in the first sweep's folder"),
    (r"optbench .*replay=", plans, "looked at, not run: tests/test_replay.py runs one"),
    (r"optbench .*(transfer|manifest)=", sweeps, "its tasks are composed; some need keys"),
    (r"optbench .*plan=true.* 'allow_imports", runs, "as it stands"),
    (r"optbench .*(allow_imports=|dataset=capitals)", runs, "as it stands"),
    (r"(OPIK_URL_OVERRIDE=\S+ )?optbench ", composes, "needs a key, a hub, a server, or minutes"),
    (r"optbench-results show study", parses, "needs the study, which takes eight minutes"),
    (r"optbench-(results .*gepa|results .*--collect)", parses, "needs a sweep that was paid"),
    (r"optbench-(results|manifest) ", tells, "as it stands, beside the first sweep"),
    (r"optbench-modal ", parses, "needs an account; tests/modal_engine runs each over loopback"),
    (r"make ", makes, "says its commands: they install packages, or are this very suite"),
    (r"pip install ", installs, "its extras and pins are there; no network"),
    (r"python -m pytest ", has_tests, "its paths are there; it would be this very suite"),
    (r"python (docs|tests)/\S+\.py", compiles, "is there; takes minutes"),
    (r"modal setup", is_modals, "needs an account; Modal's command line has it"),
]  # fmt: skip
"""Of each kind of command how it is checked, and why no further; the first that fits counts."""
QUICK = (composes, parses, makes, installs, has_tests, compiles, is_modals)


def how(line: str) -> Callable[[str, Path], None]:
    for pattern, way, _ in HOW:
        if re.match(pattern, line):
            return way
    pytest.fail(f"no line of HOW says how to check: {line}")


def checked(one: Page, *, quick: bool) -> list[str]:
    return [line for line in one.commands if (how(line) in QUICK) is quick]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the README's first sweep, another one to compare it with, and the pages' files."""
    folder = tmp_path_factory.mktemp("documented")
    for name in ("my_sweep", "other_sweep"):
        shutil.copytree(first_sweep(tmp_path_factory), folder / name)
    for one in EVERY:
        one.write(folder)
    return folder


def first_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The README's first sweep; made once, also where several processes run these tests."""
    base = tmp_path_factory.getbasetemp()
    made = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "first_sweep"
    with FileLock(f"{made}.lock"):
        if not (made / "my_sweep").is_dir():
            made.mkdir()
            (readme,) = [one for one in EVERY if one.name == "README.md"]
            (line, *_) = [line for line in readme.commands if line.startswith(SWEEP)]
            runs_small(line, made)
    return made / "my_sweep"


def names(pages: list[Page]) -> list[str]:
    return [one.name for one in pages]


@pytest.mark.parametrize("one", EVERY, ids=names(EVERY))
def test_what_needs_no_run(one: Page, tmp_path: Path) -> None:
    one.write(tmp_path)
    assert one.others == [], "a fence is console, python, yaml, or names a file"
    for text in one.yamls:
        yaml.safe_load(text)
    for line in checked(one, quick=True):
        try:
            how(line)(line, tmp_path)
        except Exception as error:
            raise AssertionError(line) from error


TO_RUN = [one for one in EVERY if checked(one, quick=False) or one.snippets]


@pytest.mark.slow
@pytest.mark.parametrize("one", TO_RUN, ids=names(TO_RUN))
def test_what_is_run(one: Page, beside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in checked(one, quick=False):
        how(line)(line, beside)
    for text in one.snippets:
        subprocess.run([sys.executable, "-c", text], cwd=beside, check=True, capture_output=True)


@pytest.mark.parametrize("file", PAGES, ids=names(EVERY))
def test_links_lead_somewhere(file: Path) -> None:
    for link in links(file):
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_commands_are_found() -> None:
    body = "$ optbench a=1 \\\n    b=2   # said\noutput\n$ make demo\n"
    assert commands(body) == ["optbench a=1 b=2", "make demo"]
    assert split("A_B=1 optbench 'x=[y z]'") == ({"A_B": "1"}, ["optbench", "x=[y z]"])


def test_what_no_line_fits_fails() -> None:
    with pytest.raises(pytest.fail.Exception):
        how("curl example.org")


def test_values_are_tried_one_at_a_time() -> None:
    assert list(one_at_a_time(["a=1,2", "b=x", "c=[1,2]", "d=3,4"])) == [
        ["a=1", "b=x", "c=[1,2]", "d=3"],
        ["a=2", "b=x", "c=[1,2]", "d=3"],
        ["a=1", "b=x", "c=[1,2]", "d=4"],
    ]
