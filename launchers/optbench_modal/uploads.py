"""What goes to the volume: files of this machine, each once, and what a job has paid for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modal import exception

from optbench.config.identity import file_sha256
from optbench.errors import ConfigError

from .names import FILES, OUTPUT, RUNS, full_volume


class Uploads:
    """Puts files on the volume.

    Args:
        volume: Modal's volume.
        name: What it is called.
    """

    def __init__(self, volume: Any, name: str) -> None:
        self._volume = volume
        self._name = name
        self._there: set[str] | None = None

    def put(self, paths: Iterable[str]) -> dict[str, str]:
        """Files by path, all of them on the volume under their sha256, which it gives.

        Raises:
            ConfigError: When the volume has no room for them.
            OSError: When one cannot be read.
        """
        wanted = {path: file_sha256(Path(path).expanduser()) for path in paths}
        missing = {digest: path for path, digest in wanted.items() if digest not in self._known()}
        if missing:
            with self._batch() as batch:
                for digest, path in missing.items():
                    batch.put_file(str(Path(path).expanduser()), f"/{FILES}/{digest}")
            self._known().update(missing)
        return wanted

    def keep(self, paid: Path, run: str, key: str) -> None:
        """Takes a file of a job's folder along, where there is one.

        Raises:
            ConfigError: When the volume has no room for it.
        """
        if paid.is_file():
            with self._batch() as batch:
                batch.put_file(paid, f"/{RUNS}/{run}/{key}/{OUTPUT}/{paid.name}")

    @contextmanager
    def _batch(self) -> Iterator[Any]:
        try:
            with self._volume.batch_upload(force=True) as batch:
                yield batch
        # Of a spawn it would mean that so many jobs may wait; of an upload no waiting helps.
        except exception.ResourceExhaustedError as error:
            raise ConfigError(**full_volume(self._name, str(error))) from error

    def _known(self) -> set[str]:
        if self._there is None:
            try:
                listed = self._volume.listdir(FILES)
            except exception.NotFoundError:
                listed = []
            self._there = {one.path.rpartition("/")[2] for one in listed}
        return self._there
