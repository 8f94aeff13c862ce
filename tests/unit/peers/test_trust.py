"""Which hosts a peer's password and token may go to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcapi.errors import SettingsError
from dcapi.peers.trust import Trust
from dcapi.settings import Settings, settings_from


def trust(hosts: str = "", *, insecure: bool = False) -> Trust:
    return Trust.of(replace(Settings(), PEER_ALLOWED_HOSTS=hosts, PEER_TLS_INSECURE=insecure))


@pytest.mark.parametrize("url", ["http://b:5000/v3", "https://anywhere.example", "http://[fd01::2]:5000"])
def test_without_a_list_every_host_may_be_called(url: str) -> None:
    assert trust().objection(url) == ""


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("b", "http://b:5000/v3"),
        ("b", "http://B:8119"),
        ("B.example.", "https://b.example/v3"),
        ("b.example", "https://b.example./v3"),
        ("b:5000", "http://b:5000/v3"),
        ("b:443", "https://b/v3"),
        ("b:80", "http://b"),
        ("a, b ,c", "http://b"),
        ("10.0.0.5", "http://10.0.0.5:5000"),
        ("fd01::2", "http://[fd01:0:0::2]:5000"),
        ("[fd01::2]:5000", "http://[fd01::2]:5000"),
        ("[fd01::2]", "http://[fd01::2]:8119"),
    ],
)
def test_a_host_of_the_list_may_be_called(hosts: str, url: str) -> None:
    assert trust(hosts).objection(url) == ""


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("b", "http://c:5000"),
        ("b", "http://b.evil.example"),
        ("b", "http://xb"),
        ("b:5000", "http://b:8119"),
        ("b:443", "http://b"),
        ("10.0.0.5", "http://10.0.0.50"),
        ("fd01::2", "http://[fd01::3]"),
    ],
)
def test_another_host_is_named_and_not_called(hosts: str, url: str) -> None:
    assert "is not in DCAPI_PEER_ALLOWED_HOSTS" in trust(hosts).objection(url)


@pytest.mark.parametrize(
    "hosts", ["http://b", "b:", "b:port", "b:99999", "user@b", "b/v3", "[fd01::2", "*.b ?", ":5"]
)
def test_a_list_that_cannot_be_read_stops_the_start(hosts: str) -> None:
    with pytest.raises(SettingsError, match="DCAPI_PEER_ALLOWED_HOSTS"):
        trust(hosts)


def test_a_login_over_tls_leads_to_services_over_tls() -> None:
    assert trust().objection("https://b:8119", "https://b:5000/v3") == ""
    assert trust().objection("http://b:8119", "http://b:5000/v3") == ""
    assert trust().objection("https://b:8119", "http://b:5000/v3") == ""
    assert "over http" in trust().objection("http://b:8119", "https://b:5000/v3")
    assert trust(insecure=True).objection("http://b:8119", "https://b:5000/v3") == ""


def test_certificates_are_checked_unless_the_setting_says_a_clear_yes() -> None:
    assert Trust.of(Settings()).verify is True
    assert Trust.of(replace(Settings(), PEER_CA_FILE="/ca.pem")).verify == "/ca.pem"
    assert Trust.of(settings_from({"PEER_TLS_INSECURE": "true"})).verify is False
    with pytest.raises(SettingsError, match="PEER_TLS_INSECURE"):
        settings_from({"PEER_TLS_INSECURE": "perhaps"})
