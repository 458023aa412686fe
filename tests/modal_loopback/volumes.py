"""Volumes: the committed files, the snapshots that containers start from, and commits.

A container sees an overlay: below, a snapshot of what was committed when it started or last
reloaded; above, its own writes. A snapshot is a tree of hard links, which costs microseconds a
file and is safe because nothing writes into a committed file: commits and uploads replace it.
Putting the overlay straight on the committed files would show others' commits without a reload.
Whiteouts and opaque folders in the upper layer say what a container removed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .common import OWNER, new_id, not_found
from .knobs import Knobs

OPAQUE = "user.overlay.opaque"  # the mounts use the option userxattr
CLOCK_TICK_S = 1.0  # of the times that a file system writes; much finer, in truth


@dataclass
class Volume:
    """A volume and its committed files."""

    volume_id: str
    name: str
    version: int
    folder: Path
    created_at: float = field(default_factory=time.time)
    generation: int = 0  # grows with every change of the committed files
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def metadata(self) -> api_pb2.VolumeMetadata:
        """What handles know."""
        return api_pb2.VolumeMetadata(
            version=self.version,
            name=self.name,
            creation_info=api_pb2.CreationInfo(created_at=self.created_at, created_by=OWNER),
        )

    def inside(self, path: str) -> Path:
        """A path of the volume; ``..`` does not lead out of it."""
        parts = [one for one in PurePosixPath("/", path).parts[1:] if one != "."]
        if ".." in parts:
            raise GRPCError(Status.INVALID_ARGUMENT, f"{path} leads out of the volume")
        return self.folder.joinpath(*parts)


class Volumes:
    """All volumes."""

    def __init__(self, folder: Path, knobs: Knobs) -> None:
        self.folder = folder / "volumes"
        self.snapshots = folder / "snapshots"
        self.knobs = knobs
        self.by_id: dict[str, Volume] = {}
        self.users: dict[Path, int] = {}
        self.folder.mkdir(parents=True)
        self.snapshots.mkdir()

    def get(self, volume_id: str) -> Volume:
        """A volume by id."""
        if volume_id not in self.by_id:
            raise not_found(f"Volume {volume_id} not found")
        return self.by_id[volume_id]

    def named(self, name: str) -> Volume | None:
        """A volume by name."""
        return next((one for one in self.by_id.values() if name and one.name == name), None)

    def add(self, name: str, version: int) -> Volume:
        """A new, empty volume."""
        volume_id = new_id("vo")
        folder = self.folder / (name or volume_id)
        folder.mkdir()
        version = version or self.knobs.default_volume_version
        self.by_id[volume_id] = Volume(volume_id, name, version, folder)
        return self.by_id[volume_id]

    def check_space(self, volume: Volume) -> None:
        """Refuse where the volume plays full."""
        if self.knobs.volume_full:
            text = f"Volume '{volume.name}' has no space left"
            raise GRPCError(Status.RESOURCE_EXHAUSTED, text)

    async def snapshot(self, volume: Volume) -> Path:
        """The committed files as they are now, for one more container."""
        async with volume.lock:
            path = self.snapshots / volume.volume_id / str(volume.generation)
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                await asyncio.to_thread(link_tree, volume.folder, path)
            self.users[path] = self.users.get(path, 0) + 1
            return path

    async def release(self, path: Path) -> None:
        """One container less looks at a snapshot."""
        self.users[path] -= 1
        if not self.users[path]:
            del self.users[path]
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)

    async def commit(self, volume: Volume, target: Path, upper: Path, seen: Seen) -> None:
        """Store what a container changed; the last writer of a file wins."""
        self.check_space(volume)
        async with volume.lock:
            if await asyncio.to_thread(store_changes, upper, target, seen):
                volume.generation += 1


class Seen(dict[Path, tuple[int, int, int]]):
    """What of an upper layer is stored already: path -> (inode, time, size), and as of when."""

    looked_at = 0.0


def link_tree(source: Path, target: Path) -> None:
    """A tree of the same files. A file that a commit removes meanwhile is left out."""
    target.mkdir()
    for entry in os.scandir(source):
        place = target / entry.name
        if entry.is_symlink():
            place.symlink_to(os.readlink(entry.path))
        elif entry.is_dir():
            link_tree(Path(entry.path), place)
        else:
            os.link(entry.path, place)


def store_changes(upper: Path, target: Path, seen: Seen) -> bool:
    """Copy the changes of an upper layer to the committed files; whether there were any."""
    began, changed = time.time(), False
    for path in changed_since(upper, seen.looked_at - CLOCK_TICK_S):
        changed |= store_entry(path, target / path.relative_to(upper), seen)
    seen.looked_at = began
    return changed


def changed_since(upper: Path, moment: float) -> Iterator[Path]:
    """What has another inode, content or name since then; folders come before what is in them."""
    # A walk in Python takes a second after some thousand jobs, and comes with every commit.
    words = ["find", str(upper), "-mindepth", "1", "-newerct", f"@{moment:.3f}", "-print0"]
    found = subprocess.run(words, capture_output=True, check=False).stdout
    return (Path(os.fsdecode(one)) for one in found.split(b"\0") if one)


def store_entry(path: Path, place: Path, seen: Seen) -> bool:
    """Copy one entry of an upper layer; whether it was another than is stored."""
    try:
        status = path.lstat()
    except FileNotFoundError:  # removed since it was listed
        return False
    mark = (status.st_ino, status.st_mtime_ns, status.st_size)
    changed = False
    if is_whiteout(status):
        changed = seen.get(path) != mark
        if changed:
            remove(place)
    elif stat.S_ISDIR(status.st_mode):
        mark, known = (status.st_ino, 0, 0), path in seen
        if is_opaque(path) and not known:
            remove(place)
        if not place.is_dir() or place.is_symlink():
            remove(place)
            place.mkdir(parents=True)
            changed = True
        if not known:  # it may have been renamed: what is in it did not change
            for inner in os.scandir(path):
                changed |= store_entry(Path(inner.path), place / inner.name, seen)
    elif seen.get(path) != mark:
        place.parent.mkdir(parents=True, exist_ok=True)
        store_file(path, place)
        changed = True
    seen[path] = mark
    return changed


def store_file(path: Path, place: Path) -> None:
    """Replace one committed file, whole."""
    if place.is_dir() and not place.is_symlink():
        remove(place)
    part = place.with_name(f".{new_id('part')}")
    if path.is_symlink():
        part.symlink_to(os.readlink(path))
    else:
        shutil.copy2(path, part)
    part.replace(place)


def forget_stored(upper: Path, seen: Seen) -> None:
    """Drop from an upper layer what is stored, so that a reload shows what others made of it."""
    for entry in os.scandir(upper):
        path = Path(entry.path)
        status = entry.stat(follow_symlinks=False)
        if entry.is_dir(follow_symlinks=False):
            forget_stored(path, seen)
            if path in seen and not any(os.scandir(path)):
                path.rmdir()
        elif seen.get(path) == (status.st_ino, status.st_mtime_ns, status.st_size):
            path.unlink()
    for path in [one for one in seen if not one.exists() and not one.is_symlink()]:
        del seen[path]


def is_whiteout(status: os.stat_result) -> bool:
    """Whether an entry of an upper layer stands for a removed one."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(path: Path) -> bool:
    """Whether a folder of an upper layer hides the one below."""
    try:
        return os.getxattr(path, OPAQUE) == b"y"
    except OSError:
        return False


def remove(path: Path) -> None:
    """Remove a file or a tree, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
