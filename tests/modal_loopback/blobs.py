"""Bytes by content: uploaded source files, volume blocks and large payloads, over plain HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from modal_proto import api_pb2

from .common import Caller, new_id, not_found

CHUNK = 1 << 20


class Blobs:
    """A folder of files by key, and the RPCs and HTTP paths that fill and read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""  # known once the HTTP server listens
        folder.mkdir(parents=True)

    def path(self, key: str) -> Path:
        """Where the bytes of a key are, or would be."""
        return self.folder / key

    def put(self, key: str, data: bytes) -> None:
        """Keep bytes under a key, whole or not at all."""
        part = self.folder / f"{new_id('part')}.part"
        part.write_bytes(data)
        part.replace(self.path(key))

    def read(self, key: str) -> bytes:
        """The bytes of a key."""
        if not self.path(key).is_file():
            raise not_found(f"There is no blob {key}.")
        return self.path(key).read_bytes()

    def link(self, key: str) -> str:
        """Where a key is written and read."""
        return f"{self.url}/blob/{key}"

    async def blob_create(
        self, request: api_pb2.BlobCreateRequest, _: Caller
    ) -> api_pb2.BlobCreateResponse:
        """Offer a place for a large payload."""
        key = new_id("bl")
        return api_pb2.BlobCreateResponse(
            blob_id=key,
            blob_ids=[key],
            upload_urls=api_pb2.UploadUrlList(items=[self.link(key)]),
        )

    async def blob_get(self, request: api_pb2.BlobGetRequest, _: Caller) -> api_pb2.BlobGetResponse:
        """Say where a large payload is read."""
        if not self.path(request.blob_id).is_file():
            raise not_found(f"There is no blob {request.blob_id}.")
        return api_pb2.BlobGetResponse(download_url=self.link(request.blob_id))

    async def mount_batched_check_existence(
        self, request: api_pb2.MountBatchedCheckExistenceRequest, _: Caller
    ) -> api_pb2.MountBatchedCheckExistenceResponse:
        """Name the source files that have yet to be uploaded."""
        missing = [one for one in request.sha256_hex_hashes if not self.path(one).is_file()]
        return api_pb2.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    async def mount_put_file(
        self, request: api_pb2.MountPutFileRequest, _: Caller
    ) -> api_pb2.MountPutFileResponse:
        """Take a file, or only say whether it is here."""
        match request.WhichOneof("data_oneof"):
            case "data":
                self.put(request.sha256_hex, request.data)
            case "data_blob_id":
                self.put(request.sha256_hex, self.read(request.data_blob_id))
        return api_pb2.MountPutFileResponse(exists=self.path(request.sha256_hex).is_file())

    def routes(self) -> list[web.RouteDef]:
        """The HTTP side."""
        return [web.put("/blob/{key}", self._write), web.get("/blob/{key}", self._send)]

    async def _write(self, request: web.Request) -> web.Response:
        data = await request.read()
        self.put(request.match_info["key"], data)
        # The client compares this with its own digest.
        return web.Response(text="stored", headers={"ETag": f'"{hashlib.md5(data).hexdigest()}"'})

    async def _send(self, request: web.Request) -> web.StreamResponse:
        path = self.path(request.match_info["key"])
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path)


async def slices(path: Path, start: int, length: int) -> AsyncIterator[bytes]:
    """A part of a file, in chunks."""
    with path.open("rb") as file:
        file.seek(start)
        while length > 0 and (chunk := file.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk
