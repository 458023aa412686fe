"""A secret stays a reference until a model is called with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from peers import completion, openai
from support import command, composed

from optbench.config import secrets
from optbench.errors import ConfigError
from optbench.task import Task

KEY = "sk-planted-in-extra-42"


@pytest.mark.parametrize(
    "word",
    [
        "model.api_key_env=sk-verysecret12345678",
        "+optimizer_model.api_key_env='AIzaSyVerySecret'",
        "hydra.sweeper.include=[{model.api_key_env: 0f3c9a7e5b}]",
    ],
)
def test_a_key_in_the_place_of_its_variable_is_refused_unseen(word: str) -> None:
    with pytest.raises(ConfigError, match="api_key_env: holds a secret") as caught:
        secrets.refuse_literal([word])
    assert not any(part in str(caught.value) for part in ("verysecret", "VerySecret", "0f3c9a"))


def test_names_of_variables_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("my_own", "x")
    for name in ("OPENAI_API_KEY", "my_own", "null", "${oc.env:WHICH}"):
        secrets.refuse_literal([f"model.api_key_env={name}"])


def test_what_a_config_resolves_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", KEY)
    monkeypatch.setenv("MAX_TOKENS", "7")
    secrets.register()
    told = OmegaConf.create(
        {
            "key": "${oc.env:MY_API_KEY}",
            "through": "x ${key}",
            "tokens": "${oc.env:MAX_TOKENS}",
            "unset": "${oc.env:NO_SUCH_THING,9}",
            "none": "${oc.env:NO_SUCH_TOKEN,null}",
        }
    )
    plain = OmegaConf.to_container(told, resolve=True)
    assert plain == {
        "key": "${oc.env:MY_API_KEY}",
        "through": "x ${oc.env:MY_API_KEY}",
        "tokens": "7",
        "unset": "9",
        "none": None,
    }
    assert secrets.opened({"a": [plain["through"]]}) == {"a": [f"x {KEY}"]}
    assert list(secrets.variables(plain)) == ["MY_API_KEY", "MY_API_KEY"]


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match="export NO_SUCH_KEY"):
        secrets.opened("${oc.env:NO_SUCH_KEY}")


def test_another_name_of_the_key_is_no_other_task() -> None:
    one, two, plain = (
        Task.from_config(composed("model=gpt-4o-mini", *more)).identity
        for more in (
            ["+model.extra.api_key='${oc.env:A_KEY}'"],
            ["+model.extra.api_key='${oc.env:B_KEY}'"],
            [],
        )
    )
    assert one == two == plain


def test_a_key_in_extra_is_used_and_in_no_file(tmp_path: Path) -> None:
    with openai(lambda _: (200, completion("x"))) as (address, seen):
        done = command(
            "-m", "test_mode=true", "model=gpt-4o-mini", f"model.api_base={address}",
            "model.api_key_env=null", "+model.extra.api_key='${oc.env:MY_API_KEY}'",
            "optimizer=none", "hydra.sweep.dir=sweep",
            cwd=tmp_path, env={"MY_API_KEY": KEY},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {one["authorization"] for one in seen} == {f"Bearer {KEY}"}
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


def test_a_key_on_the_command_line_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    done = command("model=gpt-4o-mini", f"+model.extra.api_key={KEY}", cwd=tmp_path)
    assert done.returncode == 2
    assert "holds a secret" in done.stderr
    assert KEY not in done.stderr
    assert not list(tmp_path.iterdir())
    missing = command(
        "model=gpt-4o-mini", "model.api_key_env=null",
        "+model.extra.api_key='${oc.env:NO_SUCH_KEY}'", cwd=tmp_path,
    )  # fmt: skip
    assert missing.returncode == 2
    assert "export NO_SUCH_KEY" in missing.stderr
