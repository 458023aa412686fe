"""Rows of items as statistics may take them: each once, scores finite or unknown, final ones there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optbench.results.job import Job
from optbench.results.problems import Kind, Problems

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

KEYS = ("phase", "slice", "item_id")
SLICES = ("train", "validation", "test")
TOLERANCE = 1e-6
"""Between a mean in ``result.json`` and that of the items; both come from the same numbers."""


def tidied(
    frame: pd.DataFrame,
    jobs: Sequence[Job],
    number: np.ndarray[Any, Any],
    read: frozenset[int],
    problems: Problems,
) -> pd.DataFrame:
    """The rows that can be told apart, and what was wrong with the others.

    A job that kept the initial prompt did not run it again, so its baseline rows stand for its final
    ones, too.

    Args:
        frame: A row a rollout.
        jobs: Those of the rows.
        number: Which of the jobs, by row.
        read: The jobs whose file was read; of the others it is said already why it was not.
        problems: Takes in what is wrong.
    """
    tidy = _Tidy(jobs, problems)
    frame, number = tidy.distinct(frame, number)
    tidy.finite(frame, number)
    frame, number = tidy.completed(frame, number)
    tidy.compare(frame, number, read)
    return frame


class _Tidy:
    def __init__(self, jobs: Sequence[Job], problems: Problems) -> None:
        self._jobs = jobs
        self._problems = problems

    def distinct(self, frame: pd.DataFrame, number: np.ndarray[Any, Any]) -> tuple[Any, Any]:
        """Without rows that name no item, or one that is there already."""
        import numpy as np
        import pandas as pd

        key = number.astype("int64")
        known = frame["slice"].isin(SLICES).to_numpy().copy()
        for name in KEYS:
            column = frame[name].cat
            codes = column.codes.to_numpy().astype("int64")
            known &= codes >= 0
            key = key * (len(column.categories) + 1) + codes + 1
        again = pd.Series(key).duplicated().to_numpy() & known
        self._say("malformed", number[~known], "{n} rows without a slice or an item", excluded=True)
        self._say("duplicate", number[again], "{n} rows of items that it has before", excluded=True)
        kept = known & ~again
        if np.all(kept):
            return frame, number
        return frame[kept].reset_index(drop=True), number[kept]

    def finite(self, frame: pd.DataFrame, number: np.ndarray[Any, Any]) -> None:
        """Infinite scores become NaN, in place; those of the objective are counted."""
        import numpy as np

        for name in [name for name in frame.columns if name.startswith("score")]:
            values = frame[name].to_numpy()
            bad = ~np.isfinite(values)
            if name == "score":
                what = "{n} scores that are no finite numbers, read as unknown"
                self._say("nan", number[bad], what, excluded=False)
            if np.isinf(values).any():
                frame[name] = np.where(bad, np.nan, values)

    def completed(self, frame: pd.DataFrame, number: np.ndarray[Any, Any]) -> tuple[Any, Any]:
        """With final rows for jobs whose prompt was left as it was."""
        import numpy as np
        import pandas as pd

        final = (frame["phase"] == "final").to_numpy()
        has_final = np.bincount(number[final], minlength=len(self._jobs)) > 0
        unchanged = np.array(
            [job.finished and job.row.get("prompt_changed") is False for job in self._jobs],
            dtype=bool,
        )
        copied = (unchanged & ~has_final)[number] if len(frame) else np.zeros(0, dtype=bool)
        if not copied.any():
            return frame, number
        categories = pd.Index(["baseline", "final"], dtype="str")
        frame["phase"] = frame["phase"].cat.set_categories(categories)
        more = frame[copied].copy()
        more["phase"] = pd.Categorical(["final"] * len(more), categories=categories)
        number = np.concatenate([number, number[copied]])
        order = np.argsort(number, kind="stable")
        whole = pd.concat([frame, more], ignore_index=True)
        return whole.take(order).reset_index(drop=True), number[order]

    def compare(
        self, frame: pd.DataFrame, number: np.ndarray[Any, Any], read: frozenset[int]
    ) -> None:
        """Whether test items and their means are those that the results say."""
        import numpy as np

        test = (frame["slice"] == "test").to_numpy()
        for phase, said in (("baseline", "initial"), ("final", "final")):
            rows = test & (frame["phase"] == phase).to_numpy()
            scores = frame["score"].to_numpy()[rows]
            counts = np.bincount(number[rows], minlength=len(self._jobs))
            sums = np.bincount(number[rows], weights=scores, minlength=len(self._jobs))
            for index in sorted(read):
                if self._jobs[index].finished:
                    count, total = int(counts[index]), float(sums[index])
                    self._compare(self._jobs[index], phase, count, total, said)

    def _compare(self, job: Job, phase: str, count: int, total: float, said: str) -> None:
        expected, mean = job.row.get("n_test"), job.row.get(said)
        if expected is not None and count != expected:
            what = f"items.parquet has {count:,} of {expected:,} test items in phase {phase}"
            self._problems.add(job.place, "truncated", what, n=abs(expected - count))
        elif mean is not None and count and abs(total / count - mean) > TOLERANCE:
            what = (
                f"the {said} test score is {mean:.6g} in result.json and {total / count:.6g} over "
                "the items"
            )
            self._problems.add(job.place, "mismatch", what)

    def _say(self, kind: Kind, numbers: np.ndarray[Any, Any], what: str, *, excluded: bool) -> None:
        import numpy as np

        counts = np.bincount(numbers, minlength=len(self._jobs))
        for index in np.flatnonzero(counts).tolist():
            told = f"items.parquet has {what.format(n=f'{counts[index]:,}')}"
            place = self._jobs[index].place
            self._problems.add(place, kind, told, excluded=excluded, n=int(counts[index]))
