"""Who may be told the password and the token of a peer: which hosts, and how they prove that it is they."""

from __future__ import annotations

import ipaddress
import logging
import os
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3

from dcapi.errors import SettingsError
from dcapi.peers.hosts import (
    addresses_of,
    canonical,
    is_link_local,
    is_loopback,
    listens_on_loopback,
    literal_address,
)
from dcapi.settings import Settings

logger = logging.getLogger(__name__)

DEFAULT_PORTS = {"http": 80, "https": 443}

# A host in its one spelling, and the port that is meant; None: any.
Place = tuple[str, int | None]


@dataclass(frozen=True)
class Trust:
    """Whom the settings trust.

    ``hosts``: where peers may be, empty for anywhere; ``loopback``: also at this machine; ``ca_file``: who
    vouches for them, empty for the well-known; ``insecure``: nobody has to; ``certificate``: what this site
    shows of itself, a file with it and one with its key.
    """

    hosts: frozenset[Place]
    ca_file: str
    insecure: bool
    loopback: bool
    certificate: tuple[str, str] | None

    @classmethod
    def of(cls, settings: Settings) -> Trust:
        """What the settings say; raises SettingsError for hosts that cannot be read."""
        texts = [text.strip() for text in settings.PEER_ALLOWED_HOSTS.split(",") if text.strip()]
        file = settings.PEER_CLIENT_CERTIFICATE_FILE
        return cls(
            hosts=frozenset(map(_place, texts)),
            ca_file=settings.PEER_CA_FILE,
            insecure=settings.PEER_TLS_INSECURE,
            loopback=settings.PEER_LOOPBACK or listens_on_loopback(_host_of(settings.BIND)),
            certificate=(file, settings.PEER_CLIENT_KEY_FILE or file) if file else None,
        )

    @property
    def verify(self) -> bool | str:
        """How certificates are checked, in the words of requests."""
        return False if self.insecure else (self.ca_file or True)

    def objection(self, url: str) -> str:
        """Why nothing may be sent to a URL, which can be called; empty when it may.

        Of a name, its addresses are judged when it is connected to: by ``address_objection``.
        """
        _, host, port = place_of(url)
        if self.hosts and not self._names(host, port):
            return f"{host}:{port} is not in DCAPI_PEER_ALLOWED_HOSTS"
        return "" if literal_address(host) is None else self.address_objection(host, port, host)

    def address_objection(self, host: str, port: int, address: str) -> str:
        """Why no connection may be made to an address that a host has; empty when it may."""
        host, found = canonical(host), ipaddress.ip_address(address)
        shown = address if host == canonical(address) else f"{host} is at {address}, which"
        if is_link_local(found):
            return f"{shown} is a link-local address: these are never called"
        if is_loopback(found) and not (self.loopback or self._names(host, port)):
            return (
                f"{shown} is a loopback address: set DCAPI_PEER_LOOPBACK=true, or name {host} in "
                "DCAPI_PEER_ALLOWED_HOSTS"
            )
        return ""

    def service_objection(self, url: str, identity_url: str) -> str:
        """Why no token may be sent to a service at a URL; empty when it may.

        ``identity_url`` is where the login was made whose catalogue leads there. Raises OSError when the name
        of that host cannot be resolved.
        """
        wrong = self.objection(url)
        if wrong:
            return wrong
        (scheme, host, _), (identity_scheme, identity_host, _) = place_of(url), place_of(identity_url)
        if (scheme, identity_scheme) == ("http", "https") and not self.insecure:
            return "it would send a token from an https identity service over http"
        # With a list, the host is in it.
        if self.hosts or host == identity_host or self._is_at(identity_host, host):
            return ""
        return (
            f"{host} is not the host of its identity service, {identity_host}: name it in "
            "DCAPI_PEER_ALLOWED_HOSTS"
        )

    def _is_at(self, name: str, host: str) -> bool:
        return literal_address(host) is not None and host in addresses_of(name)

    def _names(self, host: str, port: int) -> bool:
        """Whether the list of hosts names this one."""
        return bool({(host, None), (host, port)} & self.hosts)

    def begin(self) -> None:
        """Say loudly when certificates are not checked; raises SettingsError when they cannot be."""
        _check_ca_file(self.ca_file)
        if self.certificate is not None:
            _check_certificate(self.certificate)
        if self.insecure:
            # Once is enough, and these are not for the log: they come with every single request.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            logger.warning(
                "DCAPI_PEER_TLS_INSECURE is set: whoever answers in place of a peer gets its password"
            )

    def tell_of(self, name: str, url: str) -> None:
        """The same for a peer that is about to be called for the first time."""
        if self.insecure and url.startswith("https:"):
            logger.warning("the certificate of peer %s is not checked: DCAPI_PEER_TLS_INSECURE is set", name)


def _check_ca_file(path: str) -> None:
    if not path:
        return
    if not os.path.exists(path):
        raise SettingsError(f"DCAPI_PEER_CA_FILE={path!r} does not exist")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    except OSError as error:
        raise SettingsError(f"DCAPI_PEER_CA_FILE={path!r} holds no certificates: {error}") from error


def _check_certificate(certificate: tuple[str, str]) -> None:
    try:
        # With a passphrase to try it fails at once, and does not ask a terminal for one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(*certificate, password="")
    except (OSError, ValueError) as error:
        file, key = certificate
        raise SettingsError(
            f"DCAPI_PEER_CLIENT_CERTIFICATE_FILE={file!r} with the key in {key!r} cannot be used: {error}"
        ) from error


def place_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port that a URL leads to, each in its one spelling."""
    parts = urlsplit(url)
    return parts.scheme, canonical(parts.hostname or ""), parts.port or DEFAULT_PORTS[parts.scheme]


def _host_of(bind: str) -> str:
    """The host of an address to listen on; nothing that anybody could be called at for a socket's path."""
    try:
        return urlsplit(f"//{bind}").hostname or ""
    except ValueError:
        return ""


def _place(text: str) -> Place:
    """A host, or a host and its port; an IPv6 address with a port stands in brackets."""
    try:
        bare = ipaddress.ip_address(text)
    except ValueError:
        bare = None
    if bare is not None:
        return canonical(text), None
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.netloc != text or "@" in text or text.endswith(":"):
        raise SettingsError(f"DCAPI_PEER_ALLOWED_HOSTS: {text!r} is neither HOST nor HOST:PORT")
    return canonical(host), port
