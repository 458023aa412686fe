"""``docs/reference.md`` says what the configs say, and every key of theirs is described."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    file = Path(__file__).parent.parent / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("docs_generate", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # dataclasses look their annotations up there
    spec.loader.exec_module(module)
    return module


def test_it_is_not_stale(generate: ModuleType) -> None:
    assert generate.FILE.read_text(encoding="utf-8") == generate.text(), (
        "docs/reference.md is stale: run `make docs` (python docs/generate.py) and commit it"
    )


def test_every_key_is_described(generate: ModuleType) -> None:
    assert generate.undescribed() == [], (
        "write a comment beside or above the key; of a number it ends with the unit: "
        "# of one call [seconds], or [none]"
    )


CONF = '''
class Kind(Enum):
    a = "a"
    b = "b"

@dataclass
class Inner:
    """What is within."""

    # Above the key,
    # in two lines. [rows]
    count: int = MISSING
    kind: Kind = Kind.b  # beside it
    bare: float | None = None
'''


def test_what_a_comment_says(generate: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text(CONF)
    inner = generate.confs(tmp_path / "conf.py")["Inner"]
    assert inner.doc == "What is within."
    assert [(k.name, k.type, k.default, k.meaning, k.unit) for k in inner.keys] == [
        ("count", "int", "", "Above the key, in two lines.", "rows"),
        ("kind", "a or b", "b", "beside it", ""),
        ("bare", "float | None", "null", "", ""),
    ]


def test_a_bare_key_is_noticed(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf.py").write_text(CONF)
    monkeypatch.setattr(generate, "SCHEMA", tmp_path / "conf.py")
    assert generate.undescribed() == [
        "conf.py: Inner.bare has no description",
        "conf.py: Inner.bare has no unit",
    ]
