"""What a proxy before this site says of the client, believed from trusted addresses alone."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Flask

from dcapi.auth.client_address import parsed_address
from dcapi.errors import SettingsError
from dcapi.settings import Settings

# What these headers would change: the address, the scheme and the host of a request.
HEADERS = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
)
SCHEMES = ("http", "https")
HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
# A proxy on the other end of a Unix socket has no address.
UNIX_SOCKET = "unix"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Environ = dict[str, Any]


def register(app: Flask, settings: Settings) -> None:
    """Let the application see requests as trusted proxies describe them. Raises SettingsError."""
    # What Flask documents as the place of a middleware.
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings.TRUSTED_PROXIES)  # type: ignore[method-assign]


class TrustedProxies:
    """A middleware: believes X-Forwarded-For, -Proto and -Host of trusted addresses, drops all others."""

    def __init__(self, app: Any, trusted: str) -> None:
        """``trusted``: addresses, networks and perhaps ``unix``, comma-separated. Raises SettingsError."""
        self._app = app
        words = parts_of(trusted)
        self._unix = UNIX_SOCKET in words
        self._networks = [_network(word) for word in words if word != UNIX_SOCKET]

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if self.trusts(environ.get("REMOTE_ADDR", "")):
            self._apply(environ)
        for name in HEADERS:
            environ.pop(name, None)
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer

    def trusts(self, address: str) -> bool:
        """Whether what this address says of others counts; empty: the other end of a Unix socket."""
        if not address:
            return self._unix
        known = parsed_address(address)
        return known is not None and any(known in network for network in self._networks)

    def _apply(self, environ: Environ) -> None:
        environ["REMOTE_ADDR"] = self.client_of(environ.get("REMOTE_ADDR", ""), _listed(environ, "FOR"))
        scheme = _listed(environ, "PROTO")[-1:]
        if scheme and scheme[0].lower() in SCHEMES:
            environ["wsgi.url_scheme"] = scheme[0].lower()
        host = _listed(environ, "HOST")[-1:]
        if host and HOST.fullmatch(host[0]):
            environ["HTTP_HOST"] = host[0]

    def client_of(self, address: str, forwarded: Sequence[str]) -> str:
        """The last address that no trusted proxy vouches away: what stands before it may be invented."""
        for earlier in reversed(forwarded):
            known = parsed_address(earlier)
            if not self.trusts(address) or known is None:
                break
            address = str(known)
        return address


def _listed(environ: Environ, what: str) -> list[str]:
    return parts_of(environ.get(f"HTTP_X_FORWARDED_{what}", ""))


def parts_of(text: str) -> list[str]:
    """What stands between the commas of a header."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise SettingsError(f"DCAPI_TRUSTED_PROXIES: {text!r} is neither an address nor a network") from error
