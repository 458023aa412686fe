"""What a manifest may say by itself. It may come from anywhere, and a command line from its user only:
so it chooses among what is here, and sets numbers and words, but no code, no file and no server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.override_parser.types import Override

from optbench.config.words import package
from optbench.manifests.catalogue import Catalogue
from optbench.wording import close_names

GROUPS = ("dataset", "agent", "optimizer", "model", "budget")
"""Config groups; a manifest may choose among their options."""

_MODELS = ("model", "optimizer_model", "judge_model")
_OF_A_MODEL = (
    *("name", "id", "temperature", "proposals", "retries", "retry_for_s", "max_in_flight"),
    *("requests_per_minute", "timeout_s", "price", "latency_s", "errors", "n_parallel"),
    "context_tokens",
)
_PLAIN = (
    *("seed", "n_threads", "test_mode", "budget", "agent.name", "agent.prompts"),
    *("optimizer.name", "optimizer.params", "optimizer.optimize"),
    *("optimizer.several_prompts", "optimizer.expected"),
    *("dataset.name", "dataset.description", "dataset.licence", "dataset.shuffle_seed"),
    *("dataset.slices", "dataset.fingerprints", "dataset.prompt", "dataset.demonstration"),
    *("dataset.max_tokens", "dataset.source.args", "dataset.source.split_column"),
    *("dataset.source.id_column", "dataset.source.rename"),
    *(f"{model}.{key}" for model in _MODELS for key in _OF_A_MODEL),
)
"""Keys that name no code, file, server or key, with all below them; any other may."""
_CODE = {
    "dataset.source.generator": "optbench.data.",
    "dataset.source.transform": "optbench.data.",
    "agent.target": "optbench.agents.",
    "optimizer.target": "optbench.optimizers.",
}
"""Keys that name code, and where optbench's own begins."""
METRICS = "optbench.metrics."
SAMPLING = frozenset(
    {
        *("temperature", "top_p", "top_k", "top_a", "min_p", "typical_p", "stop", "logit_bias"),
        *("frequency_penalty", "presence_penalty", "repetition_penalty", "seed", "max_tokens"),
        *("max_completion_tokens", "reasoning_effort", "thinking", "verbosity", "logprobs"),
        *("top_logprobs", "response_format", "modalities", "n", "stream", "timeout"),
        *("num_retries", "max_retries", "drop_params", "messages", "model"),
    }
)
"""litellm's parameters of one call that choose no server, key or header; those that a call states
itself are among them, of which preflight says so."""
_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\$\{")
_ADDRESS = "://"


def model_name(name: str) -> Iterator[str]:
    """Why a model's name is more than one: for some providers litellm takes an address in it."""
    if _ADDRESS in name:
        yield f"model '{name}' names a server"


def model_parameter(key: str, value: Any) -> Iterator[str]:
    """Why a parameter of litellm's is more than one of sampling."""
    if key not in SAMPLING:
        yield f"'{key}' is not among litellm's sampling parameters, so it may name a server or a key"
    yield from _references(key, value)


def metric(name: str) -> Iterator[str]:
    """Why a metric is more than one of optbench's."""
    if "." in name and not name.startswith(METRICS):
        yield f"metric '{name}' names code to import"


def override(given: Override, catalogue: Catalogue) -> Iterator[str]:
    """Why an override is more than a choice among what is here, or a plain value.

    Args:
        given: The override, as Hydra reads it.
        catalogue: The options that there are.
    """
    key, value = str(given.key_or_group), given.value()
    about = package(given.get_key_element())
    yield from _references(key, value)
    if key in GROUPS and (given.package is None or (key == "model" and given.package in _MODELS)):
        if value is not None and str(value) not in catalogue.options(key):
            yield f"{key}={value} is no option.{close_names(str(value), catalogue.options(key))}"
    elif about == "dataset.metrics" and isinstance(value, list):
        for one in value:
            yield from metric(str(one.get("name")) if isinstance(one, Mapping) else "?.?")
    elif about in _CODE:
        if value is not None and not str(value).startswith(_CODE[about]):
            yield f"'{key}' names code to import"
    elif any(about.startswith(f"{model}.extra") for model in _MODELS):
        name = about.partition(".extra")[2].lstrip(".").partition(".")[0]
        told = {name: value} if name else value
        for parameter, one in (told if isinstance(told, Mapping) else {"?": told}).items():
            yield from model_parameter(str(parameter), one)
    elif not any(about == plain or about.startswith(f"{plain}.") for plain in _PLAIN):
        yield f"'{key}' may name code, a file, a server or a key"
    elif about.endswith(".id"):
        yield from model_name(str(value))


def _references(key: str, value: Any) -> Iterator[str]:
    """References are resolved on this machine, to its environment for one."""
    if isinstance(value, Mapping):
        for inner, one in value.items():
            yield from _references(key, str(inner))
            yield from _references(key, one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(key, one)
    elif isinstance(value, str) and _REFERENCE.search(value):
        yield f"'{key}' holds a reference, '${{...}}'"
