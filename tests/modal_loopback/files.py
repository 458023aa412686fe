"""The layers of a container's file system, as the server prepares and later looks into them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import site
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .blobs import Blobs
from .common import not_found, open_work_folders
from .objects import Mounts
from .volumes import Seen, Volume, Volumes, forget_stored

BUSY = "there are open files preventing the operation"  # the client looks for these words


@dataclass
class Layer:
    """A volume in one container."""

    volume: Volume
    path: str
    folder: Path  # holds upper and work
    snapshot: Path
    sub_path: str = ""
    read_only: bool = False
    limit: int = 0
    seen: Seen = field(default_factory=Seen)

    def below(self, folder: Path) -> Path:
        """The part of the volume that is mounted."""
        return folder / self.sub_path.strip("/")

    def options(self) -> str:
        """The data of the mount."""
        return options(self.below(self.snapshot), self.folder)

    def spec(self) -> dict[str, Any]:
        """What the container's first process mounts."""
        return {
            "volume_id": self.volume.volume_id,
            "path": self.path,
            "options": self.options(),
            "read_only": self.read_only,
        }


def options(lower: Path, folder: Path) -> str:
    """The data of an overlay mount; ``userxattr`` works for root and for others alike."""
    return f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work,userxattr"


@dataclass
class Files:
    """Makes and removes the layers."""

    folder: Path
    blobs: Blobs
    mounts: Mounts
    volumes: Volumes
    binds: dict[str, str] = field(default_factory=dict)
    trees: dict[str, asyncio.Future[Path]] = field(default_factory=dict)

    async def tree(self, mount_ids: list[str]) -> Path:
        """The uploaded files of some mounts, at their paths; made once for all containers."""
        files = [one for mount_id in mount_ids for one in self.mounts.files.get(mount_id, ())]
        seed = json.dumps(sorted((one.filename, one.sha256_hex) for one in files))
        key = hashlib.sha256(seed.encode()).hexdigest()[:16]
        if key not in self.trees:
            self.trees[key] = asyncio.ensure_future(self._make_tree(key, files))
        return await self.trees[key]

    async def _make_tree(self, key: str, files: list[api_pb2.MountFile]) -> Path:
        tree = self.folder / "trees" / key
        (tree / "root").mkdir(parents=True)
        await asyncio.to_thread(self._copy, tree, files)
        # Compiled once here, or else again in each container.
        compile_all = (sys.executable, "-m", "compileall", "-q", str(tree / "root"))
        process = await asyncio.create_subprocess_exec(*compile_all, stdout=DEVNULL, stderr=DEVNULL)
        await process.wait()
        return tree

    def _copy(self, tree: Path, files: list[api_pb2.MountFile]) -> None:
        for file in files:
            place = tree.joinpath(*PurePosixPath("/", file.filename).parts[1:])
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.blobs.path(file.sha256_hex), place)
            place.chmod(file.mode & 0o777 or 0o644)

    async def layers(
        self, home: Path, mounts: list[api_pb2.VolumeMount], limit: int
    ) -> list[Layer]:
        """A working copy per volume."""
        made = []
        for mount in mounts:
            volume = self.volumes.get(mount.volume_id)
            sub_path = mount.sub_path.strip("/")
            volume.inside(sub_path).mkdir(parents=True, exist_ok=True)
            folder = home / volume.volume_id
            for name in () if limit else ("upper", "work"):
                (folder / name).mkdir(parents=True)
            folder.mkdir(exist_ok=True)
            snapshot = await self.volumes.snapshot(volume)
            made.append(
                Layer(volume, mount.mount_path, folder, snapshot, sub_path, mount.read_only, limit)
            )
        return made

    async def spec(
        self, home: Path, mount_ids: list[str], layers: list[Layer], env: dict[str, str]
    ) -> Path:
        """Write down what the container's first process must build and run."""
        tree = await self.tree(mount_ids)
        for name in ("root", "source/upper", "source/work"):
            (home / name).mkdir(parents=True)
        (home / "empty").touch()
        outside = {f"/{one.name}": str(one) for one in tree.iterdir() if one.name != "root"}
        spec = {
            "new_root": str(home / "root"),
            "source": {"options": options(tree / "root", home / "source")},
            "python": [str(one) for one in self.python()],
            "binds": outside | self.binds,
            "volumes": [one.spec() for one in layers],
            "limited": [
                {"folder": str(one.folder), "bytes": one.limit} for one in layers if one.limit
            ],
            "hidden": hidden(),
            "empty": str(home / "empty"),
            "pid_file": str(home / "pid"),
            "argv": [sys.executable, "-m", "modal._container_entrypoint"],
            "env": env,
        }
        path = home / "spec.json"
        path.write_text(json.dumps(spec))
        return path

    def python(self) -> list[Path]:
        """What must stay reachable even where it is below ``/root``."""
        paths = [Path(sys.prefix), Path(sys.base_prefix), self.folder, Path(__file__).parent]
        return [one.resolve() for one in paths]

    async def commit(self, layer: Layer, pid: int) -> None:
        """``Volume.commit`` of a container."""
        if layer.read_only:
            raise GRPCError(Status.FAILED_PRECONDITION, "the volume is mounted read-only")
        target = layer.below(layer.volume.folder)
        await self.volumes.commit(layer.volume, target, self.upper(layer, pid), layer.seen)

    def upper(self, layer: Layer, pid: int) -> Path:
        """The writes of a container, as its own mounts show them."""
        return Path(f"/proc/{pid}/root{layer.folder}/upper")

    async def reload(self, layer: Layer, pid: int) -> None:
        """``Volume.reload`` of a container: a new snapshot below its unstored writes."""
        place = f"/__modal/volumes/{layer.volume.volume_id}"
        if complaint := await within(pid, "umount", place):
            if "busy" in complaint:
                raise GRPCError(Status.FAILED_PRECONDITION, BUSY)
            raise GRPCError(Status.INTERNAL, complaint)
        old, layer.snapshot = layer.snapshot, await self.volumes.snapshot(layer.volume)
        await asyncio.to_thread(forget_stored, self.upper(layer, pid), layer.seen)
        mode = "ro" if layer.read_only else "rw"
        mount = ("mount", "-t", "overlay", "overlay", "-o", f"{layer.options()},{mode}", place)
        if complaint := await within(pid, *mount):
            raise GRPCError(Status.INTERNAL, complaint)
        await self.volumes.release(old)

    async def drop(self, home: Path, layers: list[Layer]) -> None:
        """A container has ended: its layers go."""
        for layer in layers:
            await self.volumes.release(layer.snapshot)
        await asyncio.to_thread(remove_layers, home)


def hidden() -> list[str]:
    """The files that put more onto ``sys.path`` than site-packages holds."""
    folders = [Path(one) for one in site.getsitepackages()]
    return [str(path.resolve()) for folder in folders for path in folder.glob("*.pth")]


def remove_layers(home: Path) -> None:
    """The folders of a container that has ended."""
    open_work_folders(home, "*")
    shutil.rmtree(home)


async def within(pid: int, *command: str) -> str:
    """Run a command among the mounts of a container; what it complained of."""
    user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
    enter = ("nsenter", "--target", str(pid), "--mount", "--pid", "--root", "--wd", *user)
    process = await asyncio.create_subprocess_exec(*enter, *command, stdout=DEVNULL, stderr=PIPE)
    _, complaint = await process.communicate()
    return complaint.decode().strip() if process.returncode else ""


def layer_of(layers: list[Layer], volume_id: str) -> Layer:
    """A container's layer of a volume."""
    for layer in layers:
        if layer.volume.volume_id == volume_id:
            return layer
    raise not_found(f"Volume {volume_id} is not mounted in this container")
