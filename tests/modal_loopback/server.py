"""Puts the parts together and serves them."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

from aiohttp import web

from .apps import Apps
from .blobs import Blobs
from .calls import Calls
from .containers import Starter
from .dicts import Dicts
from .files import Files
from .functions import Functions
from .knobs import Counts, Knobs
from .logs import Logs
from .objects import Environments, Images, Mounts, Secrets
from .pools import Pools
from .router import Details, ManyStreamsServer, Router
from .volume_rpcs import VolumeRpcs
from .volumes import Volumes

LOOPBACK = "127.0.0.1"


class LoopbackServer:
    """One workspace of the service."""

    def __init__(self, state: Path, binds: dict[str, str] | None = None) -> None:
        self.knobs, self.counts = Knobs(), Counts()
        self.blobs = Blobs(state / "blobs")
        self.volumes = Volumes(state, self.knobs)
        self.functions, images, mounts = Functions(), Images(), Mounts()
        secrets = Secrets(self.knobs)
        apps = Apps(self.functions)
        self.logs = Logs(apps)
        files = Files(state, self.blobs, mounts, self.volumes, binds or {})
        calls = Calls(self.functions, apps, self.knobs, self.counts)
        parts = (self.functions, apps, secrets, images, files, self.logs)
        self.starter = Starter(state, parts, self.knobs, self.counts)
        self.pools = Pools(self.starter, calls, self.knobs, self.counts)
        calls.submit, calls.withdraw = self.pools.submit, self.pools.withdraw
        apps.on_publish, apps.on_stop = self.pools.on_publish, self.pools.on_stop
        apps.running = self.pools.running
        self.volume_rpcs = VolumeRpcs(self.volumes, self.blobs)
        rpcs = [apps, calls, self.pools, self.functions, self.volume_rpcs, self.blobs]
        rpcs += [secrets, images, mounts, self.logs, Environments(), Dicts()]
        self.grpc = ManyStreamsServer(
            [Router(rpcs, self.knobs, self.counts)], status_details_codec=Details()
        )
        self.http: web.AppRunner | None = None

    async def start(self) -> dict[str, str]:
        """Listen; where the two servers are."""
        self.http = web.AppRunner(self._http(), access_log=None)
        await self.http.setup()
        http_socket, grpc_socket = listening(), listening()
        await web.SockSite(self.http, http_socket).start()
        await self.grpc.start(sock=grpc_socket)
        self.blobs.url = f"http://{LOOPBACK}:{http_socket.getsockname()[1]}"
        self.starter.url = f"http://{LOOPBACK}:{grpc_socket.getsockname()[1]}"
        return {"server_url": self.starter.url, "admin_url": self.blobs.url}

    async def stop(self) -> None:
        """End the containers, then the servers."""
        await self.pools.close()
        self.grpc.close()
        if self.http:
            await self.http.cleanup()

    def _http(self) -> web.Application:
        app = web.Application(client_max_size=1 << 31)
        app.add_routes(self.blobs.routes())
        app.add_routes(self.volume_rpcs.routes())
        app.add_routes(
            [
                web.post("/admin/knobs", self._set_knobs),
                web.post("/admin/kill", self._kill),
                web.get("/admin/state", self._state),
                web.get("/admin/logs", self._logs),
            ]
        )
        return app

    async def _set_knobs(self, request: web.Request) -> web.Response:
        try:
            self.knobs.set(await request.json())
        except (TypeError, ValueError, KeyError) as error:
            return web.Response(status=400, text=str(error))
        return web.json_response({})

    async def _kill(self, _: web.Request) -> web.Response:
        """Kill all containers; their inputs start anew in others."""
        containers = self.pools.alive()
        for container in containers:
            container.kill("preempted")
        return web.json_response({"killed": len(containers)})

    async def _state(self, _: web.Request) -> web.Response:
        alive = self.pools.alive()
        state: dict[str, Any] = self.counts.as_json()
        state["containers"] = {
            one.task_id: {
                "function_id": one.function_id,
                "version": one.version,
                "inputs": [each.call.call_id for each in one.current.values()],
                "pid": one.pid,
            }
            for one in alive
        }
        state["volumes"] = {one.name: str(one.folder) for one in self.volumes.by_id.values()}
        return web.json_response(state)

    async def _logs(self, _: web.Request) -> web.Response:
        return web.Response(text="".join(one.text for one in self.logs.lines))


def listening() -> socket.socket:
    """A free port of the loopback interface."""
    # grpclib turns Nagle's delay off, 40 ms a request, only where the protocol is named.
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((LOOPBACK, 0))
    return one


async def wait_for_end(stdin_end: asyncio.Event, parent: int, parent_of: Any) -> None:
    """Until the parent closes the pipe, or is gone where a fork of it keeps the pipe open."""
    while not stdin_end.is_set() and parent_of() == parent:
        try:
            await asyncio.wait_for(stdin_end.wait(), 0.5)
        except TimeoutError:
            continue
