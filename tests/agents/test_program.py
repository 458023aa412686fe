"""A program's calls: in order, each with its own prompt, and what they took together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from scripted import Scripted, gateway

from optbench.agents.chat import ChatAgent
from optbench.agents.multihop import HotpotMultihop, HoverMultihop
from optbench.agents.program import Program
from optbench.agents.protocol import Agent
from optbench.data.items import Item
from optbench.errors import ConfigError, Fatal, OptbenchError
from optbench.prompts import Prompt, PromptSet

ROW = {
    "question": "In which country is the city?",
    "claim": "Lyon lies in France.",
    "answer": "France",
    "context": ["Lyon is in France.", "Oslo is in Norway.", "reply reply 1 France"],
}


def prompts(agent: Any, column: str) -> PromptSet:
    """A prompt for each step, which shows all that it is given."""
    return PromptSet(
        {
            name: Prompt(
                (
                    {
                        "role": "user",
                        "content": f"{name}: {{{column}}} "
                        + " ".join(f"[{given}={{{given}}}]" for given in inputs),
                    },
                )
            )
            for name, inputs in agent.inputs.items()
        }
    )


def asked(agent: Agent, candidate: PromptSet, folder: Path) -> tuple[list[str], Any]:
    model = Scripted()
    output = Program(agent, gateway(folder, model), candidate).run(candidate, Item("1", ROW))
    return [request.messages[0]["content"] for request in model.asked], output


def test_a_question_over_two_searches(tmp_path: Path) -> None:
    agent = HotpotMultihop(k=2, passages="context")
    sent, output = asked(agent, prompts(agent, "question"), tmp_path)
    question = ROW["question"]
    assert sent == [
        f"create_query_1: {question} ",
        f"summarize_1: {question} [passages=reply reply 1 France]",  # what "reply 1" finds
        f"create_query_2: {question} [summary_1=reply 2]",
        f"summarize_2: {question} [summary_1=reply 2] [passages=reply reply 1 France]",
        f"final_answer: {question} [summary_1=reply 2] [summary_2=reply 4]",
    ]
    assert output.reply.text == "reply 5"
    assert (output.reply.prompt_tokens, output.reply.completion_tokens) == (50, 10)
    assert output.reply.cost_usd == pytest.approx(2.5)
    assert output.steps == tuple(
        (name, f"reply {number}") for number, name in enumerate(agent.inputs, start=1)
    )


def test_a_claim_over_three_searches(tmp_path: Path) -> None:
    agent = HoverMultihop(k=1, claim="claim", passages="context")
    sent, output = asked(agent, prompts(agent, "claim"), tmp_path)
    assert [line.partition(":")[0] for line in sent] == list(agent.inputs)
    assert "[passages=Lyon is in France.]" in sent[0]  # found with the claim itself
    assert "[summary_1=reply 1] [summary_2=reply 3]" in sent[-1]
    assert output.reply.text == "reply 5"


def test_one_unknown_price_makes_the_sum_unknown(tmp_path: Path) -> None:
    agent = HotpotMultihop(k=1, passages="context")
    candidate = prompts(agent, "question")
    program = Program(agent, gateway(tmp_path, Scripted(cost=None)), candidate)
    assert program.run(candidate, Item("1", ROW)).reply.cost_usd is None


def test_no_candidate_sees_more_than_the_initial_one(tmp_path: Path) -> None:
    initial = Prompt(({"role": "user", "content": "{question}"},))
    greedy = Prompt(({"role": "user", "content": "{question} {answer}"},))
    model = Scripted()
    program = Program(ChatAgent(), gateway(tmp_path, model), initial)
    output = program.run(greedy, Item("1", ROW))
    assert model.asked[0].messages[0]["content"] == f"{ROW['question']} {{answer}}"
    assert output.reply.text == "reply 1"


def test_an_output_that_is_no_reply(tmp_path: Path) -> None:
    class Votes:
        """Asks twice and gives its own verdict."""

        def run(self, step: Any, row: Mapping[str, Any]) -> str:
            return " and ".join(step("prompt") for _ in range(2)) + f" of {row['answer']}"

    prompt = Prompt(({"role": "user", "content": "{question}"},))
    output = Program(Votes(), gateway(tmp_path, Scripted()), prompt).run(prompt, Item("1", ROW))
    assert output.reply.text == "reply 1 and reply 2 of France"
    assert output.reply.prompt_tokens == 20


@pytest.mark.parametrize(
    ("params", "key"),
    [
        ({"k": 0, "passages": "context"}, "agent.params.k"),
        ({"k": 3}, "agent.params.index"),
        ({"k": 3, "index": "nowhere"}, "agent.params.index"),
    ],
)
def test_what_cannot_search_is_refused(params: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HotpotMultihop(**params)
    assert caught.value.key == key


def test_a_set_is_one_candidate() -> None:
    one = PromptSet({"a": Prompt(({"role": "user", "content": "{x}"},))})
    same = PromptSet({"a": Prompt(({"role": "user", "content": "{x}"},))})
    other = PromptSet({"b": one.parts["a"]})
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert one.placeholders() == {"x"}


ONE = Prompt(({"role": "user", "content": "{question}"},))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (
            lambda step, row: step("promt"),
            "prompt 'promt', and there is none of this name. Did you ",
        ),
        (lambda step, row: step("prompt") and 1, "gave int back, no text"),
    ],
)
def test_a_fault_of_the_agent_ends_the_task(
    tmp_path: Path, run: Callable[[Any, Any], Any], said: str
) -> None:
    """Optimizers swallow ordinary errors, and would go on to the budget's end."""
    way = gateway(tmp_path, Scripted())
    with pytest.raises(Fatal) as caught:
        Program(made(run), way, ONE).run(ONE, Item("1", ROW))
    assert said in caught.value.error.what
    assert caught.value.error.key == "agent.target"
    assert way.fatal is caught.value.error


def test_what_an_agent_raises_names_the_item(tmp_path: Path) -> None:
    agent = made(lambda step, row: row["no such"])
    with pytest.raises(OptbenchError, match="Own raised KeyError on item '1': 'no such'"):
        Program(agent, gateway(tmp_path, Scripted()), ONE).run(ONE, Item("1", ROW))


def test_what_the_gateway_raises_is_no_fault_of_the_agent(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    agent = made(lambda step, row: step("prompt"))
    with pytest.raises(OSError, match="No space left"):
        Program(agent, gateway(tmp_path, Scripted(before=full)), ONE).run(ONE, Item("1", ROW))


def made(run: Callable[[Any, Any], Any]) -> Any:
    return type("Own", (), {"run": lambda _, step, row: run(step, row)})()
