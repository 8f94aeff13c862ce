"""Requests about peer group associations. Which fields an association takes depends on its type: the service
decides that."""

from __future__ import annotations

from dcapi.models.states import SyncStatus
from dcapi.schemas.base import PatchSchema, RequestSchema
from dcapi.schemas.fields import Choice, RowId, WholeNumber
from dcapi.schemas.peer_groups import LOWEST_PRIORITY


def _priority() -> WholeNumber:
    return WholeNumber("Invalid peer_group_priority", 1, LOWEST_PRIORITY)


class AssociationCreate(RequestSchema):
    peer_group_id = RowId("Invalid peer_group_id", required=True)
    system_peer_id = RowId("Invalid system_peer_id", required=True)
    peer_group_priority = _priority()


class AssociationPatch(PatchSchema):
    peer_group_priority = _priority()
    sync_status = Choice("Invalid sync_status", SyncStatus)
