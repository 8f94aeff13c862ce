"""The calls of one caller on one peer, over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter
from typing import Any, TypeVar
from urllib.parse import quote

from requests import Response

from dcapi.models.states import PeerKind
from dcapi.peers import answer_shapes, errors, remote
from dcapi.peers.answer_shapes import list_of, message_of, one_of
from dcapi.peers.catalogue import MANAGER, PLATFORM, Service
from dcapi.peers.errors import PeerError, PeerRefused, unless_missing
from dcapi.peers.payload import CEDING_FORM, CEDING_UNMANAGED_FORM, SubcloudPayload
from dcapi.peers.port import PeerPort, Reference, nothing
from dcapi.peers.remote import Answer, GroupValues, RemoteAssociation, RemoteGroup, RemoteSubcloud
from dcapi.peers.retry import pause_before_retry
from dcapi.peers.session import PeerRequest, PeerSession
from dcapi.peers.translate import Call

GROUPS = "subcloud-peer-groups"
ASSOCIATIONS = "peer-group-associations"
SUBCLOUDS = "subclouds"
SYSTEM_PEERS = "system-peers"

T = TypeVar("T")

# What is asked for: how an answer has to look, and what is read from it.
Kind = tuple[answer_shapes.Shape, Callable[[Answer], T]]
SYSTEM: Kind[str] = (answer_shapes.SYSTEM, itemgetter("uuid"))
SYSTEM_PEER: Kind[int] = (answer_shapes.SYSTEM_PEER, itemgetter("id"))
GROUP: Kind[RemoteGroup] = (answer_shapes.GROUP, remote.remote_group)
ASSOCIATION: Kind[RemoteAssociation] = (answer_shapes.ASSOCIATION, remote.remote_association)
SUBCLOUD: Kind[RemoteSubcloud] = (answer_shapes.SUBCLOUD, remote.remote_subcloud)

# A call under the first name is judged there as one from another site; every other call is an operator's.
OTHER_SITE = "dcmanager/1.0"
OPERATOR = "dcapi"


class PeerClient(PeerPort):
    """One caller's view of a peer: its hook and its count of requests, over a session that is shared."""

    def __init__(self, session: PeerSession, before_request: Callable[[], None] | None = None) -> None:
        self.before_request = before_request or nothing
        self._session = session
        self._requests = 0
        self._lock = threading.Lock()

    @property
    def request_limit(self) -> float:
        return self._session.limits.request

    @property
    def requests(self) -> int:
        return self._requests

    # -- The system there --

    def kind(self) -> PeerKind:
        # With the slash at its end: what the original answers to one without is no answer to this question.
        request = self._request("GET", "")
        try:
            one_of(self._send(request), answer_shapes.VERSION_DOCUMENT, self._call(request))
        except PeerRefused as error:
            if not errors.tells_kind(error):
                raise
            return PeerKind.ORIGINAL
        return PeerKind.OURS

    def system_uuid(self) -> str:
        request = self._request("GET", "isystems", service=PLATFORM)
        uuids = self._list(request, "isystems", SYSTEM)
        if not uuids:
            raise self._call(request).senseless("one system", 200)
        return uuids[0]

    def system_peer_id(self, uuid: str) -> int | None:
        request = self._request("GET", _path(SYSTEM_PEERS, uuid))
        return unless_missing(errors.SYSTEM_PEER, lambda: self._one(request, SYSTEM_PEER))

    # -- Groups --

    def groups(self) -> list[RemoteGroup]:
        return self._list(self._request("GET", GROUPS), "subcloud_peer_groups", GROUP)

    def create_group(self, group: GroupValues) -> RemoteGroup:
        return self._one(self._request("POST", GROUPS, json=remote.creation_request(group)), GROUP)

    def update_group(self, ref: Reference, **changes: object) -> RemoteGroup:
        request = self._request("PATCH", _path(GROUPS, ref), OTHER_SITE, json=remote.group_request(changes))
        return self._one(request, GROUP)

    def delete_group(self, ref: Reference) -> None:
        self._delete(self._request("DELETE", _path(GROUPS, ref)), errors.PEER_GROUP)

    def group_subclouds(self, ref: Reference) -> list[RemoteSubcloud]:
        return self._members(self._request("GET", _path(GROUPS, ref, SUBCLOUDS)))

    def audit_group(self, ref: Reference, site_uuid: str, group_id: int, group: GroupValues) -> str | None:
        body = remote.audit_request(site_uuid, group_id, group)
        request = self._request("PATCH", _path(GROUPS, ref, "audit"), json=body)
        return message_of(self._send(request), self._call(request))

    # -- Associations --

    def associations(self) -> list[RemoteAssociation]:
        return self._list(self._request("GET", ASSOCIATIONS), "peer_group_associations", ASSOCIATION)

    def association(self, association_id: int) -> RemoteAssociation | None:
        request = self._request("GET", _path(ASSOCIATIONS, association_id))
        return unless_missing(errors.ASSOCIATION, lambda: self._one(request, ASSOCIATION))

    def create_association(self, group_id: int, system_peer_id: int) -> RemoteAssociation:
        ids = {"peer_group_id": group_id, "system_peer_id": system_peer_id}
        return self._one(self._request("POST", ASSOCIATIONS, json=ids), ASSOCIATION)

    def tell_association(self, association_id: int, sync_status: str) -> RemoteAssociation:
        body = {"sync_status": sync_status}
        return self._one(self._request("PATCH", _path(ASSOCIATIONS, association_id), json=body), ASSOCIATION)

    def delete_association(self, association_id: int) -> None:
        self._delete(self._request("DELETE", _path(ASSOCIATIONS, association_id)), errors.ASSOCIATION)

    # -- Subclouds --

    def subclouds(self) -> list[RemoteSubcloud]:
        return self._members(self._request("GET", SUBCLOUDS))

    def subcloud(self, region_name: str) -> RemoteSubcloud | None:
        request = self._request("GET", _path(SUBCLOUDS, region_name, "detail"), OTHER_SITE)
        return unless_missing(errors.SUBCLOUD, lambda: self._one(request, SUBCLOUD))

    def add_secondary(self, payload: SubcloudPayload) -> RemoteSubcloud:
        request = self._request("POST", SUBCLOUDS, OTHER_SITE, files=payload.creation_form())
        return self._one(replace(request, secrets=payload.secrets()), SUBCLOUD)

    def update_subcloud(self, region_name: str, payload: SubcloudPayload) -> RemoteSubcloud:
        path = _path(SUBCLOUDS, region_name)
        request = self._request("PATCH", path, OTHER_SITE, files=payload.update_form())
        return self._one(replace(request, secrets=payload.secrets()), SUBCLOUD)

    def cede_subcloud(self, region_name: str, *, managed: bool = True) -> RemoteSubcloud:
        form = CEDING_FORM if managed else CEDING_UNMANAGED_FORM
        request = self._request("PATCH", _path(SUBCLOUDS, region_name), OTHER_SITE, files=form)
        return self._one(request, SUBCLOUD)

    def delete_subcloud(self, name: str) -> None:
        self._delete(self._request("DELETE", _path(SUBCLOUDS, name), OTHER_SITE), errors.SUBCLOUD)

    # -- Within --

    def _request(
        self,
        method: str,
        path: str,
        user_agent: str = OPERATOR,
        *,
        service: Service = MANAGER,
        **body: Any,
    ) -> PeerRequest:
        return PeerRequest(service, method, path, user_agent, body)

    def _one(self, request: PeerRequest, kind: Kind[T]) -> T:
        shape, read = kind
        return read(one_of(self._send(request), shape, self._call(request)))

    def _list(self, request: PeerRequest, key: str, kind: Kind[T]) -> list[T]:
        shape, read = kind
        return list(map(read, list_of(self._send(request), key, shape, self._call(request))))

    def _members(self, request: PeerRequest) -> list[RemoteSubcloud]:
        return self._list(replace(request, lists_members=True), SUBCLOUDS, SUBCLOUD)

    def _delete(self, request: PeerRequest, kind: str) -> None:
        answer = unless_missing(kind, lambda: self._send(request))
        if answer is not None:
            answer_shapes.check_deleted(answer, self._call(request))

    def _call(self, request: PeerRequest) -> Call:
        return self._session.call(request)

    def _send(self, request: PeerRequest) -> Response:
        attempt = 1
        while True:
            try:
                return self._session.send(request, self._before)
            except PeerError as error:
                pause = pause_before_retry(error, attempt, request.method)
                if pause is None:
                    raise
            attempt += 1
            time.sleep(pause)

    def _before(self) -> None:
        self.before_request()
        with self._lock:
            self._requests += 1


def _path(*segments: Reference) -> str:
    return "/".join(quote(str(segment), safe="") for segment in segments)
