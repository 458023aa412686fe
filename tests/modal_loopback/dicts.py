"""Dicts: values by key that all containers of the workspace share."""

from __future__ import annotations

from dataclasses import dataclass, field

from modal_proto import api_pb2

from .common import Caller, new_id, not_found


@dataclass
class Dict:
    """Values as the client serialised them, by key as it serialised that."""

    dict_id: str
    name: str
    values: dict[bytes, bytes] = field(default_factory=dict)


class Dicts:
    """The dicts of the workspace."""

    def __init__(self) -> None:
        self.by_id: dict[str, Dict] = {}

    async def dict_get_or_create(
        self, request: api_pb2.DictGetOrCreateRequest, _: Caller
    ) -> api_pb2.DictGetOrCreateResponse:
        """Look a dict up, or make one where the client says so."""
        name = request.deployment_name
        found = next((one for one in self.by_id.values() if one.name == name), None)
        if found is None:
            if request.object_creation_type == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
                raise not_found(f"Dict '{name}' not found")
            found = Dict(new_id("di"), name)
            self.by_id[found.dict_id] = found
        return api_pb2.DictGetOrCreateResponse(
            dict_id=found.dict_id, metadata=api_pb2.DictMetadata(name=name)
        )

    async def dict_update(
        self, request: api_pb2.DictUpdateRequest, _: Caller
    ) -> api_pb2.DictUpdateResponse:
        """Put values; with ``if_not_exists`` only where the key is new, which is told."""
        values = self._known(request.dict_id).values
        new = {one.key: one.value for one in request.updates}
        created = all(key not in values for key in new)
        if created or not request.if_not_exists:
            values.update(new)
        return api_pb2.DictUpdateResponse(created=created)

    async def dict_get(self, request: api_pb2.DictGetRequest, _: Caller) -> api_pb2.DictGetResponse:
        """The value of a key."""
        value = self._known(request.dict_id).values.get(request.key)
        return api_pb2.DictGetResponse(found=value is not None, value=value)

    def _known(self, dict_id: str) -> Dict:
        if dict_id not in self.by_id:
            raise not_found(f"Dict {dict_id} not found")
        return self.by_id[dict_id]
