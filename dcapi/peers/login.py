"""Logging in at a peer: one request, one token for all threads, and the catalogue that comes with it."""

from __future__ import annotations

import contextlib
import copy
import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import requests
from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3

from dcapi.peers.adapter import Outgoing, going_out
from dcapi.peers.address import PeerAddress
from dcapi.peers.catalogue import Service, bad_url, find_public_url, versioned
from dcapi.peers.errors import PeerError, PeerRefused, PeerUnavailable
from dcapi.peers.exchange import hurry
from dcapi.peers.translate import UNRESOLVED, Call, check_success
from dcapi.peers.trust import Trust

DOMAIN = "Default"
PROJECT = "admin"
# Is told of an address that accepted its first login.
NoteLogin = Callable[[PeerAddress], None]

TOKEN = re.compile(r"[\x21-\x7e]{1,32768}")

# These write what a peer sends without looking at it: the body of a login's answer, header lines that are
# no header lines.
logging.getLogger("keystoneauth.identity").setLevel(logging.INFO)
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


def untold(_address: PeerAddress) -> None:
    """For those who remember nothing of a first login."""


@dataclass(frozen=True)
class Login:
    """A token and where it leads."""

    token: str = field(repr=False)
    catalogue: Any = field(repr=False)
    # Where it was made, and who else may see it.
    identity_url: str
    trust: Trust
    # What was found of the catalogue: a name is resolved once for that.
    _roots: dict[Service, str] = field(default_factory=dict, repr=False)

    def root(self, service: Service, call: Call) -> str:
        """Root URL of a service; raises PeerRefused when the catalogue has none that can be called.

        Raises PeerUnavailable when the host of the identity service cannot be resolved to tell that.
        """
        if service not in self._roots:
            self._roots[service] = versioned(self._url(service, call), service)
        return self._roots[service]

    def _url(self, service: Service, call: Call) -> str:
        url: Any = find_public_url(self.catalogue, service)
        wanted = f"public endpoint of type {service.kind} in region {service.region}"
        if url is None:
            raise call.refused(f"the catalogue of its identity service has no {wanted}")
        try:
            wrong = bad_url(url) or self.trust.service_objection(url, self.identity_url)
        except OSError:
            raise PeerUnavailable(call.message(UNRESOLVED), text=UNRESOLVED) from None
        if wrong:
            raise call.refused(f"the {wanted} in its catalogue cannot be called: {wrong}")
        return str(url)


class LoginKeeper:
    """The current login of one peer address; threads that wait for one share one request, or its failure."""

    def __init__(
        self, address: PeerAddress, transport: session.Session, trust: Trust, note_login: NoteLogin
    ) -> None:
        self._address = address
        # Whether this address ever accepted a login; else nothing that it says is shown.
        self.accepted = address.login_accepted
        self._note_login = note_login
        self._trust = trust
        self._transport = transport
        self._lock = threading.Lock()
        self._plugin: v3.Password | None = None
        self._login: Login | None = None
        self._failures = 0
        self._failure: PeerError | None = None

    def current(self, before_request: Callable[[], None]) -> Login:
        """A login that is not known to have run out; raises PeerError when there is none to be had."""
        seen = self._failures
        with self._turn():
            if self._login is None:
                if self._failures != seen and self._failure is not None:
                    raise copy.copy(self._failure)
                self._login = self._log_in_once(before_request)
            login = self._login
        if not self.accepted:
            self.accepted = True
            self._note_login(self._address)
        return login

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the lock; who is in a hurry waits for the login of another no longer than for its own."""
        seconds = hurry()
        if not self._lock.acquire(timeout=-1 if seconds is None else seconds):
            happened = f"no answer within {seconds:g} s"
            raise PeerUnavailable(self._call().message(happened), text=happened)
        try:
            yield
        finally:
            self._lock.release()

    def forget(self, login: Login) -> None:
        """Log in anew next time, unless this one is not the current one any more."""
        with self._turn():
            if login is self._login:
                self._login = None

    def secrets(self) -> list[str]:
        """What no message may hold."""
        login = self._login
        held = [self._address.password] + ([login.token] if login else [])
        with contextlib.suppress(PeerRefused):
            held.append(self._address.login_password())
        return held

    def _log_in_once(self, before_request: Callable[[], None]) -> Login:
        try:
            return self._log_in(before_request)
        except PeerError as failure:
            # Who gave up early says nothing to those with more patience: the next one tries for itself.
            if hurry() is None:
                self._failure = failure
                self._failures += 1
            raise

    def _call(self) -> Call:
        return Call(
            self._address.name,
            "POST",
            "login at its identity service",
            self.secrets(),
            changing=False,
            shows_answers=self.accepted,
        )

    def _log_in(self, before_request: Callable[[], None]) -> Login:
        call = self._call()
        wrong = bad_url(self._address.endpoint) or self._trust.objection(self._address.endpoint)
        if wrong:
            raise call.refused(f"its manager endpoint cannot be called: {wrong}")
        plugin = self._plugin = self._plugin or self._new_plugin()
        plugin.invalidate()
        with going_out(Outgoing(call, before_request, check_token)):
            try:
                access = plugin.get_access(self._transport)
            except exceptions.ClientException:
                failure = call.senseless("a token", 0)
            else:
                catalogue = access.service_catalog.catalog
                return Login(access.auth_token or "", catalogue, self._address.endpoint, self._trust)
        raise failure

    def _new_plugin(self) -> v3.Password:
        """Never renews by the clock: sites' clocks differ; a 401 says surely that a token has run out."""
        return v3.Password(
            auth_url=self._address.endpoint,
            username=self._address.username,
            password=self._address.login_password(),
            user_domain_name=DOMAIN,
            project_name=PROJECT,
            project_domain_name=DOMAIN,
            reauthenticate=False,
        )


def check_token(response: requests.Response, call: Call) -> None:
    """Raise PeerError unless an answer is what the identity library expects of a login."""
    check_success(response, call)
    try:
        document = orjson.loads(response.content)
    except ValueError:
        document = None
    body = document.get("token") if isinstance(document, dict) else None
    token = response.headers.get("X-Subject-Token", "")
    if not isinstance(body, dict) or not TOKEN.fullmatch(token):
        raise call.senseless("a token", response.status_code)
