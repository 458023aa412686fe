"""Every YAML file composes, and says what its schema says."""

from __future__ import annotations

import dataclasses

import pytest
import yaml
from omegaconf import OmegaConf
from support import composed, options, searches

from optbench.app import conf_folder
from optbench.config.identity import NEUTRAL_KEYS, identity
from optbench.config.schema import Config

GROUPS = ("dataset", "agent", "optimizer", "model", "budget", "cache", "tracking", "engine")
EVERY = [(group, option) for group in GROUPS for option in options(group)]
NEEDS = {
    "gguf": ["model.path=weights/tiny.gguf"],
    "vllm": ["model.id=hosted_vllm/x"],
    "litellm": ["model.id=a/b"],
}


@pytest.mark.parametrize(("group", "option"), EVERY, ids=lambda value: value)
def test_every_option_composes_into_its_dataclass(group: str, option: str) -> None:
    config = composed(f"{group}={option}", *NEEDS.get(option, []))
    node = config[group]
    kind = OmegaConf.get_type(node)
    assert dataclasses.is_dataclass(kind)
    typed = OmegaConf.to_object(config)
    assert isinstance(typed, Config)
    assert not OmegaConf.missing_keys(config)
    assert set(node) == {field.name for field in dataclasses.fields(kind)}


@pytest.mark.parametrize(("group", "option"), EVERY, ids=lambda value: value)
def test_every_file_begins_with_what_it_is(group: str, option: str) -> None:
    lines = (conf_folder() / group / f"{option}.yaml").read_text().splitlines()
    said = next(line for line in lines if not line.startswith("# @"))
    assert said.startswith("# ")
    assert len(said) > 20


@pytest.mark.parametrize("option", options("optimizer"))
def test_every_parameter_of_an_optimizer_stands_in_its_file(option: str) -> None:
    written = yaml.safe_load((conf_folder() / "optimizer" / f"{option}.yaml").read_text())
    node = composed(f"optimizer={option}").optimizer
    for part in ("params", "optimize"):
        assert set(written.get(part) or {}) == set(node[part])


@pytest.mark.parametrize("option", [o for o in searches() if o not in ("none", "random_few_shot")])
def test_no_optimizer_stops_where_the_others_search_on(option: str) -> None:
    config = composed(f"optimizer={option}", "budget=trials_3")
    assert config.optimizer.params.skip_perfect_score is False
    assert config.optimizer.params.n_threads == config.n_threads
    assert config.optimizer.optimize.max_trials == 3
    assert "seed" not in config.optimizer.params


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("optimizer.params.max_exampels=3", "max_exampels"),
        ("dataset.slices.test.cout=3", "cout"),
        ("nonsense=1", "nonsense"),
        ("seed=many", "seed"),
        ("model.n_parallel=two", "model.n_parallel"),
        ("dataset.source.kind=cloud", "dataset.source.kind"),
    ],
)
def test_unknown_key_or_wrong_type_names_the_key(override: str, key: str) -> None:
    from optbench.complaints import explain

    with pytest.raises(Exception) as caught:
        composed(override)
    assert key in explain(caught.value)


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("dataset=ticket", "tickets"),
        ("optimizer=geap", "gepa"),
        ("model=gpt4o-mini", "gpt-4o-mini"),
    ],
)
def test_unknown_option_names_the_close_ones(override: str, meant: str) -> None:
    from optbench.complaints import explain

    with pytest.raises(Exception) as caught:
        composed(override)
    assert f"Did you mean {meant}" in explain(caught.value)


def test_identity_leaves_out_what_cannot_change_a_result() -> None:
    base = identity(composed())
    assert identity(composed("tracking=opik")) == base
    assert identity(composed("model.retries=9")) == base
    assert identity(composed("cache=off", "plan=true", "replay=x", "budget.sweep_usd=1")) == base
    for changing in (
        "seed=2",
        "n_threads=1",
        "model=simulated",
        "optimizer.params.max_examples=3",
        "budget=trials_3",
        "test_mode=true",
        "dataset.slices.test.count=79",
        "model@optimizer_model=simulated",
    ):
        assert identity(composed(changing)) != base, changing


