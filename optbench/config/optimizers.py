"""The schema of each optimizer's parameters: constructor (``params``) and call (``optimize``).

One pair of classes per optimizer of opik-optimizer 3.2.0, with the parameters its code really
reads; what all of them must be given alike (seed, threads, trials, the perfect-score stop) is not
here but set by :mod:`optbench.optimizers.opik`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from optbench.config.schema import OptimizerConf


@dataclass
class NoneParams:
    """The control has no parameters."""


@dataclass
class NoneConf(OptimizerConf):
    """``none``: the initial prompt is the result."""

    params: NoneParams = field(default_factory=NoneParams)
    optimize: NoneParams = field(default_factory=NoneParams)


@dataclass
class RandomFewShotParams:
    """Parameters of the random search over demonstrations."""

    min_examples: int = MISSING  # fewest of a candidate [demonstrations]
    max_examples: int = MISSING  # most of a candidate [demonstrations]


@dataclass
class RandomFewShotOptimize:
    """What one search may do."""

    max_trials: int = MISSING  # scored on the whole validation slice [candidates]


@dataclass
class RandomFewShotConf(OptimizerConf):
    """``random_few_shot``: random search over demonstrations from train."""

    params: RandomFewShotParams = field(default_factory=RandomFewShotParams)
    optimize: RandomFewShotOptimize = field(default_factory=RandomFewShotOptimize)


@dataclass
class OpikParams:
    """Constructor parameters that every optimizer of opik-optimizer has."""

    n_threads: int = MISSING  # evaluated at once [items]
    skip_perfect_score: bool = MISSING  # stop before searching when the baseline is good enough
    perfect_score: float = MISSING  # "good enough" [0 to 1]


@dataclass
class OpikOptimize:
    """Call parameters that every optimizer of opik-optimizer has."""

    max_trials: int = MISSING  # scored, as the optimizer counts them [candidates]
    n_samples: int | None = MISSING  # for each candidate; null is the whole slice [items]


@dataclass
class OpikConf(OptimizerConf):
    """An optimizer of opik-optimizer."""

    target: str = "optbench.optimizers.opik.OpikOptimizer"
    algorithm: str = MISSING  # class of opik_optimizer
    params: OpikParams = field(default_factory=OpikParams)
    optimize: OpikOptimize = field(default_factory=OpikOptimize)


@dataclass
class OpikRolesOptimize(OpikOptimize):
    """Call parameters of those that rewrite messages."""

    optimize_prompts: str = MISSING  # roles whose messages may change: system, user, assistant


@dataclass
class FewShotParams(OpikParams):
    """FewShotBayesianOptimizer."""

    min_examples: int = MISSING  # fewest of a candidate [demonstrations]
    max_examples: int = MISSING  # most of a candidate [demonstrations]
    enable_columnar_selection: bool = MISSING  # choose by groups of equal column values
    enable_diversity: bool = MISSING  # prefer demonstrations that differ
    enable_multivariate_tpe: bool = MISSING  # Optuna's sampler models the choices together
    enable_optuna_pruning: bool = MISSING  # leave poor candidates early


@dataclass
class FewShotConf(OpikConf):
    """``few_shot``: Bayesian choice of demonstrations."""

    params: FewShotParams = field(default_factory=FewShotParams)
    optimize: OpikRolesOptimize = field(default_factory=OpikRolesOptimize)


@dataclass
class MetaPromptParams(OpikParams):
    """MetaPromptOptimizer."""

    prompts_per_round: int = MISSING  # asked for at a time [candidates]
    enable_context: bool = MISSING  # show the model items of the train slice
    num_task_examples: int = MISSING  # how many [items]
    task_context_columns: list[str] | None = MISSING  # which columns; null: those of the prompt
    use_hall_of_fame: bool = MISSING  # learn from the best prompts so far


@dataclass
class MetaPromptConf(OpikConf):
    """``meta_prompt``: a model reasons about the prompt and rewrites it."""

    params: MetaPromptParams = field(default_factory=MetaPromptParams)
    optimize: OpikRolesOptimize = field(default_factory=OpikRolesOptimize)


@dataclass
class EvolutionaryParams(OpikParams):
    """EvolutionaryOptimizer."""

    population_size: int = MISSING  # of a generation [prompts]
    num_generations: int = MISSING  # at most; max_trials or the budget may come first [generations]
    mutation_rate: float = MISSING  # chance that a prompt is mutated [0 to 1]
    crossover_rate: float = MISSING  # chance that two prompts are crossed [0 to 1]
    tournament_size: int = MISSING  # drawn for each parent, the best of them is it [prompts]
    elitism_size: int = MISSING  # the best, carried over unchanged [prompts]
    adaptive_mutation: bool = MISSING  # mutate more where progress stalls
    enable_moo: bool = MISSING  # reward short prompts too: another objective than others have
    enable_llm_crossover: bool = MISSING  # a model crosses two prompts, not a cut of their text
    enable_semantic_crossover: bool = MISSING  # first try to merge what two prompts mean
    infer_output_style: bool = MISSING  # a model tells from the items how answers look
    output_style_guidance: str | None = MISSING  # or it is told so here


@dataclass
class EvolutionaryConf(OpikConf):
    """``evolutionary_optimizer``: a population of prompts, mutated and crossed."""

    params: EvolutionaryParams = field(default_factory=EvolutionaryParams)
    optimize: OpikRolesOptimize = field(default_factory=OpikRolesOptimize)


@dataclass
class HierarchicalReflectiveParams(OpikParams):
    """HierarchicalReflectiveOptimizer (HRPO)."""

    max_parallel_batches: int = MISSING  # analysed at once [batches]
    batch_size: int = MISSING  # of one analysis [items]
    convergence_threshold: float = MISSING  # smallest relative gain that is progress [0 to 1]


@dataclass
class HierarchicalReflectiveOptimize(OpikRolesOptimize):
    """HRPO's call parameters."""

    max_retries: int = MISSING  # at a better prompt for one failure mode [further attempts]


