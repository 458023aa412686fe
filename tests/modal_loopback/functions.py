"""Functions, their published versions, and their variants with other options."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from modal_proto import api_pb2

from .common import Caller, new_id, not_found

# Options with a value replace the function's own; these carry the same name on both sides.
SCALARS = (
    "resources",
    "retry_policy",
    "concurrency_limit",
    "timeout_secs",
    "task_idle_timeout_secs",
    "max_concurrent_inputs",
    "target_concurrent_inputs",
    "batch_max_size",
    "batch_linger_ms",
)


@dataclass
class Function:
    """One name of an app: what is published now, and what was."""

    function_id: str
    app_id: str
    tag: str
    handle: api_pb2.FunctionHandleMetadata
    created: api_pb2.Function | None = None  # uploaded, not yet published
    versions: dict[int, api_pb2.Function] = field(default_factory=dict)  # by the app's version
    base_id: str = ""  # of a variant: the function it varies
    options: api_pb2.FunctionOptions | None = None
    pinned: int = 0  # of a variant: the only version it runs
    params: bytes = b""

    def publish(self, version: int) -> None:
        """The uploaded definition is the one that new inputs meet."""
        if self.created is not None:
            self.versions[version] = self.created


def with_options(
    definition: api_pb2.Function, options: api_pb2.FunctionOptions
) -> api_pb2.Function:
    """The definition of a variant. Secrets and volumes replace, they do not add."""
    varied = api_pb2.Function()
    varied.CopyFrom(definition)
    for name in SCALARS:
        if options.HasField(name):
            value = getattr(options, name)
            if hasattr(value, "CopyFrom"):
                getattr(varied, name).CopyFrom(value)
            else:
                setattr(varied, name, value)
    if options.HasField("concurrency_limit"):
        varied.autoscaler_settings.max_containers = options.concurrency_limit
    if options.replace_secret_ids:
        varied.secret_ids[:] = options.secret_ids
    if options.replace_volume_mounts:
        del varied.volume_mounts[:]
        varied.volume_mounts.extend(options.volume_mounts)
    return varied


class Functions:
    """All functions, and the RPCs that make and find them."""

    def __init__(self) -> None:
        self.by_id: dict[str, Function] = {}

    def get(self, function_id: str) -> Function:
        """A function or a variant."""
        if function_id not in self.by_id:
            raise not_found(f"Function {function_id} not found")
        return self.by_id[function_id]

    def current(self, function_id: str) -> tuple[api_pb2.Function, int]:
        """The definition that a container started now would run, and its version."""
        function = self.get(function_id)
        base = self.by_id[function.base_id] if function.base_id else function
        version = function.pinned or max(base.versions, default=0)
        if version not in base.versions:
            raise not_found(f"Function {function_id} has no version {version}")
        definition = base.versions[version]
        if function.options is not None:
            definition = with_options(definition, function.options)
        return definition, version

    def handle(self, function: Function) -> api_pb2.FunctionHandleMetadata:
        """What a client's handle knows about a function."""
        handle = api_pb2.FunctionHandleMetadata()
        handle.CopyFrom(function.handle)
        handle.base_function_id = function.base_id
        return handle

    async def function_precreate(
        self, request: api_pb2.FunctionPrecreateRequest, _: Caller
    ) -> api_pb2.FunctionPrecreateResponse:
        """An id before the upload; a redeploy keeps the id."""
        handle = api_pb2.FunctionHandleMetadata(
            function_name=request.function_name,
            function_type=request.function_type,
            function_schema=request.function_schema,
            supported_input_formats=request.supported_input_formats,
            supported_output_formats=request.supported_output_formats,
            app_id=request.app_id,
        )
        function = self.by_id.get(request.existing_function_id) or Function(
            new_id("fu"), request.app_id, request.function_name, handle
        )
        function.handle = handle
        self.by_id[function.function_id] = function
        return api_pb2.FunctionPrecreateResponse(
            function_id=function.function_id, handle_metadata=handle
        )

    async def function_create(
        self, request: api_pb2.FunctionCreateRequest, _: Caller
    ) -> api_pb2.FunctionCreateResponse:
        """Take a definition; it runs once its app is published."""
        function = self.get(request.existing_function_id)
        ranked = request.function_data.ranked_functions
        function.created = ranked[0].function if ranked else request.function
        function.handle.definition_id = new_id("de")
        return api_pb2.FunctionCreateResponse(
            function_id=function.function_id,
            function=function.created,
            handle_metadata=self.handle(function),
            function_data=data_of(function.created),
        )

    async def function_get_by_id(
        self, request: api_pb2.FunctionGetByIdRequest, _: Caller
    ) -> api_pb2.FunctionGetByIdResponse:
        """A function by its id."""
        function = self.get(request.function_id)
        return api_pb2.FunctionGetByIdResponse(
            function=data_of(self.current(function.function_id)[0]),
            handle_metadata=self.handle(function),
        )

    def variant(
        self,
        base: Function,
        options: api_pb2.FunctionOptions | None,
        pinned: int = 0,
        params: bytes = b"",
    ) -> Function:
        """The variant of a function; the same options are the same variant, hence one pool."""
        content = options.SerializeToString(deterministic=True) if options else b""
        seed = f"{base.function_id}/{pinned}/{params.hex()}/".encode() + content
        variant_id = f"fu-{hashlib.sha256(seed).hexdigest()[:22]}"
        if variant_id not in self.by_id:
            self.by_id[variant_id] = Function(
                variant_id,
                base.app_id,
                base.tag,
                base.handle,
                base_id=base.base_id or base.function_id,
                options=options if options else base.options,
                pinned=pinned or base.pinned,
                params=params,
            )
        return self.by_id[variant_id]

    async def function_bind_params(
        self, request: api_pb2.FunctionBindParamsRequest, _: Caller
    ) -> api_pb2.FunctionBindParamsResponse:
        """``with_options``."""
        base = self.get(request.function_id)
        bound = self.variant(base, request.function_options, params=request.serialized_params)
        return api_pb2.FunctionBindParamsResponse(
            bound_function_id=bound.function_id, handle_metadata=self.handle(bound)
        )


def data_of(definition: api_pb2.Function) -> api_pb2.FunctionData:
    """A definition in the envelope that ``Function.info()`` reads."""
    return api_pb2.FunctionData(
        module_name=definition.module_name,
        function_name=definition.function_name,
        implementation_name=definition.implementation_name,
        function_type=definition.function_type,
        timeout_secs=definition.timeout_secs,
        autoscaler_settings=definition.autoscaler_settings,
        ranked_functions=[api_pb2.FunctionData.RankedFunction(rank=0, function=definition)],
    )