def test_a_transferred_prompt_counts_and_not_which_task_it_was_taken_from() -> None:
    def of(text: str, **source: object) -> str:
        cfg = composed("optimizer=transfer", "model=simulated")
        cfg.optimizer.params.prompts = [
            {"name": "prompt", "messages": [{"role": "user", "content": text}]}
        ]
        for key, value in source.items():
            cfg.optimizer.params.transferred_from[key] = value
        return identity(cfg)

    assert of("{message}") == of("{message}", seed=4, identity="f" * 64)
    assert of("{message}") != of("{message}!")
    assert of("{message}") != of("{message}", model="simulated")


def test_a_price_counts_once_the_budget_counts_it() -> None:
    """A simulated model's latency, likewise, under a budget in seconds."""
    model = ("model=vllm", "model.id=x/y")
    price = "model.price.input_per_million=9"
    assert identity(composed(*model)) == identity(composed(*model, price))
    usd = (*model, "budget=usd_1")
    assert identity(composed(*usd)) != identity(composed(*usd, price))
    timed = ("model=simulated", "budget=minutes_10")
    assert identity(composed(*timed)) != identity(composed(*timed, "model.latency_s=1"))


def test_every_field_is_on_one_side() -> None:
    """A new field changes this list: decide whether it can change a result.

    If it cannot, add it to NEUTRAL_KEYS; if it can, raise IDENTITY_VERSION. Then extend the list.
    """
    known = {
        "dataset": {
            "name",
            "description",
            "licence",
            "source",
            "shuffle_seed",
            "fingerprints",
            "slices",
            "prompt",
            "demonstration",
            "max_tokens",
            "metrics",
        },
        "optimizer": {"name", "target", "params", "optimize", "several_prompts", "expected"},
        "model": {
            "name",
            "temperature",
            "proposals",
            "retries",
            "retry_for_s",
            "max_in_flight",
            "requests_per_minute",
            "id",
            "api_key_env",
            "api_base",
            "timeout_s",
            "extra",
            "price",
            "path",
            "n_parallel",
            "context_tokens",
            "latency_s",
            "errors",
        },
        "agent": {"name", "target", "params", "prompts"},
        "budget": {
            "name",
            "trials",
            "rollouts",
            "llm_calls",
            "tokens",
            "usd",
            "seconds",
            "sweep_usd",
        },
        "cache": {"mode", "path"},
        "engine": {"name"},
        "tracking": {"name", "kind", "project", "spans"},
    }
    from optbench.config import model_schemas
    from optbench.config.schema import (
        AgentConf,
        BudgetConf,
        CacheConf,
        DatasetConf,
        EngineConf,
        OptimizerConf,
        TrackingConf,
    )

    found = {
        "dataset": DatasetConf,
        "agent": AgentConf,
        "optimizer": OptimizerConf,
        "budget": BudgetConf,
        "cache": CacheConf,
        "engine": EngineConf,
        "tracking": TrackingConf,
    }
    for group, kind in found.items():
        assert {field.name for field in dataclasses.fields(kind)} == known[group]
    plain = {field.name for field in dataclasses.fields(Config)} - known.keys()
    assert plain == {
        "optimizer_model",
        "judge_model",
        "seed",
        "n_threads",
        "test_mode",
        "replay",
        "plan",
        "allow_imports",
    }
    models = {f.name for kind in model_schemas().values() for f in dataclasses.fields(kind)}
    assert models == known["model"]
    for key in NEUTRAL_KEYS:
        group, _, name = key.partition(".")
        assert group in plain or not name or name.partition(".")[0] in known[group], key


def test_folder_is_readable_and_safe() -> None:
    from optbench.config.resolvers import folder

    config = composed("model=simulated")
    assert folder(_root_=config).startswith("tickets/random_few_shot/simulated/s1-")
    nasty = composed("model=simulated", "model.name='../../etc/pass wd'")
    assert ".." not in folder(_root_=nasty).split("/")
