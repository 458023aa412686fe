"""From a metric's config to the metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from optbench.config.schema import MetricConf
from optbench.errors import ConfigError
from optbench.imports import OWN_ONLY, Allowed
from optbench.metrics.base import Metric
from optbench.wording import close_names

NAMES = {
    "exact_match": "optbench.metrics.exact_match.ExactMatch",
    "contains": "optbench.metrics.contains.Contains",
    "numeric": "optbench.metrics.numeric.Numeric",
    "choice": "optbench.metrics.choice.Choice",
    "label": "optbench.metrics.label.Label",
    "squad_exact_match": "optbench.metrics.squad.SquadExactMatch",
    "squad_f1": "optbench.metrics.squad.SquadF1",
    "ifbench": "optbench.metrics.instructions.IFBench",
    "ifeval": "optbench.metrics.instructions.IFEval",
    "pupa_leakage": "optbench.metrics.pupa_leakage.PupaLeakage",
    "pupa_quality": "optbench.metrics.pupa_quality.PupaQuality",
    "rouge": "optbench.metrics.rouge.Rouge",
    "mc1": "optbench.metrics.truthful_mc.MC1",
    "mc2": "optbench.metrics.truthful_mc.MC2",
    "truthfulness": "optbench.metrics.truthfulness.Truthfulness",
    "hallucination": "optbench.metrics.opik_judges.Hallucination",
    "answer_relevance": "optbench.metrics.opik_judges.AnswerRelevance",
    "context_precision": "optbench.metrics.opik_judges.ContextPrecision",
    "levenshtein": "optbench.metrics.levenshtein.Levenshtein",
}
"""Metrics that a config names shortly; any other is a ``package.module.Class``."""


def build(confs: Sequence[MetricConf], allowed: Allowed = OWN_ONLY) -> dict[str, Metric]:
    """The metrics by name, in the config's order; the first is the objective.

    Raises:
        ConfigError: For an unknown name, one that may not be imported, a wrong parameter, or two of
            one name.
    """
    if not confs:
        raise ConfigError("a dataset needs at least one metric", key="dataset.metrics")
    built: dict[str, Metric] = {}
    for index, conf in enumerate(confs):
        name = conf.name.rpartition(".")[2] if "." in conf.name else conf.name
        if name in built:
            raise ConfigError(
                f"two metrics are called '{name}'",
                key=f"dataset.metrics.{index}.name",
                mend="name each metric once",
            )
        built[name] = _build(conf, f"dataset.metrics.{index}", allowed)
    return built


def _build(conf: MetricConf, key: str, allowed: Allowed) -> Metric:
    path = NAMES.get(conf.name, conf.name)
    if not path.rpartition(".")[0]:
        raise ConfigError(
            f"there is no metric '{conf.name}'.{close_names(conf.name, NAMES)}", key=f"{key}.name"
        )
    kind = allowed.kind(path, "score", f"{key}.name")
    try:
        return cast(Metric, kind(target=conf.target, **conf.params))
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error), key=f"{key}.params", mend=f"see {path}") from error
