"""A manifest's tasks in Hydra's terms, each written out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import launch, stand_ins

from optbench.manifests.catalogue import Catalogue
from optbench.manifests.read import ManifestError
from optbench.manifests.translate import Translation, translate

BASE = {"dataset": "tickets", "optimizer": "few_shot", "model": "openai/gpt-4o-mini"}
ROW = {
    "dataset": "tickets", "optimizer": "few_shot", "budget": "trials_3", "model": "gpt-4o-mini",
}  # fmt: skip
THREE = {"optimizer_prompt_params": {"max_trials": 3}}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    names = ("hotpot", "hover", "pupa", "mine")
    with launch(conf=stand_ins(tmp_path_factory.mktemp("conf"), *names)) as (master, loader):
        yield Catalogue(loader, master)


def made(catalogue: Catalogue, *tasks: dict[str, Any], **top: Any) -> Translation:
    return translate(
        {**top, "tasks": [{**BASE, **THREE, **task} for task in tasks]},
        catalogue,
        "m",
        trusted=True,
    )  # what needs trust: test_trust.py


def row(catalogue: Catalogue, **task: Any) -> dict[str, Any]:
    (one,) = made(catalogue, task).rows
    return one


def problem(catalogue: Catalogue, **task: Any) -> str:
    with pytest.raises(ManifestError) as caught:
        made(catalogue, task)
    (one,) = caught.value.problems
    return f"{one.path}: {one.what}"


def said(found: Translation, *words: str) -> bool:
    return any(all(word in note for word in words) for note in found.notes)


def test_the_plainest_task(catalogue: Catalogue) -> None:
    assert row(catalogue) == ROW


def test_every_field_of_a_task(catalogue: Catalogue) -> None:
    task = {
        "dataset": "mine_train",
        "datasets": {
            "train": {"loader": "mine", "count": 10, "dataset_name": "any"},
            "validation": {"loader": "mine_validation", "split": "train", "start": 50, "count": 5},
            "test": {"loader": "mine", "start": 3},
        },
        "test_mode": True,
        "model_parameters": {"temperature": 0.7, "max_tokens": 99, "top_p": 0.9},
        "optimizer_params": {"min_examples": 1, "verbose": 1, "seed": 5},
        "optimizer_prompt_params": {"max_trials": 4, "n_samples": 10, "max_examples": 3},
        "metrics": ["numeric", {"path": "contains", "kwargs": {"target": "answer", "x": 1}}],
        "prompt": [{"role": "user", "content": "{question}?"}],
        "x_optbench": {"overrides": ["n_threads=2"]},
    }
    found = made(catalogue, task, seed=42)
    assert found.rows == [
        {
            "dataset": "mine",
            "dataset.slices.train.count": 10,
            "dataset.slices.validation.split": "train",
            "dataset.slices.validation.start": 50,
            "dataset.slices.validation.count": 5,
            "dataset.slices.test.start": 3,
            "optimizer": "few_shot",
            "optimizer.params.min_examples": 1,
            "optimizer.optimize.n_samples": 10,
            "optimizer.params.max_examples": 3,
            "budget": "trials_30",
            "budget.name": "trials_4",
            "budget.trials": 4,
            "model": "gpt-4o-mini",
            "model.temperature": 0.7,
            "dataset.max_tokens": 99,
            "++model.extra.top_p": 0.9,
            "dataset.prompt": [{"role": "user", "content": "{question}?"}],
            "dataset.metrics": [
                {"name": "numeric", "target": "answer"},
                {"name": "contains", "target": "answer", "params": {"x": 1}},
            ],
            "seed": 5,  # the optimizer's own, which has an effect there too
            "test_mode": True,
            "n_threads": "2",
        }
    ]


def test_a_generator_multiplies_datasets_models_and_optimizers(catalogue: Catalogue) -> None:
    generator = {
        "datasets": [
            "tickets",
            {"loader": "mine", "count": 7},
            {"dataset": "hotpot_train", "datasets": {"train": {"loader": "hotpot", "count": 9}}},
        ],
        "models": [{"name": "simulated", "model_parameters": {"temperature": 1.0}}, "smollm2"],
        "optimizers": [{"name": "gepa", **THREE}, {"name": "meta_prompt", **THREE}],
        "test_mode": False,
    }
    found = translate({"seed": 2, "generators": [generator]}, catalogue, "m").rows
    assert [(one["dataset"], one["model"], one["optimizer"]) for one in found] == [
        (dataset, model, optimizer)
        for dataset in ("tickets", "mine", "hotpot")
        for model in ("simulated", "smollm2")
        for optimizer in ("gepa", "meta_prompt")
    ]
    assert [one.get("dataset.slices.train.count") for one in found] == [None] * 4 + [7] * 4 + [
        9
    ] * 4
    assert {one["seed"] for one in found} == {2}
    assert [one.get("model.temperature") for one in found[:4]] == [1.0, 1.0, None, None]
    assert {one["test_mode"] for one in found} == {False}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai/gpt-4.1-mini", {"model": "gpt-4.1-mini"}),
        ("openrouter/qwen/qwen3-8b", {"model": "qwen3-8b"}),
        ("anthropic/claude-haiku-4-5", {"model": "claude-haiku"}),
        ("simulated", {"model": "simulated"}),
        ("groq/x-1", {
            "model": "litellm", "model.id": "groq/x-1", "model.api_key_env": "GROQ_API_KEY",
        }),
        ("nobody/x", {"model": "litellm", "model.id": "nobody/x"}),
    ],
)  # fmt: skip
def test_models(name: str, expected: dict[str, Any], catalogue: Catalogue) -> None:
    one = row(catalogue, model=name)
    assert {key: one[key] for key in one if key.startswith("model")} == expected


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("benchmarks.packages.hotpot.metrics.hotpot_f1", "squad_f1"),
        ("benchmarks.metrics.hotpot.hotpot_f1", "squad_f1"),
        ("benchmarks.metrics.hotpot.hotpot_exact_match", "squad_exact_match"),
        ("benchmarks.packages.hover.metrics.hover_label_accuracy", "label"),
        ("benchmarks.metrics.pupa.pupa_leakage_ratio", "pupa_leakage"),
        ("opik.evaluation.metrics.Hallucination", "hallucination"),
        ("benchmarks.packages.registry.levenshtein_ratio", "levenshtein"),
        ("my_package.hotpot_f1", "my_package.hotpot_f1"),
    ],
)
def test_metrics(path: str, name: str, catalogue: Catalogue) -> None:
    (metric,) = row(catalogue, metrics=[{"path": path}])["dataset.metrics"]
    assert metric == {"name": name, "target": "product"}


def test_a_metric_of_the_dataset_itself_keeps_its_column(catalogue: Catalogue) -> None:
    (metric,) = row(catalogue, dataset="mine", metrics=["numeric"])["dataset.metrics"]
    assert metric == {"name": "numeric", "target": "answer"}


def test_an_inverted_judge_is_left_out_and_said(catalogue: Catalogue) -> None:
    paths = ["benchmarks.metrics.hover.hover_label_accuracy",
             "benchmarks.metrics.hover.hover_judge_feedback"]  # fmt: skip
    found = made(catalogue, {"metrics": paths})
    assert [one["name"] for one in found.rows[0]["dataset.metrics"]] == ["label"]
    assert said(found, "hover_judge_feedback is left out")
    assert "none of them has a counterpart" in problem(catalogue, metrics=paths[1:])


def test_a_placeholder_that_is_no_column_there(catalogue: Catalogue) -> None:
    found = made(
        catalogue, {"dataset": "pupa", "prompt": [{"role": "user", "content": "Say {question}"}]}
    )
    assert found.rows[0]["dataset.prompt"][0]["content"] == "Say {user_query}"
    assert said(found, "pupa", "'{question}' is no column")


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({}, ("same train rows", "own validation and test slices")),
        ({"dataset": {"loader": "mine", "count": 5}}, ("same train rows",)),
        ({"datasets": {"train": "tickets", "validation": "tickets"}}, ("no test rows",)),
        ({"dataset": "gsm8k"}, ("gsm8k", "Levenshtein", "final number")),
        ({"datasets": {"train": {"loader": "tickets", "start": 9, "split": "train"},
                       "validation": {"loader": "gsm8k", "split": "validation"}},
          "dataset": "gsm8k"}, ()),
        ({"dataset": "hotpot"}, ("five prompts",)),
        ({"optimizer": "parameter"}, ("always fails there", "works here")),
        ({"optimizer": "evolutionary_optimizer",
          "optimizer_prompt_params": {"population_size": 9}}, ("population_size", "ignores it")),
        ({"optimizer_prompt_params": {}}, ("no max_trials", "trials_30")),
        ({"optimizer_prompt_params": {"max_trials": 6438}}, ("6438", "number of rollouts")),
        ({"optimizer_prompt_params": {"n_samples": 4}}, ("n_samples",)),
        ({"model_parameters": {"temperature": 1}}, ("meta_prompt", "0.1")),
        ({"metrics": ["opik.evaluation.metrics.Hallucination"]}, ("maximised there",)),
        ({"test_mode": True}, ("5 items a slice", "2 trials")),
    ],
)  # fmt: skip
def test_what_differs_is_said_once(
    task: dict[str, Any], words: tuple[str, ...], catalogue: Catalogue
) -> None:
    if not words:
        assert "loader 'tickets' beside dataset 'gsm8k'" in problem(catalogue, **task)
        return
    found = made(catalogue, task, task)
    assert said(found, *words)
    assert len(found.notes) == len(set(found.notes))


def test_the_hubs_split_of_a_role_is_not_taken_for_ours(catalogue: Catalogue) -> None:
    """gsm8k's validation rows are a part of train here; the hub has no split of that name."""
    found = made(catalogue, {
        "dataset": "gsm8k",
        "datasets": {"train": {"loader": "gsm8k", "count": 10},
                     "validation": {"loader": "gsm8k", "split": "validation", "count": 5}},
    })  # fmt: skip
    assert said(found, "gsm8k: its validation rows are the hub's 'validation' from 0", "from 150")
    assert found.rows[0]["dataset.slices.validation.count"] == 5
    assert "dataset.slices.validation.split" not in found.rows[0]


