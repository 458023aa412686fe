"""The RPCs about volumes: names, files, and the commits of containers."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from aiohttp import web
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .blobs import Blobs, slices
from .common import ENVIRONMENT, Caller, new_id, not_found
from .volumes import Volume, Volumes, remove

BLOCK = 8 * 1024 * 1024  # the client's block size


class VolumeRpcs:
    """Volumes as clients see them: only committed files."""

    def __init__(self, volumes: Volumes, blobs: Blobs) -> None:
        self.volumes = volumes
        self.blobs = blobs

    async def volume_get_or_create(
        self, request: api_pb2.VolumeGetOrCreateRequest, _: Caller
    ) -> api_pb2.VolumeGetOrCreateResponse:
        """Look a volume up, or make one, as the creation type says."""
        name, kind = request.deployment_name, request.object_creation_type
        volume = self.volumes.named(name)
        if volume and kind == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
            raise GRPCError(Status.ALREADY_EXISTS, f"Volume '{name}' already exists")
        if volume is None and kind == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
            place = request.environment_name or ENVIRONMENT
            raise not_found(f"Volume '{name}' not found in environment '{place}'")
        volume = volume or self.volumes.add(name, request.version)
        return api_pb2.VolumeGetOrCreateResponse(
            volume_id=volume.volume_id, version=volume.version, metadata=volume.metadata()
        )

    async def volume_get_by_id(
        self, request: api_pb2.VolumeGetByIdRequest, _: Caller
    ) -> api_pb2.VolumeGetByIdResponse:
        """A volume by id."""
        volume = self.volumes.get(request.volume_id)
        return api_pb2.VolumeGetByIdResponse(volume_id=volume.volume_id, metadata=volume.metadata())

    async def volume_heartbeat(self, request: api_pb2.VolumeHeartbeatRequest, _: Caller) -> Empty:
        """An ephemeral volume is in use."""
        return Empty()

    async def volume_list(
        self, request: api_pb2.VolumeListRequest, _: Caller
    ) -> api_pb2.VolumeListResponse:
        """All named volumes, the newest first; one page."""
        older = request.pagination.created_before or float("inf")
        items = [
            api_pb2.VolumeListItem(
                label=one.name,
                volume_id=one.volume_id,
                created_at=one.created_at,
                metadata=one.metadata(),
            )
            for one in self.volumes.by_id.values()
            if one.name and one.created_at < older
        ]
        return api_pb2.VolumeListResponse(items=items[::-1], environment_name=ENVIRONMENT)

    async def volume_delete(self, request: api_pb2.VolumeDeleteRequest, _: Caller) -> Empty:
        """Remove a volume with its files."""
        volume = self.volumes.get(request.volume_id)
        async with volume.lock:
            del self.volumes.by_id[volume.volume_id]
            shutil.rmtree(volume.folder)
        return Empty()

    async def volume_rename(self, request: api_pb2.VolumeRenameRequest, _: Caller) -> Empty:
        """Give a volume another name."""
        volume = self.volumes.get(request.volume_id)
        async with volume.lock:
            volume.name = request.name
            volume.folder = volume.folder.rename(volume.folder.with_name(request.name))
        return Empty()

    async def volume_list_files(
        self,
        request: api_pb2.VolumeListFilesRequest | api_pb2.VolumeListFiles2Request,
        _: Caller,
    ) -> AsyncIterator[api_pb2.VolumeListFilesResponse]:
        """The entries below a path; for a file, the file."""
        async for entries in self._entries(request):
            yield api_pb2.VolumeListFilesResponse(entries=entries)

    async def volume_list_files2(
        self, request: api_pb2.VolumeListFiles2Request, _: Caller
    ) -> AsyncIterator[api_pb2.VolumeListFiles2Response]:
        """The same for version 2."""
        async for entries in self._entries(request):
            yield api_pb2.VolumeListFiles2Response(entries=entries)

    async def _entries(
        self, request: api_pb2.VolumeListFilesRequest | api_pb2.VolumeListFiles2Request
    ) -> AsyncIterator[list[api_pb2.FileEntry]]:
        volume = self.volumes.get(request.volume_id)
        async with volume.lock:
            path = volume.inside(request.path)
            if not os.path.lexists(path):
                raise not_found(f"No such file or directory: {request.path}")
            found = list(walk(path, request.recursive)) if path.is_dir() else [path]
            entries = [entry_of(volume, one) for one in found]
        for start in range(0, len(entries), 1000):
            yield entries[start : start + 1000]

    async def volume_get_file2(
        self, request: api_pb2.VolumeGetFile2Request, _: Caller
    ) -> api_pb2.VolumeGetFile2Response:
        """Where the blocks of a file are read."""
        volume = self.volumes.get(request.volume_id)
        path = volume.inside(request.path)
        if not path.is_file():
            raise not_found(f"No such file: {request.path}")
        size = path.stat().st_size
        length = min(request.len or size, size - request.start)
        end = request.start + length
        # A link of its own: a commit may replace the file while a client still reads it.
        key = new_id("fi")
        os.link(path.resolve(), self.blobs.path(key))
        starts = range(request.start // BLOCK * BLOCK, end, BLOCK)
        urls = [
            f"{self.blobs.url}/slice/{key}?start={max(one, request.start)}"
            f"&length={min(one + BLOCK, end) - max(one, request.start)}"
            for one in starts
        ]
        return api_pb2.VolumeGetFile2Response(
            get_urls=urls, size=size, start=request.start, len=length
        )

    async def volume_put_files(self, request: api_pb2.VolumePutFilesRequest, _: Caller) -> Empty:
        """Version 1 uploads: the files came as blobs."""
        volume = self.volumes.get(request.volume_id)
        self.volumes.check_space(volume)
        async with volume.lock:
            names = [one.filename for one in request.files]
            self._refuse_existing(volume, names, request.disallow_overwrite_existing_files)
            for file in request.files:
                self._place(volume, file.filename, [self.blobs.path(file.sha256_hex)], file.mode)
        return Empty()

    async def volume_put_files2(
        self, request: api_pb2.VolumePutFiles2Request, _: Caller
    ) -> api_pb2.VolumePutFiles2Response:
        """Version 2 uploads: the missing blocks are named first, then the files are put."""
        volume = self.volumes.get(request.volume_id)
        self.volumes.check_space(volume)
        missing = [
            api_pb2.VolumePutFiles2Response.MissingBlock(
                file_index=i, block_index=j, put_url=self.blobs.link(block.contents_sha256.hex())
            )
            for i, file in enumerate(request.files)
            for j, block in enumerate(file.blocks)
            if not self.blobs.path(block.contents_sha256.hex()).is_file()
        ]
        if missing:
            return api_pb2.VolumePutFiles2Response(missing_blocks=missing)
        async with volume.lock:
            names = [one.path for one in request.files]
            self._refuse_existing(volume, names, request.disallow_overwrite_existing_files)
            for file in request.files:
                blocks = [self.blobs.path(one.contents_sha256.hex()) for one in file.blocks]
                self._place(volume, file.path, blocks, file.mode, file.size)
        return api_pb2.VolumePutFiles2Response()

    def _refuse_existing(self, volume: Volume, names: Iterable[str], refuse: bool) -> None:
        there = [one for one in names if os.path.lexists(volume.inside(one))]
        folders = [one for one in there if volume.inside(one).is_dir()]
        if folders or (refuse and there):
            text = f"{', '.join(folders or there)} already exists"
            raise GRPCError(Status.ALREADY_EXISTS, text)

    def _place(
        self, volume: Volume, name: str, parts: list[Path], mode: int, size: int | None = None
    ) -> None:
        path = volume.inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{new_id('part')}")
        with part.open("wb") as file:
            for one in parts:
                file.write(one.read_bytes())
            if size is not None:
                file.truncate(size)  # trailing zeros of a block are not sent
        part.chmod(mode & 0o777 or 0o644)
        part.replace(path)
        volume.generation += 1

    async def volume_remove_file(
        self,
        request: api_pb2.VolumeRemoveFileRequest | api_pb2.VolumeRemoveFile2Request,
        _: Caller,
    ) -> Empty:
        """Remove a file, or a folder where asked."""
        volume = self.volumes.get(request.volume_id)
        async with volume.lock:
            path = volume.inside(request.path)
            if not os.path.lexists(path):
                raise not_found(f"No such file or directory: {request.path}")
            if path.is_dir() and not path.is_symlink() and not request.recursive:
                raise GRPCError(Status.INVALID_ARGUMENT, f"{request.path} is a directory")
            remove(path)
            volume.generation += 1
        return Empty()

    volume_remove_file2 = volume_remove_file

    async def volume_copy_files(
        self,
        request: api_pb2.VolumeCopyFilesRequest | api_pb2.VolumeCopyFiles2Request,
        _: Caller,
    ) -> Empty:
        """Copy within the volume, as ``cp`` does."""
        volume = self.volumes.get(request.volume_id)
        self.volumes.check_space(volume)
        async with volume.lock:
            target = volume.inside(request.dst_path)
            for source in map(volume.inside, request.src_paths):
                place = target / source.name if target.is_dir() else target
                if source.is_dir():
                    shutil.copytree(source, place, dirs_exist_ok=True)
                else:
                    self._place(volume, str(place.relative_to(volume.folder)), [source], 0o644)
            volume.generation += 1
        return Empty()

    volume_copy_files2 = volume_copy_files

    def routes(self) -> list[web.RouteDef]:
        """The HTTP side."""
        return [web.get("/slice/{key}", self._send)]

    async def _send(self, request: web.Request) -> web.StreamResponse:
        path = self.blobs.path(request.match_info["key"])
        start, length = int(request.query["start"]), int(request.query["length"])
        response = web.StreamResponse(headers={"Content-Length": str(length)})
        await response.prepare(request)
        async for chunk in slices(path, start, length):
            await response.write(chunk)
        return response


def walk(path: Path, recursive: bool) -> Iterator[Path]:
    """The entries of a folder in the order of their names."""
    for one in sorted(path.iterdir()):
        yield one
        if recursive and one.is_dir() and not one.is_symlink():
            yield from walk(one, recursive)


def entry_of(volume: Volume, path: Path) -> api_pb2.FileEntry:
    """How a listing shows a file; paths have no leading slash."""
    status = path.lstat()
    kind = api_pb2.FileEntry.FileType
    type_ = kind.SYMLINK if path.is_symlink() else kind.DIRECTORY if path.is_dir() else kind.FILE
    return api_pb2.FileEntry(
        path=str(path.relative_to(volume.folder)),
        type=type_,
        mtime=int(status.st_mtime),
        size=status.st_size,
    )
