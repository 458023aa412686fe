"""Secrets, images, mounts and environments: what a function is put together from."""

from __future__ import annotations

import shlex
import string
import time
from dataclasses import dataclass, field

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .common import ENVIRONMENT, OWNER, Caller, new_id, not_found
from .knobs import Knobs

BUILDER = "2025.06"


@dataclass
class Secret:
    """Environment variables under a name, or without one."""

    secret_id: str
    name: str
    env: dict[str, str]
    created_at: float = field(default_factory=time.time)

    def metadata(self) -> api_pb2.SecretMetadata:
        """What clients may see: the keys, not the values."""
        return api_pb2.SecretMetadata(
            name=self.name,
            keys=sorted(self.env),
            environment_name=ENVIRONMENT,
            creation_info=api_pb2.CreationInfo(created_at=self.created_at, created_by=OWNER),
        )


class Secrets:
    """The secrets of the workspace."""

    def __init__(self, knobs: Knobs) -> None:
        self.knobs = knobs
        self.by_id: dict[str, Secret] = {}

    def named(self, name: str) -> Secret | None:
        """The secret of a name, unless a test hides it."""
        if name in self.knobs.missing_secrets:
            return None
        return next((one for one in self.by_id.values() if name and one.name == name), None)

    def env(self, secret_ids: list[str]) -> dict[str, str]:
        """The variables that a container gets; later secrets win."""
        merged: dict[str, str] = {}
        for secret_id in secret_ids:
            merged |= self.by_id[secret_id].env
        return merged

    def add(self, name: str, env: dict[str, str]) -> Secret:
        """Keep a new secret."""
        secret = Secret(new_id("st"), name, env)
        self.by_id[secret.secret_id] = secret
        return secret

    async def secret_get_or_create(
        self, request: api_pb2.SecretGetOrCreateRequest, _: Caller
    ) -> api_pb2.SecretGetOrCreateResponse:
        """Look a secret up, or make one, as the creation type says."""
        secret = self._look_up(request)
        if missing := sorted(set(request.required_keys) - set(secret.env)):
            raise not_found(f"Secret '{secret.name}' is missing key(s): {', '.join(missing)}")
        return api_pb2.SecretGetOrCreateResponse(
            secret_id=secret.secret_id, metadata=secret.metadata()
        )

    def _look_up(self, request: api_pb2.SecretGetOrCreateRequest) -> Secret:
        found = self.named(request.deployment_name)
        match request.object_creation_type:
            case api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
                if found is None:
                    raise not_found(
                        f"Secret '{request.deployment_name}' not found "
                        f"in environment '{request.environment_name or ENVIRONMENT}'"
                    )
                return found
            case api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS if found:
                raise GRPCError(Status.ALREADY_EXISTS, f"Secret '{found.name}' already exists")
            case api_pb2.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS if found:
                found.env = dict(request.env_dict)
                return found
            case api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING if found:
                return found
        return self.add(request.deployment_name, dict(request.env_dict))

    async def secret_get_info(
        self, request: api_pb2.SecretGetInfoRequest, _: Caller
    ) -> api_pb2.SecretGetInfoResponse:
        """The keys of a secret."""
        if request.secret_id not in self.by_id:
            raise not_found(f"Secret {request.secret_id} not found")
        return api_pb2.SecretGetInfoResponse(metadata=self.by_id[request.secret_id].metadata())

    async def secret_list(
        self, request: api_pb2.SecretListRequest, _: Caller
    ) -> api_pb2.SecretListResponse:
        """All named secrets; one page."""
        older = request.pagination.created_before or float("inf")
        items = [
            api_pb2.SecretListItem(
                label=one.name,
                secret_id=one.secret_id,
                created_at=one.created_at,
                environment_name=ENVIRONMENT,
                metadata=one.metadata(),
            )
            for one in self.by_id.values()
            if one.name and one.created_at < older
        ]
        return api_pb2.SecretListResponse(items=items[::-1], environment_name=ENVIRONMENT)

    async def secret_delete(self, request: api_pb2.SecretDeleteRequest, _: Caller) -> Empty:
        """Forget a secret."""
        self.by_id.pop(request.secret_id, None)
        return Empty()


@dataclass
class Image:
    """An image is not built here; only the variables it would set matter."""

    image_id: str
    definition: api_pb2.Image


def env_lines(commands: list[str], env: dict[str, str]) -> None:
    """Apply the ``ENV`` lines of a Dockerfile to an environment."""
    for line in commands:
        words = line.strip().split(maxsplit=1)
        if len(words) < 2 or words[0].upper() != "ENV":
            continue
        pairs = shlex.split(words[1])
        if "=" not in pairs[0]:  # the old form: ENV NAME the whole rest
            pairs = [f"{pairs[0]}={' '.join(pairs[1:])}"]
        for pair in pairs:
            name, _, value = pair.partition("=")
            env[name] = string.Template(value).safe_substitute(env)


class Images:
    """Accepts every image as if it had been built."""

    def __init__(self) -> None:
        self.by_id: dict[str, Image] = {}
        self.by_content: dict[bytes, Image] = {}

    def env(self, image_id: str, env: dict[str, str]) -> None:
        """Apply the variables of an image and, before them, of those it is built on."""
        if not (image := self.by_id.get(image_id)):
            return
        for base in image.definition.base_images:
            self.env(base.image_id, env)
        env_lines(list(image.definition.dockerfile_commands), env)

    async def image_get_or_create(
        self, request: api_pb2.ImageGetOrCreateRequest, _: Caller
    ) -> api_pb2.ImageGetOrCreateResponse:
        """The same definition is the same image, as a cached build would be."""
        content = request.image.SerializeToString(deterministic=True)
        if content not in self.by_content:
            image = Image(new_id("im"), request.image)
            self.by_content[content] = self.by_id[image.image_id] = image
        return api_pb2.ImageGetOrCreateResponse(
            image_id=self.by_content[content].image_id,
            result=api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS),
            metadata=api_pb2.ImageMetadata(image_builder_version=BUILDER),
        )


class Mounts:
    """Sets of uploaded source files with the paths they have in a container."""

    def __init__(self) -> None:
        self.files: dict[str, list[api_pb2.MountFile]] = {}

    async def mount_get_or_create(
        self, request: api_pb2.MountGetOrCreateRequest, _: Caller
    ) -> api_pb2.MountGetOrCreateResponse:
        """Modal's own mounts (the client, the Python standalone) are found by name, and empty."""
        mount_id = new_id("mo")
        self.files[mount_id] = list(request.files)
        return api_pb2.MountGetOrCreateResponse(
            mount_id=mount_id,
            handle_metadata=api_pb2.MountHandleMetadata(content_checksum_sha256_hex=mount_id),
        )


class Environments:
    """There is one environment, whatever it is called."""

    async def environment_get_or_create(
        self, request: api_pb2.EnvironmentGetOrCreateRequest, _: Caller
    ) -> api_pb2.EnvironmentGetOrCreateResponse:
        """The environment that was asked for."""
        return api_pb2.EnvironmentGetOrCreateResponse(
            environment_id="en-loopback",
            metadata=api_pb2.EnvironmentMetadata(
                name=request.deployment_name or ENVIRONMENT,
                settings=api_pb2.EnvironmentSettings(image_builder_version=BUILDER),
            ),
        )
