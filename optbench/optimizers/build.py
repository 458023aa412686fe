"""From an optimizer's config to the optimizer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, cast

from optbench import imports
from optbench.config.optimizers import FewShotConf, OpikConf
from optbench.config.schema import OptimizerConf
from optbench.errors import ConfigError
from optbench.imports import OWN_ONLY, Allowed
from optbench.optimizers.protocol import Optimizer
from optbench.prompts import Candidate


def build(conf: OptimizerConf, allowed: Allowed = OWN_ONLY) -> Optimizer:
    """The optimizer a config names.

    Raises:
        ConfigError: When it may not or cannot be imported, or takes other parameters.
    """
    kind = allowed.kind(conf.target, "optimize", "optimizer.target")
    given = as_keywords(conf.params)
    if isinstance(conf, OpikConf):
        given = {"algorithm": conf.algorithm, "params": given}
    return cast(Optimizer, kind(**given))


def check(conf: OptimizerConf, allowed: Allowed = OWN_ONLY) -> Iterator[ConfigError]:
    """What is wrong with the parameters of ``params`` and ``optimize``, before anything starts."""
    if isinstance(conf, OpikConf) and conf.target == OpikConf.target:
        return  # typed to the last key by its schema; to import it here would take seconds
    try:
        kind: Any = allowed.kind(conf.target, "optimize", "optimizer.target")
    except ConfigError as error:
        yield error
        return
    yield from imports.wrong_parameters(kind, as_keywords(conf.params), "optimizer.params")
    yield from imports.wrong_parameters(
        kind.optimize, as_keywords(conf.optimize), "optimizer.optimize"
    )


def nothing_to_rewrite(conf: OptimizerConf, candidate: Candidate) -> Iterator[ConfigError]:
    """Optimizers of opik-optimizer rewrite messages of some roles; there must be one.

    Its few-shot optimizer only adds examples, which go where its own template says.
    """
    if not isinstance(conf, OpikConf) or isinstance(conf, FewShotConf):
        return
    said = as_keywords(conf.optimize).get("optimize_prompts")
    roles = {role.strip() for role in str(said or "").split(",")}
    has = {message["role"] for part in candidate.parts.values() for message in part.messages}
    if said and not roles & has:
        yield ConfigError(
            f"no prompt has a {said} message, and '{conf.name}' rewrites no other",
            key="optimizer.optimize.optimize_prompts",
            mend=f"begin the prompt with {{role: {said}, content: ...}}, or name another role",
        )


def as_keywords(params: Any) -> dict[str, Any]:
    """A params node as keyword arguments, whether it is typed or a plain mapping."""
    if dataclasses.is_dataclass(params) and not isinstance(params, type):
        return {field.name: getattr(params, field.name) for field in dataclasses.fields(params)}
    return dict(params or {})
