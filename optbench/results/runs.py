"""Sweep folders as tables: tasks, items, trials and calls, and what was wrong with them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.errors import OptbenchError
from optbench.results.find import find
from optbench.results.job import Job, read_job, read_prompts
from optbench.results.problems import Problems
from optbench.results.read import one_line
from optbench.results.row import COLUMNS, FLAGS, NUMBERS, TEXTS, WHOLES
from optbench.results.together import each
from optbench.wording import close_names

if TYPE_CHECKING:
    import pandas as pd


def load(*paths: str | Path, unfinished: bool = True) -> Runs:
    """Reads any mix of sweep folders and job folders, of any engine, complete or not.

    Everything in them is untrusted. A file that cannot be used is left out and named in
    :attr:`Runs.problems`; so is a task that was found twice, of which the first finished one is kept.

    Args:
        paths: Folders at or below which jobs are looked for; a folder found twice is read once.
        unfinished: Keep jobs without a result as rows of :attr:`Runs.tasks`; else they are left out,
            which :attr:`Runs.problems` says.

    Raises:
        OptbenchError: When a path is no folder, or holds no job.
    """
    problems = Problems()
    jobs = each(lambda found: read_job(found, problems), find(paths, problems))
    jobs = _distinct(jobs, problems)
    _compare(jobs, problems)
    if not unfinished:
        for job in jobs:
            if not job.finished:
                what = f"left out, being {job.row['state']}"
                problems.add(job.place, "unfinished", what, excluded=True)
        jobs = [job for job in jobs if job.finished]
    return Runs(jobs, problems)


class Runs:
    """What a set of jobs left behind. Tables are read when they are first asked for, and kept."""

    def __init__(self, jobs: Sequence[Job], problems: Problems) -> None:
        self._jobs = list(jobs)
        self._problems = problems
        self._by_identity = {str(job.row.get("identity")): job for job in reversed(self._jobs)}

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """A row a job, null where a value is not known.

        Columns are :data:`.row.COLUMNS`. ``state`` is success, failed, running, interrupted, waiting
        or unreadable; ``initial`` and ``final`` are means of the ``metric`` on the test slice;
        ``rollouts, calls, tokens, cost_usd, seconds`` are what the phase optimise used over all
        roles, whoever paid; ``optimizer_calls`` of them are the optimizer's own. Only of rows in
        state success are the numbers whole.
        """
        import pandas as pd

        columns: dict[str, Any] = {}
        for name in COLUMNS:
            values = [job.row.get(name) for job in self._jobs]
            if name == "versions":
                columns[name] = pd.Series([one or {} for one in values], dtype="object")
            else:
                columns[name] = pd.array(values, dtype=_DTYPES[name])
        return pd.DataFrame(columns)

    @cached_property
    def items(self) -> pd.DataFrame:
        """A row a job, phase (baseline or final), slice and item, without texts.

        Columns: ``identity, dataset, model, optimizer, seed, phase, slice, item_id, score`` (of the
        job's objective), ``score.<metric>`` (of its others), ``tokens_in, tokens_out, cost_usd,
        latency_s`` (in s). Texts are categoricals. A score that is no finite number is NaN. A job
        that kept the initial prompt did not run it again: its baseline rows are its final ones, too.
        """
        from optbench.results.items import read_items

        return read_items(self._jobs, self._problems)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row a trial, in the order in which they ended.

        Columns: ``identity, dataset, model, optimizer, seed, index, candidate, slice, items, score``
        and ``rollouts, calls, tokens, cost_usd, seconds``: what the phase optimise had used when the
        trial ended.
        """
        from optbench.results.trials import read_trials

        return read_trials(self._jobs, self._problems)

    @cached_property
    def calls(self) -> pd.DataFrame:
        """A row an attempt at a model call, without texts.

        Columns: ``identity, phase, role, model, outcome, source, tokens_in, tokens_out, cost_usd,
        latency_s, at_s, attempt``; see :class:`optbench.models.calls.Call`.
        """
        from optbench.results.calls import read_calls

        return read_calls(self._jobs, self._problems)

    @property
    def problems(self) -> pd.DataFrame:
        """What a reader must know: ``folder, kind, what, excluded, n``; see :class:`.Problem`.

        Items, trials and calls add theirs when they are read.
        """
        return self._problems.frame()

    def only(self, folders: Container[str]) -> Runs:
        """The runs in these job folders; the problems are those of all."""
        return Runs([job for job in self._jobs if job.place in folders], self._problems)

    def texts(self, identity: str) -> list[dict[str, Any]]:
        """A job's rollouts of all phases: all columns of ``items.parquet``, untrusted texts included.

        Raises:
            OptbenchError: When no job has this identity.
        """
        from optbench.results.items import read_texts

        return read_texts(self._job(identity), self._problems)

    def prompts(self, identity: str) -> dict[str, Any]:
        """``initial`` and ``final`` as in ``result.json``, untrusted; None where there is none.

        Raises:
            OptbenchError: When no job has this identity.
        """
        return read_prompts(self._job(identity))

    def _job(self, identity: str) -> Job:
        if identity not in self._by_identity:
            known = [name[:12] for name in self._by_identity]
            raise OptbenchError(
                f"no job has the identity '{one_line(identity, 64)}'."
                + (close_names(identity[:12], known) if len(known) <= 20 else ""),
                mend="take one from the column 'identity' of tasks",
            )
        return self._by_identity[identity]


_DTYPES = {
    **dict.fromkeys(TEXTS, "str"),
    **dict.fromkeys(WHOLES, "Int64"),
    **dict.fromkeys(NUMBERS, "float64"),
    **dict.fromkeys(FLAGS, "boolean"),
}


def _distinct(jobs: Sequence[Job], problems: Problems) -> list[Job]:
    """Each task once: the first finished one, else the first; jobs without identity stay."""
    first: dict[str, Job] = {}
    for job in jobs:
        identity = job.row.get("identity")
        if identity is None:
            continue
        kept = first.setdefault(identity, job)
        if job.finished and not kept.finished:
            first[identity] = job
    out: list[Job] = []
    for job in jobs:
        kept = first.get(str(job.row.get("identity")), job)
        if kept is job:
            out.append(job)
            continue
        what = f"is the same task as '{one_line(kept.place)}', which is kept; {_differs(job, kept)}"
        problems.add(job.place, "duplicate", what, excluded=True)
    return out


def _differs(job: Job, kept: Job) -> str:
    if not job.finished:
        return f"this one is {job.row['state']}"
    names = ("initial", "final", "initial_validation", "final_validation")
    if all(job.row.get(name) == kept.row.get(name) for name in names):
        return "their scores are the same"
    one, other = job.row.get("final"), kept.row.get("final")
    return f"their scores differ: {one} here, {other} there, on test"


def _compare(jobs: Sequence[Job], problems: Problems) -> None:
    """What is mixed that better were not."""
    versions = sorted({job.row["identity_version"] for job in jobs
                       if job.row.get("identity_version") is not None})  # fmt: skip
    if len(versions) > 1:
        said = ", ".join(map(str, versions[:5]))
        what = f"identities of versions {said} are mixed: the same task may be there twice"
        problems.add(_sweeps(jobs), "identity", what, n=len(jobs))
    by_dataset: dict[tuple[Any, Any], list[Job]] = {}
    for job in jobs:
        if job.finished and job.row.get("fingerprint_test") is not None:
            key = job.row["dataset"], bool(job.row.get("test_mode"))
            by_dataset.setdefault(key, []).append(job)
    for (dataset, _), alike in by_dataset.items():
        slices = len({job.row["fingerprint_test"] for job in alike})
        if slices > 1:
            what = f"dataset '{one_line(dataset)}' was tested on {slices} different slices of it"
            problems.add(_sweeps(alike), "data", what, n=len(alike))


def _sweeps(jobs: Sequence[Job]) -> str:
    return ", ".join(dict.fromkeys(str(job.row["sweep"]) for job in jobs))
