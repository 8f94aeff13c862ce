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
from dcapi.settings import Settings

logger = logging.getLogger(__name__)

DEFAULT_PORTS = {"http": 80, "https": 443}

# A host in its one spelling, and the port that is meant; None: any.
Place = tuple[str, int | None]


@dataclass(frozen=True)
class Trust:
    """``hosts``: where peers may be, empty for anywhere; ``ca_file``: who vouches for them, empty for the
    well-known; ``insecure``: nobody has to."""

    hosts: frozenset[Place]
    ca_file: str
    insecure: bool

    @classmethod
    def of(cls, settings: Settings) -> Trust:
        """What the settings say; raises SettingsError for hosts that cannot be read."""
        texts = [text.strip() for text in settings.PEER_ALLOWED_HOSTS.split(",") if text.strip()]
        hosts = frozenset(_place(text) for text in texts)
        return cls(hosts, settings.PEER_CA_FILE, settings.PEER_TLS_INSECURE)

    @property
    def verify(self) -> bool | str:
        """How certificates are checked, in the words of requests."""
        return False if self.insecure else (self.ca_file or True)

    def objection(self, url: str, identity_url: str = "") -> str:
        """Why nothing secret may be sent to a URL, which can be called; empty when it may.

        ``identity_url`` is where the login that led there was made.
        """
        parts = urlsplit(url)
        host, port = _canonical(parts.hostname or ""), parts.port or DEFAULT_PORTS[parts.scheme]
        if self.hosts and not {(host, None), (host, port)} & self.hosts:
            return f"{host}:{port} is not in DCAPI_PEER_ALLOWED_HOSTS"
        if parts.scheme == "http" and urlsplit(identity_url).scheme == "https" and not self.insecure:
            return "it would take a token of an https identity service over http"
        return ""

    def begin(self) -> None:
        """Say loudly when certificates are not checked; raises SettingsError when they cannot be."""
        _check_ca_file(self.ca_file)
        if self.insecure:
            # Once is enough, and these are not for the log: they come with every single request.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            logger.warning(
                "DCAPI_PEER_TLS_INSECURE is set: whoever answers in the place of a peer gets its password"
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


def _place(text: str) -> Place:
    """A host, or a host and its port; an IPv6 address with a port stands in brackets."""
    try:
        bare = ipaddress.ip_address(text)
    except ValueError:
        bare = None
    if bare is not None:
        return str(bare), None
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.netloc != text or "@" in text or text.endswith(":"):
        raise SettingsError(f"DCAPI_PEER_ALLOWED_HOSTS: {text!r} is neither HOST nor HOST:PORT")
    return _canonical(host), port


def _canonical(host: str) -> str:
    """The one spelling of a host: lower case, no dot at its end, an address as it is written shortest."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower().rstrip(".")
