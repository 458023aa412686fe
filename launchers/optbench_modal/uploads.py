"""Files of this machine on the volume, each once, by its content."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modal import exception

from optbench.config.identity import file_sha256

from .names import FILES


class Uploads:
    """Puts files on the volume, where they are not there already.

    Args:
        volume: Modal's volume.
    """

    def __init__(self, volume: Any) -> None:
        self._volume = volume
        self._there: set[str] | None = None

    def put(self, paths: Iterable[str]) -> dict[str, str]:
        """Files by path, all of them on the volume under their sha256, which it gives."""
        wanted = {path: file_sha256(Path(path).expanduser()) for path in paths}
        missing = {digest: path for path, digest in wanted.items() if digest not in self._known()}
        if missing:
            with self._volume.batch_upload(force=True) as batch:
                for digest, path in missing.items():
                    batch.put_file(str(Path(path).expanduser()), f"/{FILES}/{digest}")
            self._known().update(missing)
        return wanted

    def _known(self) -> set[str]:
        if self._there is None:
            try:
                listed = self._volume.listdir(FILES)
            except exception.NotFoundError:
                listed = []
            self._there = {one.path.rpartition("/")[2] for one in listed}
        return self._there
