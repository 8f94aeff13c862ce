"""Sessions with peers: connections and a login for each address, shared by all who talk to it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import requests
from keystoneauth1 import exceptions
from keystoneauth1 import session as keystone

from dcapi.peers.adapter import Outgoing, PeerAdapter, going_out
from dcapi.peers.address import PeerAddress
from dcapi.peers.catalogue import Service
from dcapi.peers.errors import PeerError
from dcapi.peers.exchange import LARGEST_OTHER, MOST_VALUES_OF_MEMBERS, Limits
from dcapi.peers.login import Login, LoginKeeper, NoteLogin, untold
from dcapi.peers.retry import ends_login
from dcapi.peers.translate import Call, check_success
from dcapi.peers.trust import Trust
from dcapi.settings import Settings

# Sessions that are kept; the one that was not used for longest goes first.
KEPT_SESSIONS = 256
EVERY_REQUEST = {"User-Header": "distcloud", "Accept": "application/json", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class PeerRequest:
    """One request to a service of a peer; ``body`` is ``json`` or ``files``, as requests takes them."""

    service: Service
    method: str
    path: str
    user_agent: str
    body: dict[str, Any] = field(default_factory=dict, repr=False)
    # Texts in the body that no message may hold.
    secrets: list[str] = field(default_factory=list, repr=False)
    # Whether the answer lists members, with all their values.
    lists_members: bool = False


class PeerSession:
    """Sends requests to the services of one peer; safe to use from many threads."""

    def __init__(self, address: PeerAddress, settings: Settings, trust: Trust, note_login: NoteLogin) -> None:
        self.address = address
        trust.tell_of(address.name, address.endpoint)
        largest = min(settings.PEER_MAX_ANSWER, max(LARGEST_OTHER, 4 * settings.MAX_YAML_LENGTH))
        self.limits = Limits(settings.PEER_CONNECT_TIMEOUT, settings.PEER_READ_TIMEOUT, largest)
        self._limits_of_members = replace(
            self.limits, answer=settings.PEER_MAX_ANSWER, values=MOST_VALUES_OF_MEMBERS
        )
        self._connections = _connections(self.limits, trust)
        self._transport = keystone.Session(
            session=self._connections,
            verify=trust.verify,
            cert=trust.certificate,
            redirect=False,
            # Else it names the program that it runs in, whatever that is.
            app_name="dcapi",
            additional_headers=dict(EVERY_REQUEST),
        )
        self._logins = LoginKeeper(address, self._transport, trust, note_login)

    def send(self, request: PeerRequest, before_request: Callable[[], None]) -> requests.Response:
        """Send one request, logging in when needed; returns the answer of a success, raises PeerError."""
        login = self._logins.current(before_request)
        try:
            return self._send(request, login, before_request)
        except PeerError as failure:
            if ends_login(failure):
                self._logins.forget(login)
            if failure.status != 401:
                raise
        # The token ran out, or the peer was made anew: once more with another one.
        return self._send(request, self._logins.current(before_request), before_request)

    def note_accepted(self) -> None:
        """Another process was let in there."""
        self._logins.accepted = True

    def close(self) -> None:
        """Close the connections that are idle; those in use end with their request."""
        self._connections.close()

    def _send(
        self, request: PeerRequest, login: Login, before_request: Callable[[], None]
    ) -> requests.Response:
        call = self.call(request, login)
        url = f"{login.root(request.service, call)}/{request.path}"
        limits = self._limits_of_members if request.lists_members else self.limits
        with going_out(Outgoing(call, before_request, check_success, limits)):
            try:
                return self._transport.request(
                    url,
                    request.method,
                    authenticated=False,
                    headers={"X-Auth-Token": login.token},
                    user_agent=request.user_agent,
                    raise_exc=False,
                    log=False,
                    **request.body,
                )
            except exceptions.ClientException:
                failure = call.refused("the request cannot be built")
        raise failure

    def call(self, request: PeerRequest, login: Login | None = None) -> Call:
        """How to speak of a request in messages, without its secrets."""
        secrets = self._logins.secrets() + request.secrets + ([login.token] if login else [])
        return Call(self.address.name, request.method, request.path, secrets)


def _connections(limits: Limits, trust: Trust) -> requests.Session:
    """Connections that take nothing from this process's surroundings: no proxies, no .netrc, no cookies."""
    connections = requests.Session()
    connections.trust_env = False
    adapter = PeerAdapter(limits, trust.address_objection)
    connections.mount("http://", adapter)
    connections.mount("https://", adapter)
    return connections


class Sessions:
    """The sessions that are kept, by system peer; one whose address changed is replaced.

    Raises SettingsError when the settings of who is trusted cannot be used.
    """

    def __init__(self, settings: Settings, note_login: NoteLogin = untold, keep: int = KEPT_SESSIONS) -> None:
        self._settings = settings
        self._note_login = note_login
        self._trust = Trust.of(settings)
        self._trust.begin()
        self._keep = keep
        self._lock = threading.Lock()
        self._sessions: OrderedDict[int, PeerSession] = OrderedDict()

    def session(self, address: PeerAddress) -> PeerSession:
        """The session with this address, made when there is none."""
        with self._lock:
            kept = self._sessions.get(address.id)
            dropped = [kept] if kept is not None and kept.address != address else []
            if kept is None or dropped:
                self._sessions[address.id] = PeerSession(
                    address, self._settings, self._trust, self._note_login
                )
            self._sessions.move_to_end(address.id)
            while len(self._sessions) > self._keep:
                dropped.append(self._sessions.popitem(last=False)[1])
            session = self._sessions[address.id]
            if address.login_accepted:
                session.note_accepted()
        for other in dropped:
            other.close()
        return session

    def close(self) -> None:
        """Close every session."""
        with self._lock:
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            session.close()
