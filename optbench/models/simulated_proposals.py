"""How the simulated model answers an optimizer: valid replies, candidates of varied worth.

A candidate is an initial prompt of the task with sentences added that the simulated program under test
reacts to, for better, for worse or not at all; which ones is a hash of the request. Sentences that the
request already quotes are likely kept, so that a search builds on what it has found.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from optbench.chat import ChatRequest, Message

BETTER = (
    "Answer with only the answer itself and nothing else.",
    "Identify what is asked for before you answer.",
    "Read the whole text carefully: other candidates may be mentioned.",
)
NEUTRAL = ("You are a helpful assistant.", "Think about what the user needs.", "Be polite.")
WORSE = ("Explain your reasoning at length.", "Reply in full sentences.")

EXAMPLES_HERE = "FEW_SHOT_EXAMPLE_PLACEHOLDER"
"""The mark that opik-optimizer's few-shot optimizer replaces with examples."""

_ANY = [
    {"role": "system", "content": "Answer the question."},
    {"role": "user", "content": "{question}"},
]
MAX_ITEMS = 3
_KEPT = 0.8
_ADDED = {BETTER: 0.4, NEUTRAL: 0.25, WORSE: 0.15}


def propose(request: ChatRequest, prompts: Mapping[str, Sequence[Message]], *, seed: int) -> str:
    """A reply to a request that is about prompts rather than about an item.

    Args:
        request: Free text, or structured by a JSON schema.
        prompts: The task's initial prompts by name.
        seed: The task's; replies also vary with the request's own seed.
    """
    text = "\n".join(message["content"] for message in request.messages)
    digest = hashlib.sha256(f"{seed}\x1f{request.seed}\x1f{text}".encode()).digest()
    writer = _Writer(text, prompts, random.Random(int.from_bytes(digest[:8], "big")))
    if not request.response_format:
        return writer.free_text()
    named = request.response_format.get("json_schema")
    schema = named["schema"] if named else {"type": "object", "properties": {}}
    return json.dumps(writer.value(schema, schema, ""), ensure_ascii=False)


class _Writer:
    """Fills in one reply; every choice comes from one generator."""

    def __init__(
        self, text: str, prompts: Mapping[str, Sequence[Message]], rng: random.Random
    ) -> None:
        self._text = text
        self._prompts = {
            name: [dict(message) for message in prompt] for name, prompt in prompts.items()
        } or {"prompt": _ANY}
        self._prompt = self._meant()
        self._rng = rng

    def _meant(self) -> list[dict[str, str]]:
        """The prompt that a request about one of several quotes; the first where it quotes none."""
        last = {name: prompt[-1]["content"] for name, prompt in self._prompts.items()}
        quoted = [name for name, content in last.items() if content in self._text]
        return self._prompts[quoted[0] if len(quoted) == 1 else next(iter(self._prompts))]

    def messages(self) -> list[dict[str, str]]:
        """A candidate: the initial prompt that is meant, with another system message."""
        written = [dict(message) for message in self._prompt]
        system = next((m for m in written if m["role"] == "system"), None)
        if system is None:
            system = {"role": "system", "content": ""}
            written.insert(0, system)
        system["content"] = self.instruction()
        return written

    def instruction(self) -> str:
        """A system message: the initial one and some sentences."""
        base = next((m["content"] for m in self._prompt if m["role"] == "system"), "")
        chosen = [base] if base else []
        for pool, chance in _ADDED.items():
            for sentence in pool:
                likely = _KEPT if sentence in self._text and pool is not WORSE else chance
                if self._rng.random() < likely:
                    chosen.append(sentence)
        if len(chosen) == bool(base):  # what is asked for is another prompt
            chosen.append(self._rng.choice(NEUTRAL))
        if EXAMPLES_HERE in self._text:
            chosen.append(f"\n\nExamples:\n{EXAMPLES_HERE}")
        return " ".join(chosen).strip()

    def free_text(self) -> str:
        """GEPA reads a block in backquotes; evolution reads JSON or the text as it stands."""
        if "```" in self._text and "blocks" in self._text:
            return f"Here is a better instruction.\n```\n{self.instruction()}\n```"
        if "JSON list" in self._text:
            return json.dumps(self.messages())
        return self.instruction()

    def template(self) -> str:
        """How one example is written, from the prompt's own placeholders and the answer's key."""
        shown = re.findall(r"\{(\w+)\}", json.dumps(self._prompt))
        keys = [key for key in self._example_keys() if key != "id"]
        answer = [key for key in keys if key not in shown][:1]
        lines = [f"{key}: {{{key}}}" for key in [*dict.fromkeys(shown), *answer]]
        return "\n".join(lines)

    def _example_keys(self) -> list[str]:
        for message in self._text.splitlines():
            start = message.find('{"prompts"')
            if start >= 0:
                try:
                    found, _ = json.JSONDecoder().raw_decode(message[start:])
                    return list(found["examples"][0])
                except (ValueError, KeyError, IndexError):
                    continue
        return []

    def value(self, schema: Mapping[str, Any], root: Mapping[str, Any], name: str) -> Any:
        """An instance of a schema; field names tell what would be useful in them."""
        schema = _resolved(schema, root)
        if "enum" in schema:
            return schema["enum"][0]
        if "const" in schema:
            return schema["const"]
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                return self.value(_preferred(schema[key], root), root, name)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if kind == "object":
            return self._object(schema, root)
        if kind == "array":
            return self._array(schema, root, name)
        if kind in ("integer", "number"):
            low, high = schema.get("minimum", 0), schema.get("maximum", 10)
            drawn = low + (high - low) * self._rng.random()
            return round(drawn) if kind == "integer" else round(drawn, 3)
        if kind == "boolean":
            return self._rng.random() < 0.5
        return None if kind == "null" else self._string(name)

    def _object(self, schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for name, sub in schema.get("properties", {}).items():
            if "tool" in name or name.startswith("parameter_"):
                continue
            if name in self._prompts and len(self._prompts) > 1:
                self._prompt = self._prompts[name]
            found[name] = self.value(sub, root, name)
        return found

    def _array(self, schema: Mapping[str, Any], root: Mapping[str, Any], name: str) -> list[Any]:
        items = _resolved(schema.get("items", {}), root)
        if {"role", "content"} <= set(items.get("properties", {})):
            return self.messages()
        if {"name", "messages"} <= set(items.get("properties", {})):
            return [self._named(part, items, root) for part in self._prompts]
        most = int(schema.get("maxItems", MAX_ITEMS))
        count = max(int(schema.get("minItems", 1)), min(MAX_ITEMS, most))
        return [self.value(items, root, name) for _ in range(count)]

    def _named(
        self, part: str, schema: Mapping[str, Any], root: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A new version of one of several prompts."""
        self._prompt = self._prompts[part]
        return {**self._object(schema, root), "name": part}

    def _string(self, name: str) -> str:
        if name == "template":
            return self.template()
        if name in ("content", "prompt", "instruction", "system_prompt"):
            return self.instruction()
        if name == "name":
            return f"failure_{self._rng.randrange(1000)}"
        if name == "style":
            return "Short answers, the bare value, no explanation."
        return "The prompt does not say what the answer must look like."


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        node: Any = root
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            node = node[part]
        schema = node
    return schema


def _preferred(options: Sequence[Mapping[str, Any]], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first option that holds something: text before lists of parts, null last."""
    resolved = [_resolved(option, root) for option in options]
    for wanted in ("string", "object", "array", "integer", "number", "boolean"):
        for option in resolved:
            if option.get("type") == wanted:
                return option
    return resolved[0]
