"""Forwarded headers change what the application sees only when a trusted proxy sends them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from dcapi.api.proxies import HEADERS, TrustedProxies
from dcapi.errors import SettingsError

ALL = {
    "HTTP_X_FORWARDED_FOR": "198.51.100.7",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "site.example:8443",
    "HTTP_X_FORWARDED_PREFIX": "/evil",
    "HTTP_FORWARDED": "for=198.51.100.7;host=evil.example",
}


def seen(trusted: str, sender: str, **headers: str) -> dict[str, Any]:
    """What the application sees of a request."""
    environ: dict[str, Any] = {}

    def app(given: dict[str, Any], _start: Any) -> Iterable[bytes]:
        environ.update(given)
        return []

    request = {"REMOTE_ADDR": sender, "wsgi.url_scheme": "http", "HTTP_HOST": "127.0.0.1:8119", **headers}
    TrustedProxies(app, trusted)(request, None)
    assert not set(HEADERS) & set(environ)
    return environ


def place(environ: dict[str, Any]) -> tuple[str, str, str]:
    return environ["REMOTE_ADDR"], environ["wsgi.url_scheme"], environ["HTTP_HOST"]


@pytest.mark.parametrize("trusted", ["", "10.0.0.1", "10.1.0.0/16", "unix"])
def test_nothing_is_believed_from_anybody_else(trusted: str) -> None:
    environ = seen(trusted, "10.0.0.2", **ALL)
    assert place(environ) == ("10.0.0.2", "http", "127.0.0.1:8119")


@pytest.mark.parametrize(
    ("trusted", "sender"),
    [
        ("10.0.0.2", "10.0.0.2"),
        ("192.0.2.1, 10.0.0.0/8", "10.0.0.2"),
        ("fd01::/64", "fd01::2"),
        ("10.0.0.2", "::ffff:10.0.0.2"),
        ("unix", ""),
    ],
)
def test_a_trusted_proxy_is_believed(trusted: str, sender: str) -> None:
    assert place(seen(trusted, sender, **ALL)) == ("198.51.100.7", "https", "site.example:8443")


def test_a_socket_without_an_address_is_not_trusted_by_itself() -> None:
    assert place(seen("10.0.0.0/8", "", **ALL)) == ("", "http", "127.0.0.1:8119")


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7, 10.0.0.3", "198.51.100.7"),
        ("203.0.113.9, nonsense, 10.0.0.3", "10.0.0.3"),
        ("10.0.0.4, 10.0.0.3", "10.0.0.4"),
        ("nonsense", "10.0.0.2"),
        (",,", "10.0.0.2"),
        ("fd02::9", "fd02::9"),
    ],
)
def test_the_client_is_the_last_that_no_trusted_proxy_stands_for(forwarded: str, client: str) -> None:
    assert seen("10.0.0.0/8", "10.0.0.2", HTTP_X_FORWARDED_FOR=forwarded)["REMOTE_ADDR"] == client


@pytest.mark.parametrize("scheme", ["javascript", "ftp", "", "https, ftp"])
def test_a_scheme_that_is_none_changes_nothing(scheme: str) -> None:
    assert seen("10.0.0.2", "10.0.0.2", HTTP_X_FORWARDED_PROTO=scheme)["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize("host", ["a b", "a/b", "a@b", "a:b", "<x>", "[fd01::2", "x:123456"])
def test_a_host_that_is_none_changes_nothing(host: str) -> None:
    assert seen("10.0.0.2", "10.0.0.2", HTTP_X_FORWARDED_HOST=host)["HTTP_HOST"] == "127.0.0.1:8119"


@pytest.mark.parametrize("trusted", ["proxy.example", "10.0.0.1/8", "*", "10.0.0.300"])
def test_proxies_that_cannot_be_read_stop_the_start(trusted: str) -> None:
    with pytest.raises(SettingsError, match="DCAPI_TRUSTED_PROXIES"):
        TrustedProxies(None, trusted)
