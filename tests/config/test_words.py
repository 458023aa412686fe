"""What is written as an override is read as the very same value."""

from __future__ import annotations

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from optbench.config.words import Raw, covers, text, word

# OmegaConf has no keys but these, and no numbers that are none.
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.: ,=-]{0,8}[A-Za-z_]", fullmatch=True)
TEXTS = st.text(
    st.sampled_from("ab {}$\\'\",:=[]()\n\t#%é-.0") | st.characters(exclude_categories=["Cs", "Cc"])
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, width=32) | TEXTS
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)


def read(override: str) -> Any:
    value = OverridesParser.create().parse_override(override).value()
    cfg = OmegaConf.create({"key": value})
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    return plain["key"]


@settings(deadline=None)
@given(value=VALUES)
@example(value="it's \\ a \\' ${x} \\${y} \\\\${z}\\")
@example(value="null")
@example(value="TRUE")
@example(value="1e3")
@example(value="a,b")
@example(value=[{"role": "user", "content": "{question}\n'x'"}])
def test_a_value_comes_back(value: Any) -> None:
    assert read(word("key", value)) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("gpt-4.1-mini", "gpt-4.1-mini"),
        ("a b", "'a b'"),
        (Raw("range(3)"), "range(3)"),
        (None, "null"),
        (True, "true"),
        ({"a": [1, "b"]}, "{a:[1,b]}"),
    ],
)
def test_it_is_what_a_person_would_write(value: Any, written: str) -> None:
    assert text(value) == written


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="set has no form"):
        text({1})


@pytest.mark.parametrize(
    ("given_", "key", "whether"),
    [
        ("model", "model.temperature", True),
        ("model", "++model.extra.top_p", True),
        ("model", "model@optimizer_model", False),
        ("model@optimizer_model", "optimizer_model.temperature", True),
        ("budget", "budget.trials", True),
        ("budget.trials", "budget", False),
        ("seed", "seeds", False),
    ],
)
def test_what_takes_the_place_of_what(given_: str, key: str, whether: bool) -> None:
    assert covers(given_, key) is whether
