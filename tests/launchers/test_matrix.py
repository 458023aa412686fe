"""The matrix: what Hydra's own sweeper takes, rows left out and put in, each job composed once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.global_hydra import GlobalHydra
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.types import RunMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from support import command, launch

from hydra_plugins.optbench_launcher._compose import Composer, without_hydra
from optbench import config
from optbench.app import conf_folder
from optbench.config.compat import VERSION_BASE

SMALL = (
    "-m", "model=simulated",
    *(f"dataset.slices.{name}.count=5" for name in ("train", "validation", "test")),
    "hydra.sweep.dir=sweep",
)  # fmt: skip


def planned(*words: str, cwd: Path) -> Any:
    return command(*SMALL, "plan=true", *words, cwd=cwd)


def test_rows_left_out_and_put_in(tmp_path: Path) -> None:
    done = planned(
        "optimizer=none,gepa", "seed=1,2",
        "hydra.sweeper.exclude=[{optimizer:[gepa,few_shot],seed:2},{dataset:gsm8k}]",
        "hydra.sweeper.include=[{optimizer:few_shot,seed:7}]",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 of 4 combinations left out" in done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if "simulated" in line]
    assert [(row[3], row[7]) for row in rows] == [
        ("none", "1"), ("none", "2"), ("gepa", "1"), ("few_shot", "7"),
    ]  # fmt: skip


def test_axes_that_stand_in_the_config(tmp_path: Path) -> None:
    done = planned('hydra.sweeper.params={seed: "3,4", optimizer: none}', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if "simulated" in line]
    assert [(row[3], row[7]) for row in rows] == [("none", "3"), ("none", "4")]


def test_what_is_left_out_must_be_something(tmp_path: Path) -> None:
    done = planned("hydra.sweeper.exclude=[{optimiser:gepa}]", cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean optimizer" in done.stderr


def test_every_bad_value_is_named_before_anything_starts(tmp_path: Path) -> None:
    done = command(
        *SMALL, "optimizer=none,geap,mta_prompt", "seed=1,2", "hydra.launcher.n_jobs=1",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    for meant in ("gepa", "meta_prompt"):
        assert f"Did you mean {meant}" in done.stderr
    assert not list(tmp_path.rglob("status.json"))


@pytest.mark.parametrize("axis", ["engine=local,other", "cache=off,read", "plan=true,false"])
def test_what_is_chosen_once_is_no_axis(tmp_path: Path, axis: str) -> None:
    done = command(*SMALL, axis, cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot be an axis" in done.stderr


def test_a_plan_leaves_the_record_of_a_sweep_as_it_is(tmp_path: Path) -> None:
    assert command(*SMALL, "optimizer=none", cwd=tmp_path).returncode == 0
    before = (tmp_path / "sweep" / "multirun.yaml").read_text()
    assert planned("optimizer=none,gepa", cwd=tmp_path).returncode == 0
    assert (tmp_path / "sweep" / "multirun.yaml").read_text() == before


def test_all_batches_run_whatever_fails(tmp_path: Path) -> None:
    done = command(
        *SMALL, "optimizer=none", "dataset.max_tokens=0,16", "hydra.sweeper.max_batch_size=1",
        "hydra.launcher.preflight=false",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert "1 of 2 jobs failed" in done.stderr
    assert "optbench retry_failed=sweep" in done.stderr
    assert len(list((tmp_path / "sweep").rglob("result.json"))) == 1


VALUES = {
    "seed": st.integers(0, 99).map(str),
    "n_threads": st.integers(1, 9).map(str),
    "test_mode": st.sampled_from(["true", "false"]),
    "optimizer": st.sampled_from(["none", "gepa", "random_few_shot"]),
    "dataset": st.sampled_from(["tickets", "arithmetic"]),
    "budget": st.sampled_from(["trials_3", "rollouts_500"]),
    "budget.trials": st.integers(1, 9).map(str),
    "dataset.slices.test.count": st.integers(1, 20).map(str),
    "dataset.slices.test": st.sampled_from(["{split:test,start:1,count:3}"]),
    "model.name": st.sampled_from(["a", "'b c'", "null"]),
    "+dataset.source.args.x": st.sampled_from(["1", "[1,2]"]),
}


@st.composite
def jobs(draw: st.DrawFn) -> list[list[str]]:
    keys = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=5, unique=True))
    return [[f"{key}={draw(VALUES[key])}" for key in keys] for _ in range(3)]


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(jobs=jobs())
def test_a_job_is_what_hydra_composes(jobs: list[list[str]]) -> None:
    config.register()
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", ["model=simulated"], RunMode.MULTIRUN)
        composer = Composer(ConfigLoaderImpl(config_search_path=loader.get_search_path()), master)
        for job in jobs:
            try:
                expected = loader.load_sweep_config(master, job)
            except Exception as error:
                with pytest.raises(type(error)):
                    composer.compose(job)
                continue
            got = composer.compose(job)
            assert OmegaConf.to_container(got) == OmegaConf.to_container(expected)
            assert OmegaConf.get_type(got) is OmegaConf.get_type(expected)
            bare = composer.bare(job)
            assert OmegaConf.to_container(bare) == OmegaConf.to_container(without_hydra(expected))
            assert OmegaConf.get_type(bare) is OmegaConf.get_type(expected)


def test_values_in_a_group_that_is_chosen_cost_no_composition() -> None:
    with launch("model=simulated") as (master, loader):
        composer = Composer(loader, master)
        for name in ("a", "b", "c"):
            job = ["optimizer=gepa", f"optimizer.name={name}", "dataset=tickets"]
            assert composer.bare(job).optimizer.name == name
        assert composer.full == 1


def test_a_file_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    config.register()
    read: list[str] = []
    files = SourcesRegistry.instance().resolve("file")
    load = files.load_config

    def counted(source: ConfigSource, config_path: str) -> ConfigResult:
        read.append(config_path.removesuffix(".yaml"))
        return load(source, config_path)

    monkeypatch.setattr(files, "load_config", counted)
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [], RunMode.MULTIRUN)
        composer = Composer(loader, master)
        read.clear()
        for optimizer in ("none", "gepa", "few_shot"):
            composer.compose([f"optimizer={optimizer}"])
    assert composer.full == 3
    assert sorted(read) == sorted(set(read))
    assert {"config", "optimizer/gepa"} <= set(read)


def test_seeds_cost_no_composition() -> None:
    config.register()
    with initialize_config_dir(str(conf_folder()), **VERSION_BASE, job_name="optbench"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [], RunMode.MULTIRUN)
        composer = Composer(loader, master)
        for optimizer in ("none", "gepa"):
            for seed in range(10):
                composer.compose([f"optimizer={optimizer}", f"seed={seed}"])
        assert composer.full == 2
