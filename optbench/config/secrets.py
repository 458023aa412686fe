"""Secrets in a config stay references to the environment, so that no file and no message has one.

``${oc.env:NAME}`` is resolved by Hydra wherever a config is read, and what is resolved is written into
job folders and sent to workers. Of a variable whose name says that it is a secret, the reference stays
in its place until a model is called with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from optbench.config.compat import register_resolver
from optbench.errors import ConfigError

_SECRET_VARIABLE = re.compile(
    r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|AUTH)(_|$)", re.IGNORECASE
)
_SECRET_KEY = re.compile(
    r"(^|[._-])(api_?key|secret|password|passwd|credentials?|authorization|"
    r"((x|access|auth|bearer)[_-]?)token)$",
    re.IGNORECASE,
)
_LOGIN_IN_URL = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_REFERENCE = re.compile(r"\$\{oc\.env:([A-Za-z_][A-Za-z0-9_]*)\}")
_NAMED_VARIABLE = re.compile(r"([\w.@]*api_key_env)['\"]?\s*[:=]\s*['\"]?([^\s,}\]'\"]+)")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}\Z")
ENVIRONMENT = "hydra.job.env_set"
_NO_DEFAULT = "_NO_DEFAULT_"


def environment(name: str, default: Any = _NO_DEFAULT) -> Any:
    """The resolver ``oc.env``, as OmegaConf has it, but for secrets.

    Args:
        name: Of the environment variable.
        default: What stands for a variable that is not set.

    Returns:
        Its value; of a secret ``${oc.env:NAME}``, see :func:`opened`.

    Raises:
        KeyError: When the variable is not set, is no secret and has no default.
    """
    set_ = name in os.environ
    if is_secret(name) and (set_ or default is _NO_DEFAULT):
        return f"${{oc.env:{name}}}"
    if set_:
        return os.environ[name]
    if default is _NO_DEFAULT:
        raise KeyError(f"Environment variable '{name}' not found")
    return None if default is None else str(default)


def is_secret(variable: str) -> bool:
    """Whether a variable's name says that it holds a secret."""
    return _SECRET_VARIABLE.search(variable) is not None


def is_variable(name: str) -> bool:
    """Whether a text is the name of an environment variable, rather than a key in its place."""
    return name in os.environ or _VARIABLE.match(name) is not None


def register() -> None:
    """Puts :func:`environment` in the place of OmegaConf's own resolver, for this process."""
    register_resolver("oc.env", environment)


def opened(value: Any) -> Any:
    """A value with the secrets that it refers to.

    Args:
        value: Plain data.

    Raises:
        ConfigError: When a variable is not set.
    """
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _read(found.group(1)), value)
    if isinstance(value, dict):
        return {key: opened(one) for key, one in value.items()}
    if isinstance(value, list):
        return [opened(one) for one in value]
    return value


def variables(value: Any) -> Iterator[str]:
    """The names of the secrets that a value refers to."""
    if isinstance(value, str):
        yield from _REFERENCE.findall(value)
    elif isinstance(value, dict):
        for one in value.values():
            yield from variables(one)
    elif isinstance(value, list):
        for one in value:
            yield from variables(one)


def literal(value: Any, path: str) -> Iterator[str]:
    """The keys, below a key, that hold a secret itself rather than a reference to one."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from literal(one, f"{path}.{key}")
    elif (
        isinstance(value, str)
        and "${" not in value
        and (_LOGIN_IN_URL.search(value) or (value and _SECRET_KEY.search(path)))
    ):
        yield path


def refuse_literal(words: Sequence[str]) -> None:
    """Stops a command line that has a secret in it, before Hydra writes it into a folder.

    Raises:
        ConfigError: With the key, and without the secret.
    """
    from optbench.config.redact import redacted

    for word in words:
        key, given, value = word.partition("=")
        if redacted(word) != word:  # a shell has put a variable's value there
            raise literal_error(redacted(key.lstrip("+")))
        for named, variable in _NAMED_VARIABLE.findall(word):
            if variable != "null" and "${" not in variable and not is_variable(variable):
                raise literal_error(named)
        variable = key.rpartition(".")[2]
        if given and ENVIRONMENT in key and is_secret(variable) and "${" not in value:
            raise literal_error(variable)
        if given and value.strip("'\"") != "null":
            for found in literal(value.strip("'\""), key.lstrip("+")):
                raise literal_error(found)


def literal_error(key: str) -> ConfigError:
    """What is said of a secret in a config."""
    return ConfigError(
        "holds a secret, which would be written into every job's folder",
        key=key,
        mend="export it, and give its name: "
        + (
            f"{key}=MY_API_KEY"
            if key.endswith("api_key_env")
            else f"'{key}=${{oc.env:MY_API_KEY}}'"
        )
        + ("" if key.endswith("api_key_env") else " or model.api_key_env"),
    )


def _read(name: str) -> str:
    if name not in os.environ:
        raise ConfigError(
            f"the environment variable {name} is not set", key="model", mend=f"export {name}=..."
        )
    return os.environ[name]
