"""From an optimizer's config to the optimizer."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, cast

from optbench.complaints import close_names
from optbench.config.optimizers import OpikConf
from optbench.config.schema import OptimizerConf
from optbench.errors import ConfigError
from optbench.optimizers.protocol import Optimizer


def build(conf: OptimizerConf) -> Optimizer:
    """The optimizer a config names.

    Raises:
        ConfigError: When it cannot be imported, or takes other parameters.
    """
    kind = _class(conf)
    given = as_keywords(conf.params)
    if isinstance(conf, OpikConf):
        given = {"algorithm": conf.algorithm, "params": given}
    return cast(Optimizer, kind(**given))


def check(conf: OptimizerConf) -> Iterator[ConfigError]:
    """What is wrong with the parameters of ``params`` and ``optimize``, before anything starts."""
    if isinstance(conf, OpikConf) and conf.target == OpikConf.target:
        return  # typed to the last key by its schema; to import it here would take seconds
    try:
        kind = _class(conf)
    except ConfigError as error:
        yield error
        return
    yield from _unknown(kind, as_keywords(conf.params), "optimizer.params")
    yield from _unknown(kind.optimize, as_keywords(conf.optimize), "optimizer.optimize")


def as_keywords(params: Any) -> dict[str, Any]:
    """A params node as keyword arguments, whether it is typed or a plain mapping."""
    if dataclasses.is_dataclass(params) and not isinstance(params, type):
        return {field.name: getattr(params, field.name) for field in dataclasses.fields(params)}
    return dict(params or {})


def _class(conf: OptimizerConf) -> Any:
    module, _, name = conf.target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"cannot import '{conf.target}': {error}",
            key="optimizer.target",
            mend="write package.module.Class",
        ) from error


def _unknown(call: Callable[..., Any], given: dict[str, Any], key: str) -> Iterator[ConfigError]:
    parameters = inspect.signature(call).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = {
        p.name: p
        for p in parameters
        if p.kind is p.KEYWORD_ONLY or p.kind is p.POSITIONAL_OR_KEYWORD
    }
    for name in ("self", "problem"):
        known.pop(name, None)
    for name in given.keys() - known.keys():
        yield ConfigError(f"unknown parameter.{close_names(name, known)}", key=f"{key}.{name}")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in given:
            yield ConfigError("missing", key=f"{key}.{name}", mend=f"give +{key}.{name}=...")
