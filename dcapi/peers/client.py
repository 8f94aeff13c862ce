"""The calls of one caller on one peer, over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from requests import Response

from dcapi.peers import answers
from dcapi.peers.answers import list_of, message_of, one_of
from dcapi.peers.catalogue import MANAGER, PLATFORM, Service
from dcapi.peers.errors import PeerError
from dcapi.peers.payload import CEDING_FORM, SubcloudPayload
from dcapi.peers.port import Answer, PeerPort, Reference, nothing
from dcapi.peers.retry import pause_before_retry
from dcapi.peers.session import PeerRequest, PeerSession
from dcapi.peers.translate import Call

GROUPS = "subcloud-peer-groups"
ASSOCIATIONS = "peer-group-associations"
SUBCLOUDS = "subclouds"
SYSTEM_PEERS = "system-peers"

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

    def system_uuid(self) -> str:
        request = self._request("GET", "isystems", service=PLATFORM)
        systems = list_of(self._send(request), "isystems", answers.SYSTEM, self._call(request))
        if not systems:
            raise self._call(request).senseless("one system", 200)
        uuid: str = systems[0]["uuid"]
        return uuid

    def system_peer(self, uuid: str) -> Answer:
        return self._one(self._request("GET", _path(SYSTEM_PEERS, uuid)), answers.SYSTEM_PEER)

    # -- Groups --

    def groups(self) -> list[Answer]:
        return self._list(self._request("GET", GROUPS), "subcloud_peer_groups", answers.GROUP)

    def group(self, ref: Reference) -> Answer:
        return self._one(self._request("GET", _path(GROUPS, ref)), answers.GROUP)

    def create_group(self, values: Answer) -> Answer:
        return self._one(self._request("POST", GROUPS, json=values), answers.GROUP)

    def update_group(self, ref: Reference, values: Answer) -> Answer:
        request = self._request("PATCH", _path(GROUPS, ref), OTHER_SITE, json=values)
        return self._one(request, answers.GROUP)

    def delete_group(self, ref: Reference) -> None:
        self._delete(self._request("DELETE", _path(GROUPS, ref)))

    def group_subclouds(self, ref: Reference) -> list[Answer]:
        request = self._request("GET", _path(GROUPS, ref, SUBCLOUDS))
        return self._list(request, SUBCLOUDS, answers.SUBCLOUD)

    def audit_group(self, ref: Reference, body: Answer) -> str | None:
        request = self._request("PATCH", _path(GROUPS, ref, "audit"), json=body)
        return message_of(self._send(request), self._call(request))

    # -- Associations --

    def associations(self) -> list[Answer]:
        request = self._request("GET", ASSOCIATIONS)
        return self._list(request, "peer_group_associations", answers.ASSOCIATION)

    def association(self, association_id: int) -> Answer:
        return self._one(self._request("GET", _path(ASSOCIATIONS, association_id)), answers.ASSOCIATION)

    def create_association(self, group_id: int, system_peer_id: int) -> Answer:
        ids = {"peer_group_id": group_id, "system_peer_id": system_peer_id}
        return self._one(self._request("POST", ASSOCIATIONS, json=ids), answers.ASSOCIATION)

    def tell_association(self, association_id: int, sync_status: str) -> Answer:
        body = {"sync_status": sync_status}
        request = self._request("PATCH", _path(ASSOCIATIONS, association_id), json=body)
        return self._one(request, answers.ASSOCIATION)

    def delete_association(self, association_id: int) -> None:
        self._delete(self._request("DELETE", _path(ASSOCIATIONS, association_id)))

    # -- Subclouds --

    def subclouds(self) -> list[Answer]:
        return self._list(self._request("GET", SUBCLOUDS), SUBCLOUDS, answers.SUBCLOUD)

    def subcloud(self, region_name: str) -> Answer:
        request = self._request("GET", _path(SUBCLOUDS, region_name, "detail"), OTHER_SITE)
        return self._one(request, answers.SUBCLOUD)

    def add_secondary(self, payload: SubcloudPayload) -> Answer:
        request = self._request("POST", SUBCLOUDS, OTHER_SITE, files=payload.creation_form())
        return self._one(replace(request, secrets=payload.secrets()), answers.SUBCLOUD)

    def update_subcloud(self, region_name: str, payload: SubcloudPayload) -> Answer:
        path = _path(SUBCLOUDS, region_name)
        request = self._request("PATCH", path, OTHER_SITE, files=payload.update_form())
        return self._one(replace(request, secrets=payload.secrets()), answers.SUBCLOUD)

    def cede_subcloud(self, region_name: str) -> Answer:
        request = self._request("PATCH", _path(SUBCLOUDS, region_name), OTHER_SITE, files=CEDING_FORM)
        return self._one(request, answers.SUBCLOUD)

    def delete_subcloud(self, name: str) -> None:
        self._delete(self._request("DELETE", _path(SUBCLOUDS, name), OTHER_SITE))

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

    def _one(self, request: PeerRequest, shape: answers.Shape) -> Answer:
        return one_of(self._send(request), shape, self._call(request))

    def _list(self, request: PeerRequest, key: str, shape: answers.Shape) -> list[Answer]:
        return list_of(self._send(request), key, shape, self._call(request))

    def _delete(self, request: PeerRequest) -> None:
        answers.check_deleted(self._send(request), self._call(request))

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
