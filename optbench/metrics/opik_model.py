"""Opik's metrics with a judge of ours; the one module of the metrics that knows Opik.

Written against opik 2.2.122. Its metrics take a model object in the place of a model's name: with a
name they would call litellm themselves, try again on their own and turn every failure into theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from opik.evaluation import metrics
from opik.evaluation.models import base_model
from opik.exceptions import MetricComputationError
from pydantic import BaseModel, ValidationError

from optbench.chat import Message
from optbench.errors import OptbenchError
from optbench.metrics.base import Ask, Score
from optbench.metrics.judge import UnreadableError, found_object, unit_value, verdict

MODEL_NAME = "optbench/judge"


def opened(kind: str, ask: Ask) -> OpikMetric:
    """One of Opik's judges, with a model of ours.

    Args:
        kind: Name of the class in ``opik.evaluation.metrics``.
        ask: The way to the judge.
    """
    return OpikMetric(kind, ask)


class OpikMetric:
    """A metric of Opik's, and nothing of it traced."""

    def __init__(self, kind: str, ask: Ask) -> None:
        # It wants a context unless it is told that there need be none.
        own = {"require_context": False} if kind == "AnswerRelevance" else {}
        # No temperature is given: the judge's model has its own.
        self._metric = getattr(metrics, kind)(model=_Model(ask), track=False, **own)
        self._kind = kind

    def score(self, shown: Mapping[str, Any]) -> Score:
        """Opik's verdict.

        Raises:
            OptbenchError: When Opik could not read one.
        """
        try:
            result = self._metric.score(**shown)
        except MetricComputationError as error:
            raise OptbenchError(
                f"Opik's {self._kind} came to no verdict: {error}",
                key="judge_model",
                mend="choose a model that writes JSON: model@judge_model=...",
            ) from error
        return Score(float(result.value), str(result.reason or "no reason given"))


class _Model(base_model.OpikBaseModel):  # type: ignore[misc]  # opik ships no types for it
    """The task's judge as Opik's metrics want their model."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(MODEL_NAME)
        self._ask = ask

    def generate_chat_completion(
        self,
        messages: Sequence[Message],
        response_format: type[BaseModel] | None = None,
        **_: Any,
    ) -> dict[str, str]:
        """A verdict that fits its form."""
        if response_format is None:
            raise NotImplementedError("Opik's judges ask for a form")
        form = response_format
        schema = _bounded(form.model_json_schema())
        text = verdict(
            self._ask,
            [dict(message) for message in messages],
            name=form.__name__,
            schema=schema,
            read=lambda reply: _fitting(reply, form, schema),
        )
        return {"role": "assistant", "content": text}

    def generate_string(
        self, input: str, response_format: type[BaseModel] | None = None, **more: Any
    ) -> str:
        """One message instead of several."""
        asked = [{"role": "user", "content": input}]
        return self.generate_chat_completion(asked, response_format, **more)["content"]

    def generate_provider_response(self, messages: list[dict[str, Any]], **_: Any) -> Any:
        """Not asked for by any of the metrics that are offered."""
        raise NotImplementedError


def _bounded(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with each number in 0..1: Opik says so in words alone."""
    for field in schema["properties"].values():
        if field.get("type") == "number":
            field |= {"minimum": 0, "maximum": 1}
    return schema


def _fitting(reply: str, form: type[BaseModel], schema: Mapping[str, Any]) -> str:
    """The verdict as JSON of the form."""
    found = found_object(reply)
    for name, field in schema["properties"].items():
        if field.get("type") == "number":
            found[name] = unit_value(found, name)
    if isinstance(found.get("reason"), str) and schema["properties"]["reason"]["type"] == "array":
        found["reason"] = [found["reason"]]
    try:
        form.model_validate(found)
    except ValidationError as error:
        raise UnreadableError(
            f"it does not fit the schema ({error.error_count()} errors)"
        ) from error
    # Opik reads it again; of what is beside the form it knows nothing.
    return json.dumps({name: found[name] for name in schema["properties"] if name in found})
