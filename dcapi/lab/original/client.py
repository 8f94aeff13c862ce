"""The calls of a site on a peer."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests

from dcapi.lab.faults import CutError
from dcapi.lab.operator import Json, multipart, password_authentication
from dcapi.lab.original.failures import strike
from dcapi.lab.original.life import Life
from dcapi.lab.original.login import IDENTITY, MANAGER, PLATFORM, Login, Service
from dcapi.lab.original.record import SENT, Entry
from dcapi.lab.original.rows import PeerGroup, SystemPeer

# Names under which a site calls: some calls are those of another site, all others an ordinary client's.
OTHER_SITE = "dcmanager/1.0"
ORDINARY = "keystoneauth1/5.6.0 python-requests/2.31.0 CPython/3.9.2"

# Seconds for connecting and reading at a login, which are this machine's, and for any other answer.
LOGIN_SECONDS = 10.0
ANSWER_SECONDS = 600.0

OK, CREATED, UNAUTHORIZED, NOT_FOUND = 200, 201, 401, 404

T = TypeVar("T")


class CallError(Exception):
    """A call on a peer failed; ``code`` is 0 when there was no answer, or no login."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.code = code

    def not_found(self, kind: str) -> bool:
        return self.code == NOT_FOUND and f"{kind} not found" in self.text


# What comes of reading an answer that is not what it should be.
UNREADABLE = (LookupError, TypeError, ValueError)
CALL_ERRORS = (CallError, *UNREADABLE)


def unless_missing(kind: str, call: Callable[[], T]) -> T | None:
    """What a call returns, None when the peer says that it has no such thing."""
    try:
        return call()
    except CallError as error:
        if error.not_found(kind):
            return None
        raise


def connect(life: Life, peer_id: int) -> Client:
    """A client that is logged in at a peer, by a login that is kept if it still holds; raises CallError."""
    with life.rows() as rows:
        row = rows.peers.get(peer_id)
        if row is None:
            raise CallError(f"system peer {peer_id} is gone")
        peer = replace(row)
    client = Client(life, peer)
    client.log_in()
    return client


