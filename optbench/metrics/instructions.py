"""Verifiable instructions: IFBench and IFEval, by the verifiers of package ``if-verifiable``.

The value is by default the share of a row's instructions that the reply follows, strictly: the score
that GEPA's IFBench feedback is made of (Agrawal et al. 2025, arXiv:2507.19457), with more to learn
from than all or nothing. The benchmarks themselves report whole prompts followed: IFBench loosely
(Pyatkin et al. 2025, arXiv:2507.02833: ``level: prompt, strict: false``), IFEval both ways (Zhou et
al. 2023, arXiv:2311.07911). Loose means: also without the first line, the last, or asterisks.

The verifiers read tables of NLTK (sentence ends, stop words, parts of speech), which NLTK itself
downloads. Whether they are there is looked at before anything is paid.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar

from optbench.errors import ConfigError
from optbench.metrics.base import Score, UnitMetric

LEVELS = ("instruction", "prompt")


class _Instructions(UnitMetric):
    """What both share.

    Args:
        target: Column of the instructions' names, a list.
        arguments: Column of their arguments, a list of mappings; None stands for not given.
        prompt: Column of the prompt, which some instructions want repeated.
        strict: False also accepts a reply that follows without its first or last line or asterisks.
        level: ``instruction`` for the share that is followed, ``prompt`` for 1 when all are, else 0.

    Raises:
        ConfigError: When the package or a table of NLTK is missing.
        ValueError: For another level.
    """

    benchmark: ClassVar[str]
    registries: ClassVar[tuple[str, ...]]
    """Where the package keeps the verifiers."""
    tables: ClassVar[Mapping[str, str]]
    """Of NLTK: what to download, by where it then lies."""

    def __init__(
        self,
        target: str,
        arguments: str = "kwargs",
        prompt: str = "prompt",
        *,
        strict: bool = True,
        level: str = "instruction",
    ) -> None:
        if level not in LEVELS:
            raise ValueError(f"level '{level}' is none of {', '.join(LEVELS)}")
        super().__init__(target)
        self.arguments = arguments
        self.prompt = prompt
        self.strict = strict
        self.level = level
        self.columns = (target, arguments, prompt)
        self._verifiers, self._evaluate = _opened(self.benchmark, self.registries, self.tables)

    def check(self, row: Mapping[str, Any]) -> None:
        """Whether each instruction is known and its arguments fit.

        Raises:
            ValueError: When one does not.
        """
        self._told(row)

    def score(self, output: str, row: Mapping[str, Any]) -> Score:
        """See the class; a verifier that a reply brings down counts as not followed.

        Raises:
            ValueError: When the row's instructions cannot be read.
        """
        failed = [
            told
            for index, told in enumerate(self._told(row))
            if not self._follows(output, row, index)
        ]
        count = len(row[self.target])
        followed = count - len(failed)
        value = followed / count if self.level == "instruction" else float(not failed)
        if not failed:
            return Score(value, f"All {count} instructions are followed.")
        if not output.strip():
            return Score(value, f"The reply is empty; it must follow: {'; '.join(failed)}")
        return Score(
            value, f"{followed} of {count} instructions are followed. Not: {'; '.join(failed)}"
        )

    def _follows(self, output: str, row: Mapping[str, Any], index: int) -> bool:
        try:
            results, _ = self._evaluate(
                response=output,
                instruction_id_list=[row[self.target][index]],
                kwargs_list=[_given(row[self.arguments][index])],
                prompt=str(row[self.prompt]),
                instruction_registry=self._verifiers,
            )
        except Exception:
            # The row is known to be sound, so it is the reply: they index into sentences and words
            # that an odd reply does not have.
            return False
        if not results:  # an empty reply, or nothing but a thinking block
            return False
        return bool(results[0].strict_pass if self.strict else results[0].loose_pass)

    def _told(self, row: Mapping[str, Any]) -> list[str]:
        """Each instruction in words."""
        names, arguments = row[self.target], row[self.arguments]
        if not isinstance(names, (list, tuple)) or not isinstance(arguments, (list, tuple)):
            raise ValueError(  # noqa: TRY004  a row's fault, as those below
                f"columns '{self.target}' and '{self.arguments}' must be lists, of one length"
            )
        if not names or len(names) != len(arguments):
            raise ValueError(
                f"{len(names)} instructions in column '{self.target}', "
                f"{len(arguments)} arguments in column '{self.arguments}'"
            )
        return [
            f"{name} ({self._words(name, _given(given), str(row[self.prompt]))})"
            for name, given in zip(names, arguments, strict=True)
        ]

    def _words(self, name: str, given: Mapping[str, Any], prompt: str) -> str:
        if name not in self._verifiers:
            raise ValueError(f"{self.benchmark} has no instruction '{name}'")
        verifier = self._verifiers[name](name)
        try:
            told = verifier.build_description(**given)
            wanted = verifier.get_instruction_args()
            if wanted and "prompt" in wanted:
                told = verifier.build_description(prompt=prompt)
        except Exception as error:  # whatever it makes of arguments that do not fit
            raise ValueError(f"instruction '{name}' does not take {given}: {error}") from error
        return " ".join(str(told).split())


class IFBench(_Instructions):
    """Instructions of IFBench (allenai/IFBench_test), and of IFEval, which it is trained on."""

    benchmark = "ifbench"
    registries = ("ifeval", "ifbench")
    # The package asks for all four when it is imported, and would download what is missing.
    tables: ClassVar[Mapping[str, str]] = {
        "tokenizers/punkt": "punkt",
        "tokenizers/punkt_tab": "punkt_tab",
        "taggers/averaged_perceptron_tagger_eng": "averaged_perceptron_tagger_eng",
        "corpora/stopwords": "stopwords",
    }


class IFEval(_Instructions):
    """Instructions of IFEval (google/IFEval)."""

    benchmark = "ifeval"
    registries = ("ifeval",)
    tables: ClassVar[Mapping[str, str]] = {"tokenizers/punkt_tab": "punkt_tab"}


class _Zero(int):
    """A 0 that counts as given."""

    def __bool__(self) -> bool:
        return True


def _given(arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """An instruction's arguments without those that are None.

    The verifiers ask ``if not n_start`` and draw a number of their own for a 0: the same reply to one
    of IFBench's rows would be right in one run and wrong in the next.
    """
    return {
        name: _Zero() if value == 0 and type(value) is int else value
        for name, value in (arguments or {}).items()
        if value is not None
    }


def _opened(
    benchmark: str, registries: tuple[str, ...], tables: Mapping[str, str]
) -> tuple[Mapping[str, Any], Any]:
    """The verifiers by instruction, and the function that runs them."""
    try:
        import langdetect
        import nltk
    except ImportError as error:
        raise _missing(benchmark, error) from error
    lacking = [name for place, name in tables.items() if not _there(nltk, place)]
    if lacking:
        raise ConfigError(
            f"metric '{benchmark}' reads tables of NLTK that are not on this machine: "
            f"{', '.join(lacking)}",
            key="dataset.metrics",
            mend=f"python -m nltk.downloader {' '.join(lacking)}",
        )
    try:
        modules = [
            importlib.import_module(f"if_verifiable.{name}.instructions_registry")
            for name in registries
        ]
        evaluate = importlib.import_module("if_verifiable.common").evaluate_instructions
    except ImportError as error:
        raise _missing(benchmark, error) from error
    # Its own documentation: without a seed it may tell another language each time it is asked.
    langdetect.DetectorFactory.seed = 0
    verifiers: dict[str, Any] = {}
    for module in modules:
        verifiers |= module.INSTRUCTION_DICT
    return verifiers, evaluate


def _there(nltk: Any, place: str) -> bool:
    for found in (place, f"{place}.zip"):
        try:
            nltk.data.find(found)
        except LookupError:
            continue
        return True
    return False


def _missing(benchmark: str, error: ImportError) -> ConfigError:
    return ConfigError(
        f"metric '{benchmark}' needs package if-verifiable: {error}",
        key="dataset.metrics",
        mend="pip install 'optbench[ifbench]'",
    )
