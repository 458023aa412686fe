"""Apps: created, published under a name, listed, stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from .common import ENVIRONMENT, OWNER, Caller, new_id, not_found
from .functions import Function, Functions, data_of

STOPPED = (api_pb2.APP_STATE_STOPPED, api_pb2.APP_STATE_STOPPING)


@dataclass
class App:
    """One app; a redeploy is a new version of it."""

    app_id: str
    name: str
    state: int
    created_at: float = field(default_factory=time.time)
    deployed_at: float = 0.0
    stopped_at: float = 0.0
    version: int = 0
    function_ids: dict[str, str] = field(default_factory=dict)
    class_ids: dict[str, str] = field(default_factory=dict)
    history: list[api_pb2.AppDeploymentHistory] = field(default_factory=list)

    def lifecycle(self) -> api_pb2.AppLifecycle:
        """When what happened to it."""
        return api_pb2.AppLifecycle(
            app_state=self.state,
            created_at=self.created_at,
            created_by=OWNER,
            deployed_at=self.deployed_at,
            deployed_by=OWNER if self.deployed_at else "",
            version=self.version,
            stopped_at=self.stopped_at,
            stopped_by=OWNER if self.stopped_at else "",
        )


class Apps:
    """All apps, and what happens on publish and stop."""

    def __init__(self, functions: Functions) -> None:
        self.functions = functions
        self.by_id: dict[str, App] = {}
        self.deployed: dict[str, str] = {}  # name -> app id
        # Set by the server: containers of older versions end, or all of an app.
        self.on_publish: Callable[[App], None] = lambda _: None
        self.on_stop: Callable[[App], None] = lambda _: None
        self.running: Callable[[str], Iterable[api_pb2.TaskStats]] = lambda _: ()

    def get(self, app_id: str) -> App:
        """An app by id."""
        if app_id not in self.by_id:
            raise not_found(f"App {app_id} not found")
        return self.by_id[app_id]

    def named(self, name: str) -> App | None:
        """The app that is deployed under a name."""
        return self.by_id.get(self.deployed.get(name, ""))

    async def app_create(
        self, request: api_pb2.AppCreateRequest, _: Caller
    ) -> api_pb2.AppCreateResponse:
        """A new app, without functions."""
        app = App(new_id("ap"), request.description, request.app_state)
        self.by_id[app.app_id] = app
        page = f"http://127.0.0.1/apps/{app.app_id}"
        return api_pb2.AppCreateResponse(
            app_id=app.app_id, app_page_url=page, app_logs_url=f"{page}/logs"
        )

    async def app_get_by_deployment_name(
        self, request: api_pb2.AppGetByDeploymentNameRequest, _: Caller
    ) -> api_pb2.AppGetByDeploymentNameResponse:
        """The app of a name, or the one that was stopped last."""
        reply = api_pb2.AppGetByDeploymentNameResponse(
            environment_name=request.environment_name or ENVIRONMENT
        )
        if app := self.named(request.name):
            reply.app_id = app.app_id
            reply.lifecycle.CopyFrom(app.lifecycle())
        elif past := [one for one in self.by_id.values() if one.name == request.name]:
            reply.previous_app_id = past[-1].app_id
            reply.lifecycle.CopyFrom(past[-1].lifecycle())
        return reply

    async def app_get_layout(
        self, request: api_pb2.AppGetLayoutRequest, _: Caller
    ) -> api_pb2.AppGetLayoutResponse:
        """The functions of an app."""
        return api_pb2.AppGetLayoutResponse(app_layout=self.layout(self.get(request.app_id)))

    def layout(self, app: App) -> api_pb2.AppLayout:
        """Functions by name, with what their handles know."""
        layout = api_pb2.AppLayout(function_ids=app.function_ids, class_ids=app.class_ids)
        for function_id in app.function_ids.values():
            handle = self.functions.handle(self.functions.get(function_id))
            layout.objects.add(object_id=function_id, function_handle_metadata=handle)
        return layout

    async def app_publish(
        self, request: api_pb2.AppPublishRequest, _: Caller
    ) -> api_pb2.AppPublishResponse:
        """New inputs meet the uploaded definitions from now on."""
        app = self.get(request.app_id)
        app.version += 1
        app.name = request.name or app.name
        app.state = request.app_state or app.state
        app.function_ids = dict(request.function_ids)
        app.class_ids = dict(request.class_ids)
        for function_id in app.function_ids.values():
            self.functions.get(function_id).publish(app.version)
        if app.state == api_pb2.APP_STATE_DEPLOYED:
            self.deployed[app.name] = app.app_id
        app.deployed_at = time.time()
        app.history.append(
            api_pb2.AppDeploymentHistory(
                app_id=app.app_id,
                version=app.version,
                client_version=request.client_version,
                deployed_at=app.deployed_at,
                deployed_by=OWNER,
                tag=request.deployment_tag,
            )
        )
        self.on_publish(app)
        url = f"http://127.0.0.1/apps/{app.app_id}"
        return api_pb2.AppPublishResponse(url=url, deployed_at=app.deployed_at)

    async def app_deployment_history(
        self, request: api_pb2.AppDeploymentHistoryRequest, _: Caller
    ) -> api_pb2.AppDeploymentHistoryResponse:
        """All versions."""
        app = self.get(request.app_id)
        return api_pb2.AppDeploymentHistoryResponse(
            app_deployment_histories=app.history, production_app_version=app.version
        )

    async def app_get_lifecycle(
        self, request: api_pb2.AppGetLifecycleRequest, _: Caller
    ) -> api_pb2.AppGetLifecycleResponse:
        """The state of an app."""
        return api_pb2.AppGetLifecycleResponse(lifecycle=self.get(request.app_id).lifecycle())

    async def app_get_info(
        self, request: api_pb2.AppGetInfoRequest, _: Caller
    ) -> api_pb2.AppGetInfoResponse:
        """``modal app info``."""
        app = self.get(request.app_id)
        return api_pb2.AppGetInfoResponse(
            info=api_pb2.AppHandleMetadata(
                description=app.name,
                app_id=app.app_id,
                environment_name=ENVIRONMENT,
                lifecycle=app.lifecycle(),
                functions=app.function_ids,
            )
        )

    async def app_list(self, request: api_pb2.AppListRequest, _: Caller) -> api_pb2.AppListResponse:
        """``modal app list``."""
        return api_pb2.AppListResponse(
            apps=[
                api_pb2.AppListResponse.AppListItem(
                    app_id=app.app_id,
                    description=app.name,
                    name=app.name,
                    state=app.state,
                    created_at=app.created_at,
                    stopped_at=app.stopped_at,
                    n_running_tasks=len(list(self.running(app.app_id))),
                )
                for app in self.by_id.values()
            ]
        )

    async def task_list(
        self, request: api_pb2.TaskListRequest, _: Caller
    ) -> api_pb2.TaskListResponse:
        """The containers of an app, or of all."""
        return api_pb2.TaskListResponse(tasks=self.running(request.app_id))

    async def app_stop(self, request: api_pb2.AppStopRequest, _: Caller) -> Empty:
        """``modal app stop``."""
        self.stop(self.get(request.app_id))
        return Empty()

    async def app_client_disconnect(
        self, request: api_pb2.AppClientDisconnectRequest, _: Caller
    ) -> Empty:
        """An ephemeral app ends with its client; a detached one stays."""
        app = self.get(request.app_id)
        if app.state in (api_pb2.APP_STATE_EPHEMERAL, api_pb2.APP_STATE_INITIALIZING):
            self.stop(app)
        return Empty()

    async def app_heartbeat(self, request: api_pb2.AppHeartbeatRequest, _: Caller) -> Empty:
        """A client is there; nothing depends on it here."""
        return Empty()

    def stop(self, app: App) -> None:
        """End an app with all its containers."""
        app.state, app.stopped_at = api_pb2.APP_STATE_STOPPED, time.time()
        if self.deployed.get(app.name) == app.app_id:
            del self.deployed[app.name]
        self.on_stop(app)

    async def function_get(
        self, request: api_pb2.FunctionGetRequest, _: Caller
    ) -> api_pb2.FunctionGetResponse:
        """``Function.from_name``."""
        place = f"environment '{request.environment_name or ENVIRONMENT}'"
        app = self.named(request.app_name)
        if app is None:
            raise not_found(f"App '{request.app_name}' not found in {place}")
        if request.object_tag not in app.function_ids:
            raise not_found(f"App '{request.app_name}' has no function '{request.object_tag}'")
        function = self._at(app.function_ids[request.object_tag], request.app_version)
        return api_pb2.FunctionGetResponse(
            function_id=function.function_id,
            handle_metadata=self.functions.handle(function),
            function=data_of(self.functions.current(function.function_id)[0]),
        )

    def _at(self, function_id: str, version: int) -> Function:
        """A function, or its variant that stays at one version."""
        function = self.functions.get(function_id)
        return self.functions.variant(function, None, pinned=version) if version else function
