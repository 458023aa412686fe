"""Folders as finished tasks leave them, without running any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from support import composed

from optbench.config.identity import identity_of
from optbench.config.resolvers import folder_name
from optbench.config.schema import initial_messages
from optbench.layout import JobFolder, write_json
from optbench.task import Task


def finished(
    sweep: Path, *overrides: str, system: str | None = "Be brief.", **result: Any
) -> JobFolder:
    """A finished task of a sweep.

    Args:
        sweep: The sweep's folder.
        overrides: The task's.
        system: The system message that it found; None: it kept its prompt.
        result: Further fields of its result, in the place of what it would have.
    """
    task = Task.from_config(composed("model=simulated", "dataset=tickets_routing", *overrides))
    plain = task.plain
    folder = JobFolder(sweep / folder_name(plain, identity_of(plain)))
    folder.create()
    initial = {"messages": initial_messages(task.config.dataset)}
    final = initial
    if system is not None:
        final = {"messages": [{"role": "system", "content": system}, initial["messages"][-1]]}
    write_json(folder.task, {"identity": task.identity, "config": plain})
    told = {"identity": task.identity, "prompts": {"initial": initial, "final": final}}
    write_json(folder.result, {**told, **result})
    return folder


def transferred(config: dict[str, Any]) -> tuple[Any, ...]:
    """Of a transfer's config: source's optimizer and seed, and what it is scored on."""
    source = OmegaConf.create(config["optimizer"]["params"]["transferred_from"])
    on = (config["dataset"]["name"], config["model"]["name"], config["seed"])
    return (source.optimizer, source.seed, *on)
