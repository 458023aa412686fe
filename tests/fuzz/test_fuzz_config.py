"""Whatever a command line says: a task, or an error that names what is wrong, with exit code 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fuzzing import NASTY, harmless, looks
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from support import composed

from optbench import preflight, rerun
from optbench.complaints import explain, is_of_composing
from optbench.config import secrets
from optbench.errors import OptbenchError
from optbench.task import Task

BASE = ("dataset=tickets", "optimizer=random_few_shot", "model=simulated")
WORDS = ("1,2", "[a", "[1,2]",
         "{a: 1}", "{a:b", "range(1,3)", "choice(1,2)",
         "${seed}", "${nothing}",
         "${oc.env:NOTHING_SET}", "???", "-1", "0", "1e400", "nan", "inf", "-inf",
         "true", "0x10", "1_000",
         "'a b'", "9" * 20,
         "${hydra:job.name}", "key@x", "1.5", "[]", "{}", "a=b")  # fmt: skip


def _leaves(node: Any, path: str = "") -> Iterator[str]:
    if path:
        yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))


KEYS = [
    key
    for key in _leaves(OmegaConf.to_container(composed(*BASE), resolve=False))
    # These are about a folder, of which the tests of each of them know more.
    if key not in rerun.KEYS
]
values = st.one_of(
    st.sampled_from(WORDS), st.sampled_from(NASTY), st.text(max_size=12), st.integers().map(str),
    st.floats().map(str),
)  # fmt: skip
keys = st.one_of(
    st.sampled_from(KEYS),
    st.sampled_from(KEYS).flatmap(lambda key: st.sampled_from((key[:-1], f"{key}.x", f"{key}.0"))),
    st.text(max_size=8),
)
overrides = st.one_of(
    st.builds("{}{}={}".format, st.sampled_from(("", "", "", "+", "++", "~")), keys, values),
    st.text(max_size=12),
)


def exit_code(error: Exception) -> int:
    """As :func:`optbench.app.main` has it."""
    return error.exit_code if isinstance(error, OptbenchError) else 1 + is_of_composing(error)


def ends_well(words: Sequence[str]) -> None:
    try:
        with harmless(lambda _: True):
            secrets.refuse_literal(words)
            cfg = composed(*rerun.complete([*BASE, *words]))
            task = Task.from_config(cfg)
            preflight.check(task.config, preflight.read(task.config))
    except Exception as error:
        said = explain(error)
        assert exit_code(error) == 2, f"{said}: {error!r}"
        assert said.startswith("error: ")
        assert len(said.splitlines()) <= 30
        assert all(char.isprintable() or char == "\n" for char in said), repr(said)


@looks(20)
@given(st.lists(overrides, min_size=1, max_size=2))
@example(["+engine=1e400"])
@example(["dataset.source.args=\ud800"])
@example(["dataset.source.package=../../x"])
@example(["++dataset.slices.validation=${seed}"])
@example(["dataset.fingerprints=${seed}"])
def test_any_overrides(words: list[str]) -> None:
    ends_well(words)


@looks(20)
@given(st.sampled_from(KEYS), values)
def test_any_value_of_each_key(key: str, value: str) -> None:
    ends_well([f"{key}={value}"])
