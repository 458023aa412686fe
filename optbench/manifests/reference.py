"""What the reference runner's names and rules mean here: the one table of them.

Its facts are those of opik-optimizer's benchmark runner with opik-optimizer 3.2.0.
"""

from __future__ import annotations

SPLIT_SUFFIXES = ("_train", "_validation", "_test")
"""Of its dataset names: ``hotpot_train`` is our ``hotpot``, whose slices have the splits."""

DEFAULT_TRIALS = 30
"""``max_trials`` of its registry, for every optimizer."""

MODULES = ("benchmarks", "opik", "opik_optimizer")
"""Where its metrics lie; another module is the user's own."""

METRICS = {
    "levenshtein_ratio": "levenshtein",
    "LevenshteinRatio": "levenshtein",
    "equals": "exact_match",
    "Equals": "exact_match",
    "Contains": "contains",
    "hotpot_exact_match": "squad_exact_match",
    "hotpot_f1": "squad_f1",
    "hover_label_accuracy": "label",
    "ifbench_compliance_judge": "ifbench",
    "pupa_quality_judge": "pupa_quality",
    "pupa_leakage_ratio": "pupa_leakage",
    "Hallucination": "hallucination",
    "AnswerRelevance": "answer_relevance",
    "ContextPrecision": "context_precision",
}
"""The last part of a metric's path, and the metric here that measures what it is meant to."""

LEFT_OUT_METRICS = {
    "hover_judge_feedback": "a judge told that 1 means wrong, whose value is then maximised; the "
    "other metrics stay",
}
"""Metrics without a counterpart, and why."""

METRIC_NOTES = {
    "ifbench_compliance_judge": "a judge decides there; IFBench's own verifiers here",
    "pupa_quality_judge": "its judge is told that 1 means entirely wrong, and the value is "
    "maximised; more is better here",
    "pupa_leakage_ratio": "1 - leaked share there, more is better; the leaked share here, and less "
    "is better",
    "Hallucination": "1 means hallucinated and is maximised there; it is minimised here",
    "hover_label_accuracy": "labels are read by substrings there; by whole answers here",
}
"""Where a metric that a manifest names means something else here."""

DEFAULT_METRIC_NOTES = {
    "gsm8k": "the default metric is the Levenshtein ratio to the worked solution there (a right '72' "
    "scores 0.03); here the final number is compared",
    "ai2_arc": "the default metric reads a column that the rows lack, so all score 0; here the "
    "answer's letter is compared",
    "cnn_dailymail": "the default metric is the Levenshtein ratio there, ROUGE here",
    "tiny_test": "the default metric is the Levenshtein ratio there",
    "election_questions": "hallucination is maximised there; here the label is compared",
    "rag_hallucinations": "hallucination is maximised there, and minimised here",
    "truthful_qa": "hallucination is maximised there; here the choices are scored",
    "medhallu": "the default metric reads a column that the rows lack, so all score 0",
    "ragbench_sentence_relevance": "a judge of relevance scores there; here the label is compared",
    "ifbench": METRIC_NOTES["ifbench_compliance_judge"],
    "pupa": METRIC_NOTES["pupa_quality_judge"],
}
"""By dataset, where a manifest names no metric."""

DATASET_NOTES = {
    "hotpot": "its package's five prompts run there, whatever prompt the manifest states; here the "
    "manifest's prompt does (agent=hotpot_multihop, where there is one, on the command line "
    "runs five)",
}

COLUMNS = {"pupa": {"question": "user_query"}}
"""Placeholders of its manifests that are no column of the dataset, and the column that is meant."""

KEY_VARIABLES = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "groq": "GROQ_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "xai": "XAI_API_KEY",
}
"""By a litellm name's first part the variable that holds the key, so that preflight can ask for it."""

WITHOUT_EFFECT = frozenset({"verbose", "name", "project_name", "optimization_id"})
"""Parameters of its optimizers that change nothing in a result."""

MUCH = 1000
"""More trials than any search is meant to make: a number of rollouts taken for one of trials."""
