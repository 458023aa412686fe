"""A task's record in Opik: datasets, an experiment for each evaluation, a trace for each rollout."""

from __future__ import annotations

import datetime
import hashlib
import logging
import uuid
from collections.abc import Iterable
from typing import Any

import opik
from opik.api_objects import opik_client
from opik.api_objects.experiment.experiment_item import ExperimentItemReferences

from optbench.data.items import Item, Slice
from optbench.rollouts import Evaluation, Rollout

log = logging.getLogger(__name__)

FLUSH_TIMEOUT_S = 60
"""How long the end of a task waits for Opik to take what is still queued, in seconds."""


class Tracker:
    """Talks to Opik through its genuine client, whichever backend answers.

    Args:
        project: Opik project.
        dataset: Short name of the dataset.
        columns: Columns of an item that Opik, and optimizers that read its datasets, get to see.
        spans: Whether a trace also has a span for its model call.
    """

    def __init__(self, *, project: str, dataset: str, columns: Iterable[str], spans: bool) -> None:
        self.project = project
        self._dataset = dataset
        self._columns = sorted(columns)
        self._spans = spans
        self._client = opik.Opik(project_name=project, _show_misconfiguration_message=False)
        # For opik's decorators too: a client of their own would outlive the task, and go on to believe
        # what it last heard of the server.
        opik.set_global_client(self._client)
        self._slices: dict[str, Slice] = {}
        self._uploaded: dict[str, Any] = {}

    def know(self, parts: Iterable[Slice]) -> None:
        """Tells it the task's slices; each is uploaded when it is first needed."""
        self._slices = {part.name: part for part in parts}

    def dataset(self, part: Slice) -> Any:
        """The slice as a genuine ``opik.Dataset``, uploaded once.

        Its name holds the fingerprint of its rows: on a shared server the same name can only mean
        the same content.
        """
        if part.name not in self._uploaded:
            name = f"{self._dataset}-{part.name}-{part.fingerprint[:12]}"
            dataset = self._client.get_or_create_dataset(name=name, project_name=self.project)
            if len(dataset.get_items(nb_samples=1)) == 0:
                dataset.insert([self._content(part, item) for item in part])
            self._uploaded[part.name] = dataset
        return self._uploaded[part.name]

    def _content(self, part: Slice, item: Item) -> dict[str, Any]:
        # A column called id would be taken for Opik's own.
        shown = {
            name: item.row[name] for name in self._columns if name in item.row and name != "id"
        }
        return {"id": opik_id(part, item), **shown}

    def log_evaluation(self, name: str, evaluation: Evaluation) -> None:
        """Logs one evaluation as an experiment: a trace with scores for each rollout.

        The queue is Opik's own; nothing here waits for it. A backend that refuses is a line in the
        log and no reason to lose a task.
        """
        part = self._slices[evaluation.slice]
        try:
            dataset = self.dataset(part)
            experiment = self._client.create_experiment(
                dataset_name=dataset.name,
                name=f"{name}-{evaluation.slice}-{evaluation.prompt.fingerprint}",
                experiment_config={"prompt": evaluation.prompt.to_json(), "phase": name},
                project_name=self.project,
            )
            experiment.insert(
                [
                    ExperimentItemReferences(
                        dataset_item_id=opik_id(part, done.item), trace_id=self._trace(done)
                    )
                    for done in evaluation.rollouts
                ]
            )
        except Exception:
            log.exception("Opik did not take the evaluation '%s'", name)

    def _trace(self, done: Rollout) -> str:
        started = datetime.datetime.fromtimestamp(done.started_at, datetime.UTC)
        ended = started + datetime.timedelta(seconds=done.latency_s)
        shown = {name: done.item.row[name] for name in self._columns if name in done.item.row}
        trace = self._client.trace(
            name=done.phase,
            start_time=started,
            end_time=ended,
            input=shown,
            output={"output": done.reply.text},
            tags=["optbench", done.phase, done.slice],
            feedback_scores=[
                {"id": "", "name": name, "value": score.value, "reason": score.reason}
                for name, score in done.scores.items()
            ],
            project_name=self.project,
        )
        if self._spans:
            trace.span(
                name="completion",
                type="llm",
                start_time=started,
                end_time=ended,
                input=done.prompt.to_json(),
                output={"output": done.reply.text},
                usage={
                    "prompt_tokens": done.reply.prompt_tokens,
                    "completion_tokens": done.reply.completion_tokens,
                    "total_tokens": done.reply.prompt_tokens + done.reply.completion_tokens,
                },
                total_cost=done.reply.cost_usd,
            )
        return str(trace.id)

    def close(self) -> None:
        """Waits until Opik has what was logged, and ends the client's threads."""
        try:
            opik.flush_tracker(timeout=FLUSH_TIMEOUT_S)
            self._client.end(timeout=FLUSH_TIMEOUT_S)
        except Exception:
            log.exception("Opik's client did not end cleanly")
        finally:
            opik_client.reset_global_client(end_client=False)


def opik_id(part: Slice, item: Item) -> str:
    """The id of an item in Opik: a UUID of version 7, as its server wants, fixed for fixed content.

    opik-optimizer draws its samples by sorting ids and shuffling with a seed, so fixed ids make a
    sample a function of data and seed.
    """
    digest = bytearray(hashlib.sha256(f"{part.fingerprint}:{item.id}".encode()).digest()[:16])
    # Version 7 begins with a time in milliseconds: one moment for all, so that only the hash counts.
    digest[:6] = _EPOCH_MS.to_bytes(6, "big")
    digest[6] = (digest[6] & 0x0F) | 0x70
    digest[8] = (digest[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


_EPOCH_MS = 1_767_225_600_000  # 2026-01-01, an arbitrary fixed moment