class Client:
    """Calls one peer.

    Every call raises CallError unless the peer answers 200, and one of CALL_ERRORS when it answers nonsense.
    """

    def __init__(self, life: Life, peer: SystemPeer) -> None:
        self._life = life
        self._peer = peer
        self._key = (peer.endpoint, peer.username, peer.password)
        self._login: Login | None = None

    # -- What is there --

    def system_uuid(self) -> str:
        return str(self._call("GET", "isystems", service=PLATFORM)["isystems"][0]["uuid"])

    def system_peer_id(self, uuid: str) -> int | None:
        """The id of the system peer that stands for a site, None where there is none."""
        found = unless_missing("System Peer", lambda: self._call("GET", f"system-peers/{uuid}"))
        return None if found is None else int(found["id"])

    def groups(self) -> list[Json]:
        return list(self._call("GET", "subcloud-peer-groups")["subcloud_peer_groups"])

    def group(self, name: str) -> Json | None:
        path = _path("subcloud-peer-groups", name)
        return unless_missing("Subcloud Peer Group", lambda: self._call("GET", path))

    def create_group(self, fields: Json) -> Json:
        return dict(self._call("POST", "subcloud-peer-groups", json=fields))

    def update_group(self, name: str, fields: Json) -> Json:
        return dict(self._call("PATCH", _path("subcloud-peer-groups", name), OTHER_SITE, json=fields))

    def audit_group(self, own_uuid: str, group: PeerGroup) -> None:
        body = {
            "id": group.id,
            "peer_group_name": group.name,
            "group_priority": group.priority,
            "group_state": group.state,
            "max_subcloud_rehoming": group.max_subcloud_rehoming,
            "system_leader_id": group.leader_id,
            "system_leader_name": group.leader_name,
            "migration_status": group.migration_status,
            "peer_uuid": own_uuid,
        }
        self._call("PATCH", _path("subcloud-peer-groups", group.name, "audit"), json=body)

    def group_subclouds(self, reference: object) -> list[Json]:
        return list(self._call("GET", _path("subcloud-peer-groups", reference, "subclouds"))["subclouds"])

    def association(self, group_id: int | None, peer_id: int) -> Json | None:
        """The association of a group and a system peer there, None where there is none."""
        listed = self._call("GET", "peer-group-associations")["peer_group_associations"]
        wanted = (group_id, peer_id)
        return next((it for it in listed if (it["peer-group-id"], it["system-peer-id"]) == wanted), None)

    def create_association(self, group_id: int, peer_id: int) -> Json:
        body = {"peer_group_id": group_id, "system_peer_id": peer_id}
        return dict(self._call("POST", "peer-group-associations", json=body))

    def tell_association(self, association_id: int, status: str) -> None:
        self._call("PATCH", f"peer-group-associations/{association_id}", json={"sync_status": status})

    # -- Subclouds --

    def subcloud(self, reference: str, *, migrating: bool) -> Json | None:
        """A subcloud there: by region name for a migration, by name for a sync; None where there is none."""
        agent = OTHER_SITE if migrating else ORDINARY
        path = _path("subclouds", reference, "detail")
        return unless_missing("Subcloud", lambda: self._call("GET", path, agent))

    def add_secondary(self, fields: Json) -> None:
        self._call("POST", "subclouds", OTHER_SITE, form=fields)

    def update_subcloud(self, region_name: str, fields: Json) -> Any:
        return self._call("PATCH", _path("subclouds", region_name), OTHER_SITE, form=fields)

    def delete_subcloud(self, name: str) -> None:
        unless_missing("Subcloud", lambda: self._call("DELETE", _path("subclouds", name), OTHER_SITE))

    # -- Logging in --

    def log_in(self) -> None:
        """Use the login that is kept, or make one."""
        with self._life.logins_lock:
            kept = self._life.logins.get(self._key)
        self._login = kept if kept is not None and self._holds(kept) else self._new_login()

    def _holds(self, login: Login) -> bool:
        root = login.root(IDENTITY) or self._peer.endpoint
        headers = {"X-Auth-Token": login.token, "X-Subject-Token": login.token}
        if login.ends_soon:
            return False
        try:
            return self._send("GET", f"{root}/auth/tokens", headers, LOGIN_SECONDS).status_code == OK
        except CallError:
            return False

    def _new_login(self) -> Login:
        password = base64.b64decode(self._peer.password).decode()
        body = password_authentication(self._peer.username, password)
        url = f"{self._peer.endpoint.rstrip('/')}/auth/tokens"
        answer = self._send("POST", url, {}, LOGIN_SECONDS, json=body)
        if answer.status_code not in (OK, CREATED):
            raise CallError(f"login answered {answer.status_code}")
        login = _login_in(answer)
        with self._life.logins_lock:
            self._life.logins[self._key] = login
        return login

    # -- One request --

    def _call(
        self,
        method: str,
        path: str,
        agent: str = ORDINARY,
        *,
        service: Service = MANAGER,
        json: Any = None,
        form: Json | None = None,
    ) -> Any:
        parts: Json = {"files": multipart(form)} if form is not None else {"json": json}
        answer = self._with_token(method, path, agent, service, parts)
        if answer.status_code == UNAUTHORIZED:
            self._login = self._new_login()
            answer = self._with_token(method, path, agent, service, parts)
        if answer.status_code != OK:
            text = answer.text
            raise CallError(f"{method} {path} answered {answer.status_code}: {text}", answer.status_code)
        try:
            return answer.json()
        except ValueError:
            raise CallError(f"{method} {path} answered no JSON") from None

    def _with_token(
        self, method: str, path: str, agent: str, service: Service, parts: Json
    ) -> requests.Response:
        assert self._login is not None
        root = self._login.root(service)
        if root is None:
            raise CallError(f"the catalogue has no {service[0]} in {service[1]}")
        headers = {"X-Auth-Token": self._login.token, "User-Agent": agent, "User-Header": "distcloud"}
        limit = self._life.switches.clock.real(ANSWER_SECONDS)
        return self._send(method, f"{root}/{path}", headers, limit, **parts)

    def _send(
        self, method: str, url: str, headers: dict[str, str], limit: float, **parts: Any
    ) -> requests.Response:
        """Send a request and note it; raises CallError without an answer, and KilledError after the end."""
        self._life.check()
        path = urlsplit(url).path
        headers = {"User-Agent": ORDINARY, **headers}
        entry = Entry(SENT, method, path, headers["User-Agent"], _noted(path, parts))
        self._life.record.note(entry)
        try:
            answer = self._exchanged(method, url, headers=headers, timeout=limit, **parts)
        except (requests.RequestException, CutError) as error:
            entry.answered(None, str(error))
            self._life.check()
            raise CallError(f"{method} {path}: no answer: {error}") from error
        entry.answered(answer.status_code, "" if answer.ok else answer.text)
        self._life.check()
        return answer

    def _exchanged(self, method: str, url: str, **parts: Any) -> requests.Response:
        fault = self._life.sending.of(method, urlsplit(url).path)
        substitute = strike(fault, method, on_answer=False)
        self._life.check()
        if substitute is None:
            with requests.Session() as session:
                # A lab talks to this machine alone, whatever proxies the environment names.
                session.trust_env = False
                answer = session.request(method, url, allow_redirects=False, **parts)
            substitute = strike(fault, method, on_answer=True)
            if substitute is None:
                return answer
        given = requests.Response()
        given.status_code, given._content = substitute.code, substitute.body
        return given


def _login_in(answer: requests.Response) -> Login:
    try:
        token = answer.json()["token"]
        return Login(answer.headers["X-Subject-Token"], token["expires_at"], token["catalog"])
    except UNREADABLE:
        raise CallError("login: the answer holds no token") from None


def _path(*segments: object) -> str:
    return "/".join(quote(str(segment), safe="") for segment in segments)


def _noted(path: str, parts: Json) -> Any:
    """The body of a request as the record shows it: a login's is left out."""
    if path.endswith("/auth/tokens"):
        return None
    if "files" in parts:
        return {name: content for name, (_, content) in parts["files"]}
    return parts.get("json")
