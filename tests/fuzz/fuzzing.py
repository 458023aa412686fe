"""What the fuzz tests share: how long they look, JSON of every kind, and its mutations.

In CI each looks at the same few examples; ``FUZZ_TIMES=50`` looks at so many times as many new ones.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
NASTY = (
    "", " ", "\0", "\ud800", "<script>fuzz()</script>", "${oc.env:HOME}", "${", "{a}", "=", "../../x",
    "a,b", "null", "nan", "1e999", "os.system", "planted.Module",
    "/etc/passwd", "\u202e", "x" * 3_000,
    "'", '"', "\\", "http://127.0.0.1:9/",
    "e\u0301", "[", "]", "{", "}", "~", "@", ":", "\n", "\x1b[31m",
)  # fmt: skip


def looks(examples: int) -> settings:
    """How many examples, and that they are the same ones every time in CI."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=20))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 12), st.sampled_from([2**63, -(2**70), 10**400]),
    st.floats(), texts,
)  # fmt: skip


def json_values(keys: Sequence[str]) -> st.SearchStrategy[Any]:
    """JSON of any shape whose objects have, among others, these keys."""
    names = st.one_of(st.sampled_from(keys), texts)
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)
        ),
        max_leaves=12,
    )


Change = tuple[int, str, Any]


def changes(keys: Sequence[str]) -> st.SearchStrategy[list[Change]]:
    """One to three changes of a document: where, what, and with what."""
    how = st.sampled_from(("drop", "replace", "rename", "repeat", "bury"))
    return st.lists(
        st.tuples(st.integers(0, 10**6), how, json_values(keys)), min_size=1, max_size=3
    )


def changed(document: Any, wanted: Sequence[Change]) -> Any:
    """A copy of a document with changes made to it."""
    made = {"": copy.deepcopy(document)}
    for where, how, value in wanted:
        places = list(_places(made))
        holder, key = places[where % len(places)]
        if how == "drop":
            del holder[key]
        elif how == "replace":
            holder[key] = value
        elif how == "repeat" and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif how == "rename" and isinstance(holder, dict):
            holder[str(value)] = holder.pop(key)
        elif how == "bury":
            for _ in range(50):
                holder[key] = [holder[key]]
        made = made if "" in made else {"": None}
    return made[""]


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    below = list(node.items() if isinstance(node, dict) else enumerate(node))
    for key, value in below:
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


_watching: list[tuple[list[str], Callable[[str], bool]]] = []
_FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec",
              "os.remove", "os.rename", "os.symlink", "shutil.rmtree")  # fmt: skip


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    seen, allowed = _watching[-1]
    if event in _FORBIDDEN:
        seen.append(f"{event} {arguments!r}"[:200])
    elif event == "open" and isinstance(arguments[0], str | bytes):
        name = os.fsdecode(arguments[0])
        if not allowed(name):
            seen.append(f"open {name}"[:200])


sys.addaudithook(_audit)


@contextmanager
def harmless(allowed: Callable[[str], bool]) -> Iterator[None]:
    """No network, no process, no file but those whose names are allowed, and no planted module."""
    seen: list[str] = []
    _watching.append((seen, allowed))
    try:
        yield
    finally:
        _watching.pop()
    assert seen == []
    assert "planted" not in sys.modules