@dataclass
class HierarchicalReflectiveConf(OpikConf):
    """``hierarchical_reflective``: root causes of failures, then a prompt that addresses them."""

    params: HierarchicalReflectiveParams = field(default_factory=HierarchicalReflectiveParams)
    optimize: HierarchicalReflectiveOptimize = field(default_factory=HierarchicalReflectiveOptimize)


@dataclass
class GepaOptimize(OpikRolesOptimize):
    """GepaOptimizer's call parameters."""

    reflection_minibatch_size: int = MISSING  # of train, which a reflection looks at [items]
    candidate_selection_strategy: str = MISSING  # whom to mutate: pareto, current_best ...
    use_merge: bool = MISSING  # combine candidates of the front
    max_merge_invocations: int = MISSING  # at most [merges]
    no_improvement_iterations: int = (
        MISSING  # end after so many without gain; 0: never [iterations]
    )
    max_reflection_calls: int | None = MISSING  # null: bounded by the trials [calls]


@dataclass
class GepaConf(OpikConf):
    """``gepa``: reflective evolution along a Pareto front."""

    params: OpikParams = field(default_factory=OpikParams)
    optimize: GepaOptimize = field(default_factory=GepaOptimize)


@dataclass
class ParameterParams(OpikParams):
    """ParameterOptimizer."""

    local_search_ratio: float = MISSING  # share of the trials spent near the best point [0 to 1]
    local_search_scale: float = MISSING  # how near, as a share of each range [0 to 1]


@dataclass
class ParameterOptimize(OpikOptimize):
    """ParameterOptimizer's call parameters; it searches sampling parameters, not words."""

    parameter_space: dict[str, Any] = MISSING  # opik-optimizer's parameter search space


@dataclass
class ParameterConf(OpikConf):
    """``parameter``: temperature and the like by Bayesian search."""

    params: ParameterParams = field(default_factory=ParameterParams)
    optimize: ParameterOptimize = field(default_factory=ParameterOptimize)


@dataclass
class TransferredFrom:
    """The task that found a prompt."""

    optimizer: str = MISSING  # its optimizer's name
    model: str = MISSING  # its model's name
    dataset: str = MISSING  # its dataset's name
    seed: int = MISSING  # its seed [none]
    identity: str = MISSING  # its identity


@dataclass
class TransferParams:
    """A prompt that another task found."""

    # Each {name, messages: [{role, content}], params: {temperature: ...}, columns: [...]}; columns
    # are its placeholders, other braces in it are text.
    prompts: list[Any] = MISSING
    # The task that found it.
    transferred_from: TransferredFrom = field(default_factory=TransferredFrom)


@dataclass
class TransferConf(OptimizerConf):
    """``transfer``: the prompt of another task is the result."""

    params: TransferParams = field(default_factory=TransferParams)
    optimize: NoneParams = field(default_factory=NoneParams)


SCHEMAS: dict[str, type[OptimizerConf]] = {
    "custom": OptimizerConf,
    "none": NoneConf,
    "random_few_shot": RandomFewShotConf,
    "few_shot": FewShotConf,
    "meta_prompt": MetaPromptConf,
    "evolutionary_optimizer": EvolutionaryConf,
    "hierarchical_reflective": HierarchicalReflectiveConf,
    "gepa": GepaConf,
    "parameter": ParameterConf,
    "transfer": TransferConf,
}
"""Schemas of the optimizer group, as ``/schema/optimizer/<name>``; ``custom`` is for third parties."""
