"""Containers: a process tree with its own mounts that runs the real container runner."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, field
from pathlib import Path

from modal_proto import api_pb2

from .apps import Apps
from .calls import Input
from .common import ENVIRONMENT, new_id
from .files import Files, Layer
from .functions import Functions
from .knobs import Counts, Knobs
from .logs import Line, Logs
from .objects import Images, Secrets


@dataclass
class Container:
    """One container and what it works on."""

    task_id: str
    function_id: str
    app_id: str
    version: int
    definition: api_pb2.Function
    home: Path
    created_at: float = field(default_factory=time.time)
    process: Process | None = None
    pid: int = 0  # its first process
    layers: list[Layer] = field(default_factory=list)
    current: dict[str, Input] = field(default_factory=dict)
    inputs_given: int = 0
    commits: int = 0  # since its last input began
    draining: bool = False
    doomed: str = ""  # why it is being killed
    cancelled: list[str] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)  # wakes its heartbeat

    def stats(self) -> api_pb2.TaskStats:
        """How listings show it."""
        return api_pb2.TaskStats(
            task_id=self.task_id,
            app_id=self.app_id,
            started_at=self.created_at,
            enqueued_at=self.created_at,
        )

    def kill(self, reason: str, how: str = "KILL") -> None:
        """End it as the machine would: without a word, or with an interrupt to the runner."""
        self.doomed = self.doomed or reason
        if self.process is None or self.process.returncode is not None:
            return
        if how == "INT":
            for child in children(self.pid):
                os.kill(child, signal.SIGINT)
        else:
            self.process.kill()


def libraries() -> dict[str, str]:
    """Where a Python that is not the system's finds its shared library."""
    return {k: v for k, v in os.environ.items() if k == "LD_LIBRARY_PATH"}


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


