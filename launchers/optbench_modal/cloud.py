"""What is there at Modal: looked at before anything is spawned, in one table with its mends."""

from __future__ import annotations

import asyncio
import platform
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import modal
from modal import exception

from optbench.errors import ConfigError, OptbenchError
from optbench.preflight import PreflightError

from . import fetch
from .names import FUNCTION, Names
from .source import Source

DEPLOY = ("optbench-modal", "deploy")


@dataclass(frozen=True)
class Cloud:
    """What a launch works with.

    Attributes:
        function: Runs one task, with the launch's options.
        volume: Keeps what jobs have learnt.
        code: Fingerprint of what is deployed, and is here.
    """

    function: Any
    volume: Any
    code: str


def names_of(conf: Mapping[str, Any]) -> Names:
    """The names that a launch's options choose."""
    return Names(conf["app"], conf["volume"], conf["environment"])


def source_of(conf: Mapping[str, Any]) -> Source:
    """What a launch's options say is deployed."""
    return Source(tuple(conf["packages"]), tuple(conf["extras"]))


def connect(
    conf: Mapping[str, Any],
    *,
    keys: Sequence[str],
    n_jobs: int | None,
    timeout_s: float | None,
    spawns: bool = True,
) -> Cloud:
    """Looks whether all is there that the jobs need.

    Args:
        conf: :class:`.config.ModalConf` as plain data.
        keys: Environment variables that must hold a key there.
        n_jobs: Containers at once; None: as many as Modal gives.
        timeout_s: A container may take so long for a job, in seconds; None: a day.
        spawns: Whether anything is spawned; else the volume has to be there and nothing more.

    Raises:
        PreflightError: With all that is missing.
    """
    names, source = names_of(conf), source_of(conf)
    deploy = deploy_command(names, source)
    problems: list[OptbenchError] = []

    def had(key: str, look: Callable[[], Any], mend: str) -> Any:
        try:
            return look()
        except exception.NotFoundError as error:
            problems.append(ConfigError(_line(error), key=key, mend=mend))
        except exception.AuthError as error:
            raise PreflightError([_no_token(error)]) from error
        except (exception.Error, OSError) as error:
            raise PreflightError([_no_answer(error)]) from error

    volume = modal.Volume.from_name(names.volume, environment_name=names.environment)
    found = had("modal: volume", volume.hydrate, f"{deploy}, which makes it")
    if found is not None and not spawns:
        return Cloud(None, volume, "")
    function = modal.Function.from_name(names.app, FUNCTION, environment_name=names.environment)
    deployed = had("modal: app", function.hydrate, f"{deploy}, or engine.deploy=true")
    code = source.fingerprint()
    if found is not None and deployed is not None:
        record = asyncio.run(fetch.deployment(volume, names.app))
        problems += _stale(record, code, source, deploy)
    if keys and not conf["secrets"]:
        problems.append(_no_secret(keys, names.environment))
    secrets = _secrets(conf["secrets"], keys, names.environment)
    for secret, mend in secrets:
        had("modal: secret", secret.hydrate, mend)
    if problems:
        raise PreflightError(problems)
    options = {
        "max_containers": n_jobs,
        "timeout": None if timeout_s is None else int(timeout_s),
        "cpu": conf["cpu"],
        "memory": conf["memory_mb"],
        "secrets": [secret for secret, _ in secrets] or None,
    }
    chosen = {name: value for name, value in options.items() if value is not None}
    # Retries run paid work again: the launcher says when.
    return Cloud(function.with_options(**chosen, retries=0), volume, code)


def _secrets(
    named: Sequence[str], keys: Sequence[str], environment: str | None
) -> list[tuple[Any, str]]:
    """The secrets that must be there, each with what to do where it or a key of it is not."""
    # Where no job needs a key, no secret has to be there; of several, nobody says which has which.
    required = list(keys) if len(named) == 1 else []
    secrets = []
    for name in named if keys else ():
        found = partial(modal.Secret.from_name, name, environment_name=environment)
        mend = _secret_command(name, keys, environment)
        if _is_there(found()):  # then it is a key that is missing
            mend += " --overwrite, with a --key for each other that it holds: it is made anew"
        secrets.append((found(required_keys=required), mend))
    return secrets


def deploy_command(names: Names, source: Source) -> str:
    """The command line that deploys what a launch expects."""
    given = [
        *((f"--{key}", value) for key, value in names._asdict().items() if value),
        *(("--package", one) for one in source.packages),
        *(("--extra", one) for one in source.extras),
    ]
    usual = Names()._asdict()
    told = [pair for pair in given if usual.get(pair[0][2:]) != pair[1]]
    return shlex.join([*DEPLOY, *(word for pair in told for word in pair)])


def _secret_command(name: str, keys: Sequence[str], environment: str | None) -> str:
    words = ["optbench-modal", "secret", name, *(word for key in keys for word in ("--key", key))]
    return shlex.join([*words, *(("--environment", environment) if environment else ())])


def _is_there(secret: Any) -> bool:
    try:
        secret.hydrate()
    except exception.Error:
        return False
    return True


def _no_secret(keys: Sequence[str], environment: str | None) -> OptbenchError:
    usual = "opik-benchmarks"
    return ConfigError(
        f"no secret is named, and the jobs need {', '.join(keys)}",
        key="hydra.launcher.modal.secrets",
        mend=f"hydra.launcher.modal.secrets=[{usual}], made by "
        + _secret_command(usual, keys, environment),
    )


def _stale(
    record: Mapping[str, Any] | None, code: str, source: Source, deploy: str
) -> list[OptbenchError]:
    def problem(what: str, mend: str) -> list[OptbenchError]:
        return [ConfigError(what, key="modal: version", mend=mend)]

    if record is None:
        return problem("nothing says what is deployed", f"{deploy}, once more")
    if record.get("python") != source.python:
        return problem(
            f"Python {record.get('python')!s:.10} is deployed, here is {source.python}",
            f"{deploy}, with this Python",
        )
    if record.get("code") != code:
        return problem(
            f"the code that is deployed ({record.get('code')!s:.8}, at "
            f"{record.get('deployed_at')!s:.20}) is not the one that is here ({code[:8]})",
            f"{deploy}, or engine.deploy=true",
        )
    return []


def _no_token(error: exception.Error) -> OptbenchError:
    return ConfigError(_line(error), key="modal: token", mend="modal setup, or modal token set")


def _no_answer(error: Exception) -> OptbenchError:
    return ConfigError(
        f"no answer ({type(error).__name__}: {_line(error)})",
        key="modal: connection",
        mend="see whether this machine is online; modal config show tells the address",
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def here() -> dict[str, str]:
    """What a deployment's record says of the machine that it was made on."""
    return {"python_full": platform.python_version(), "modal": modal.__version__}