def test_the_seed_is_said_only_where_there_is_one(catalogue: Catalogue) -> None:
    assert said(made(catalogue, {}, seed=3), "seed: it changes nothing there")
    assert not said(made(catalogue, {}), "seed")


def test_an_optimizer_with_a_model_of_its_own(catalogue: Catalogue) -> None:
    one = row(
        catalogue,
        optimizer="hierarchical_reflective",
        optimizer_params={
            "reasoning_model": "openai/gpt-4.1-mini", "model_parameters": {"temperature": 0.3},
        },
    )  # fmt: skip
    assert one["model@optimizer_model"] == "gpt-4.1-mini"
    assert one["model.proposals.temperature"] == 0.3


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ({"dataset": "ticktes"}, "$.tasks[0].dataset: there is no dataset 'ticktes'. Did you mean "),
        ({"dataset": "nothing_test"}, "$.tasks[0].dataset: there is no dataset 'nothing_test'."),
        ({"optimizer": "geap"}, "$.tasks[0].optimizer: there is no optimizer 'geap'. Did you mean "),
        ({"model": "gpt4o-mini"}, "$.tasks[0].model: no model 'gpt4o-mini'"),
        ({"optimizer_params": {"max_exampels": 1}},
         "$.tasks[0].optimizer_params.max_exampels: 'few_shot' has no such parameter. Did you mean "),
        ({"optimizer_prompt_params": {"max_trials": 0}},
         "$.tasks[0].optimizer_prompt_params.max_trials: 0 is no number of trials"),
        ({"metrics": ["exact_mach"]}, "$.tasks[0].metrics[0]: there is no metric 'exact_mach'. Did"),
        ({"metrics": [{"path": "contains", "args": [1]}]}, "$.tasks[0].metrics[0]: arguments"),
        ({"x_optbench": {"overrides": ["engine=slurm"]}},
         "$.tasks[0].x_optbench: 'engine' belongs to the launch"),
    ],
)  # fmt: skip
def test_names_that_nothing_answers_to(
    task: dict[str, Any], expected: str, catalogue: Catalogue
) -> None:
    assert problem(catalogue, **task).startswith(expected)


def test_all_problems_at_once(catalogue: Catalogue) -> None:
    with pytest.raises(ManifestError) as caught:
        made(catalogue, {"dataset": "x"}, {"optimizer": "y"}, {"model": "z"})
    assert [one.path for one in caught.value.problems] == [
        "$.tasks[0].dataset", "$.tasks[1].optimizer", "$.tasks[2].model",
    ]  # fmt: skip


def test_what_is_given_beside_takes_the_place_of_what_it_covers(catalogue: Catalogue) -> None:
    one = row(
        catalogue,
        optimizer_prompt_params={"max_trials": 77},
        x_optbench={"overrides": ["budget=rollouts_500"]},
    )
    assert {key: one[key] for key in one if key.startswith("budget")} == {"budget": "rollouts_500"}


def test_a_user_folder_is_known(catalogue: Catalogue, tmp_path: Path) -> None:
    assert catalogue.dataset("mine") == "mine"
    assert catalogue.dataset("mine_validation") == "mine"
    assert catalogue.dataset("min") is None