class Starter:
    """Starts containers and waits for their end."""

    def __init__(
        self,
        folder: Path,
        parts: tuple[Functions, Apps, Secrets, Images, Files, Logs],
        knobs: Knobs,
        counts: Counts,
    ) -> None:
        self.folder = folder
        self.functions, self.apps, self.secrets, self.images, self.files, self.logs = parts
        self.knobs = knobs
        self.counts = counts
        self.url = ""  # known once the gRPC server listens

    def new(self, function_id: str) -> Container:
        """A container that has yet to start; its definition is the newest."""
        definition, version = self.functions.current(function_id)
        task_id = new_id("ta")
        app_id = self.functions.get(function_id).app_id
        home = self.folder / "containers" / task_id
        return Container(task_id, function_id, app_id, version, definition, home)

    async def run(self, container: Container) -> int:
        """From the first mount to the last line printed; the exit code."""
        asked = time.monotonic()  # a knob that is turned back ends the waiting, too
        while time.monotonic() < asked + self.knobs.start_delay and not container.doomed:
            await asyncio.sleep(0.05)
        container.home.mkdir(parents=True)
        try:
            if container.doomed:
                return -signal.SIGKILL
            definition = container.definition
            container.layers = await self.files.layers(
                container.home, list(definition.volume_mounts), self.knobs.volume_bytes
            )
            spec = await self.files.spec(
                container.home,
                list(definition.mount_ids),
                container.layers,
                self.environment(container),
            )
            return await self._process(container, spec)
        finally:
            await self.files.drop(container.home, container.layers)

    async def _process(self, container: Container, spec: Path) -> int:
        user = () if os.geteuid() == 0 else ("--map-root-user",)
        first = str(Path(__file__).with_name("inside.py"))
        process = await asyncio.create_subprocess_exec(
            # A server that is killed takes its containers along: each parent's death kills.
            *("setpriv", "--pdeathsig", "KILL"),
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", *user),
            *(sys.executable, "-I", "-S", first, str(spec)),
            stdout=PIPE,
            stderr=PIPE,
            env={"PATH": os.environ.get("PATH", os.defpath)} | libraries(),
            start_new_session=True,
        )
        container.process = process
        self.counts.events["containers"] += 1
        if container.doomed:
            process.kill()
        await asyncio.gather(
            self._read(container, process.stdout, api_pb2.FILE_DESCRIPTOR_STDOUT),
            self._read(container, process.stderr, api_pb2.FILE_DESCRIPTOR_STDERR),
        )
        return await process.wait()

    async def _read(
        self, container: Container, stream: asyncio.StreamReader | None, source: int
    ) -> None:
        assert stream is not None
        partial = b""
        while data := await stream.read(1 << 16):
            *lines, partial = (partial + data).split(b"\n")
            for line in lines:
                await self._log(container, line + b"\n", source)
        if partial:
            await self._log(container, partial, source)

    async def _log(self, container: Container, line: bytes, source: int) -> None:
        running = next(iter(container.current.values()), None)
        await self.logs.add(
            Line(
                app_id=container.app_id,
                function_id=container.function_id,
                task_id=container.task_id,
                call_id=running.call.call_id if running else "",
                input_id=running.input_id if running else "",
                source=source,
                text=line.decode(errors="replace"),
            )
        )

    def learn_pid(self, container: Container) -> int:
        """The first process wrote its number once its mounts stood."""
        if not container.pid:
            container.pid = int((container.home / "pid").read_text())
        return container.pid

    def environment(self, container: Container) -> dict[str, str]:
        """A container's variables: nothing of the machine's but the way to Python."""
        definition = container.definition
        env = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
        } | libraries()
        self.images.env(definition.image_id, env)
        env |= self.secrets.env(list(definition.secret_ids))
        env |= self.knobs.container_env
        env["PYTHONPATH"] = ":".join(filter(None, ["/root", env.get("PYTHONPATH")]))
        arguments = container.home / "arguments.pb"
        arguments.write_bytes(self.arguments(container).SerializeToString())
        return env | {
            "MODAL_SERVER_URL": self.url,
            "MODAL_TASK_ID": container.task_id,
            "MODAL_IS_REMOTE": "1",
            "MODAL_IMAGE_ID": definition.image_id,
            "MODAL_ENVIRONMENT": ENVIRONMENT,
            "MODAL_CLOUD_PROVIDER": "CLOUD_PROVIDER_AWS",
            "MODAL_REGION": "us-east-1",
            "MODAL_CONTAINER_ARGUMENTS_PATH": str(arguments),
            "MODAL_OVERRIDE_HEADERS": f"x-loopback-task:{container.task_id}",
            "MODAL_DISABLE_API_PROXY": "1",
        }

    def arguments(self, container: Container) -> api_pb2.ContainerArguments:
        """What the runner reads at its start."""
        function = self.functions.get(container.function_id)
        return api_pb2.ContainerArguments(
            task_id=container.task_id,
            function_id=container.function_id,
            app_id=container.app_id,
            function_def=container.definition,
            serialized_params=function.params,
            environment_name=ENVIRONMENT,
            app_layout=self.layout(container),
        )

    def layout(self, container: Container) -> api_pb2.AppLayout:
        """The app with every object that the function's module refers to, or it cannot load."""
        layout = self.apps.layout(self.apps.get(container.app_id))
        definition = container.definition
        known = {one.object_id for one in layout.objects}
        dependencies = [one.object_id for one in definition.object_dependencies]
        for object_id in [*dependencies, container.function_id, definition.image_id]:
            if object_id in known:
                continue
            known.add(object_id)
            entry = layout.objects.add(object_id=object_id)
            if object_id.startswith("vo-"):
                volume = self.files.volumes.get(object_id)
                entry.volume_metadata.CopyFrom(volume.metadata())
            elif object_id.startswith("fu-"):
                handle = self.functions.handle(self.functions.get(object_id))
                entry.function_handle_metadata.CopyFrom(handle)
            elif object_id.startswith("mo-"):
                entry.mount_handle_metadata.content_checksum_sha256_hex = object_id
        return layout
