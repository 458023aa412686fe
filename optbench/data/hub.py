"""Rows of a dataset hub, through ``datasets``; a pinned slice is asked for once per machine.

The hub's client tries six times, for 23 s in all, when the hub cannot be reached, and no setting of it
says otherwise (huggingface_hub 1.33). So the hub is asked for the revision first, once, with a timeout:
that tells what is wrong in the hub's own words before anything is downloaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optbench.config.schema import SourceConf
from optbench.data.items import canonical
from optbench.data.source import Row
from optbench.errors import DataError, first_line

TIMEOUT_S = 10.0
"""For the hub's first answer, in seconds."""
MAX_SAID = 300
"""Characters of another library's message that are passed on."""
FAILED_FOR_S = 30.0
"""So long a hub that did not answer is not asked again: a sweep's tasks are looked at one by one."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_ID = "dataset.source.id"
_OFFLINE = "HF_HUB_OFFLINE=1 takes what an earlier run downloaded"
_ONCE_ONLINE = "unset HF_HUB_OFFLINE once, so that it can be downloaded"


class HubRows:
    """The rows of a split at the hub.

    Rows of a commit never change, so those that were taken are kept below HF_HOME, and taken from there
    the next time without a request and without importing ``datasets``. A branch is looked up each time.
    """

    def __init__(self, source: SourceConf, split: str) -> None:
        self._source, self._split = source, split
        self._dataset: Any = None

    def length(self) -> int:
        """See ``Rows``."""
        kept = self._kept("length")
        length = _read(kept)
        if not isinstance(length, int):
            length = len(self._open())
            _keep(kept, length)
        return length

    def take(self, numbers: Sequence[int]) -> dict[int, Row]:
        """See ``Rows``."""
        kept = self._kept(hashlib.sha256(canonical(list(numbers)).encode()).hexdigest())
        rows = _read(kept)
        if isinstance(rows, list) and len(rows) == len(numbers):
            return dict(zip(numbers, rows, strict=True))
        dataset = self._open()
        there = [number for number in numbers if number < len(dataset)]
        rows = dataset.select(there).to_list()
        if len(there) == len(numbers):
            _keep(kept, rows)
        return dict(zip(there, rows, strict=True))

    def _kept(self, name: str) -> Path | None:
        """Where something that was read of this split is kept; None where the commit is not known."""
        source, commit = self._source, self._commit()
        if commit is None:
            return None
        from huggingface_hub import constants

        what = [constants.ENDPOINT, source.id, source.config, source.path, commit, self._split]
        key = hashlib.sha256(canonical(what).encode()).hexdigest()
        return Path(constants.HF_HOME) / "optbench" / key / f"{name}.json"

    def _commit(self) -> str | None:
        from huggingface_hub import is_offline_mode

        revision = self._source.revision
        if revision and _COMMIT.fullmatch(revision):
            return revision
        return None if is_offline_mode() else ask(str(self._source.id), revision)

    def _open(self) -> Any:
        if self._dataset is None:
            from huggingface_hub import is_offline_mode

            if not is_offline_mode():
                ask(str(self._source.id), self._source.revision)
            self._dataset = self._load()
        return self._dataset

    def _load(self) -> Any:
        import datasets  # here: it takes a second to import, and only hub sources need it

        source, revision = self._source, self._commit() or self._source.revision
        files: Any = None
        if source.path:
            files = {self._split: source.path.replace("{split}", self._split)}
        try:
            with _unlogged():
                dataset = datasets.load_dataset(
                    source.id, source.config, data_files=files, split=self._split, revision=revision
                )
        except Exception as error:  # a dozen types, from the network down to the disk
            raise self._explained(error) from error
        if revision and _COMMIT.fullmatch(revision):
            self._check_commit(dataset, revision)
        return dataset

    def _check_commit(self, dataset: Any, commit: str) -> None:
        """Offline, ``datasets`` takes the newest that it has cached, whatever revision was asked for."""
        found = {
            part
            for file in dataset.cache_files
            for part in Path(file["filename"]).parts
            if _COMMIT.fullmatch(part)
        }
        if found and commit not in found:
            raise DataError(
                f"{self._source.id} is cached at {', '.join(sorted(found))} only, not at {commit}",
                key="dataset.source.revision",
                mend=_ONCE_ONLINE,
            )

    def _explained(self, error: Exception) -> DataError:
        from huggingface_hub import is_offline_mode

        source, error = self._source, _cause(error)
        said = _first_line(error)
        names = _names(error)
        if names is not None:
            return self._other_columns(*names)
        if "gated" in said:
            return _gated(str(source.id))
        if "BuilderConfig" in said or "Config name" in said:
            return DataError(
                f"{source.id} has no config '{source.config}': {said}",
                key="dataset.source.config",
                mend="name one that the hub lists",
            )
        if "nknown split" in said:
            return DataError(
                f"{source.id} has no split '{self._split}': {said}",
                key="dataset.slices",
                mend="name a split that is there",
            )
        if source.path and "find" in said:
            return DataError(
                f"{source.id} has no file '{source.path}' for split '{self._split}'",
                key="dataset.source.path",
                mend="name a file of the repository",
            )
        return DataError(
            f"cannot load {source.id} ({source.config or 'default'}, {self._split}): "
            f"{type(error).__name__}: {said}",
            key=_ID,
            mend=f"{_ONCE_ONLINE}; or check the names of repository, config and split"
            if is_offline_mode()
            else f"check the network, or the names of repository, config and split; {_OFFLINE}",
        )

    def _other_columns(self, found: set[str], expected: set[str]) -> DataError:
        source = self._source
        here = [f"lacks {_listed(expected - found)}"] if expected - found else []
        more = [f"has {_listed(found - expected)} besides"] if found - expected else []
        return DataError(
            f"the files of {source.id} ({source.config or 'default'}) differ in their columns: one "
            f"of them {' and '.join([*here, *more])}; there are {', '.join(sorted(found))}",
            key=_ID,
            mend="name the files of each split (dataset.source.path=folder/{split}.parquet, "
            "dataset.source.config=null), and what one calls otherwise in "
            "dataset.source.splits.<split>.rename",
        )


def _cause(error: Exception) -> Exception:
    """What ended the generating of a dataset, which says no more than that it was ended."""
    while type(error).__name__.startswith("DatasetGeneration"):
        inner = error.__cause__ or error.__context__
        if not isinstance(inner, Exception):
            break
        error = inner
    return error


def _names(error: Exception) -> tuple[set[str], set[str]] | None:
    """Of a file whose columns are not those of the files before it, the columns of both."""
    found = getattr(error, "table_column_names", None)
    expected = getattr(error, "requested_column_names", None)
    return None if found is None or expected is None else (set(found), set(expected))


def _listed(names: set[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


@contextmanager
def _unlogged() -> Iterator[None]:
    """Errors come as exceptions, which are explained; the library logs them as well."""
    from datasets.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(before)


_answers: dict[tuple[str, str | None], str] = {}
_failures: dict[tuple[str, str | None], tuple[float, DataError]] = {}


def ask(name: str, revision: str | None) -> str:
    """The commit that a revision of a dataset stands for, asked once per process.

    Raises:
        DataError: When there is no such dataset or revision, it is gated, or the hub does not answer.
    """
    question = (name, revision)
    failed_at, failure = _failures.get(question, (0.0, None))
    if failure is not None and time.monotonic() - failed_at < FAILED_FOR_S:
        raise failure
    if question not in _answers:
        try:
            _answers[question] = _asked(name, revision)
        except DataError as error:
            _failures[question] = (time.monotonic(), error)
            raise
    return _answers[question]


def _asked(name: str, revision: str | None) -> str:
    import httpx
    from huggingface_hub import HfApi, constants, errors

    try:
        return str(HfApi().dataset_info(name, revision=revision, timeout=TIMEOUT_S).sha)
    except errors.GatedRepoError as error:
        raise _gated(name) from error
    except errors.RevisionNotFoundError as error:
        raise DataError(
            f"{name} has no revision '{revision}' at the hub (any more)",
            key="dataset.source.revision",
            mend="name another, such as main; its rows may be others",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise DataError(
            f"there is no dataset '{name}' at {constants.ENDPOINT}, or it is private",
            key=_ID,
            mend="check the name; for a private one export HF_TOKEN=...",
        ) from error
    except errors.HFValidationError as error:
        raise DataError(_first_line(error), key=_ID, mend="write owner/name") from error
    except (httpx.HTTPError, OSError) as error:
        raise DataError(
            f"the hub at {constants.ENDPOINT} cannot be asked for {name}: {_status(error)}",
            key=_ID,
            mend=f"check the network (HF_ENDPOINT, proxies), or try later; {_OFFLINE}",
        ) from error


def _status(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return f"it answers {status}" if status else f"{type(error).__name__}: {_first_line(error)}"


def _gated(name: str) -> DataError:
    from huggingface_hub import constants

    return DataError(
        f"{name} is gated: its owner must have granted you access",
        key=_ID,
        mend=f"ask at {constants.ENDPOINT}/datasets/{name}, then export HF_TOKEN=...",
    )


def _read(kept: Path | None) -> Any:
    if kept is None:
        return None
    try:
        return json.loads(kept.read_bytes())
    except (OSError, ValueError):  # not there, or cut short by a full disk: then it is read anew
        return None


def _keep(kept: Path | None, value: Any) -> None:
    if kept is None:
        return
    try:
        text = json.dumps(
            value
        )  # not `canonical`: what JSON cannot hold must not come back as text
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=kept.parent, delete=False) as file:
            file.write(text)
        os.replace(file.name, kept)
    except (OSError, TypeError, ValueError):
        return  # it saves time, nothing else


def _first_line(error: BaseException) -> str:
    """The hub's clients list every file ending that they know."""
    first = first_line(error)
    return first if len(first) <= MAX_SAID else f"{first[:MAX_SAID]} ..."
