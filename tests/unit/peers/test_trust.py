"""Which hosts a peer's password and token may go to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcapi.errors import SettingsError
from dcapi.peers.trust import Trust
from dcapi.settings import Settings, settings_from

# A site that is reached from elsewhere: to it this machine is no peer.
REACHED = "0.0.0.0:8119"


def trust(hosts: str = "", *, bind: str = REACHED, **more: bool) -> Trust:
    return Trust.of(replace(Settings(), BIND=bind, PEER_ALLOWED_HOSTS=hosts, **more))  # type: ignore[arg-type]


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


LINK_LOCAL = [
    "169.254.169.254",
    "169.254.0.0",
    "169.254.255.255",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.254.169.254.",
    "[fe80::1]",
    "[febf:ffff::1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[2002:a9fe:a9fe::1]",
]
LOOPBACK = [
    "127.0.0.1",
    "127.255.255.254",
    "127.1",
    "0x7f.1",
    "017700000001",
    "2130706433",
    "0.0.0.0",  # noqa: S104 (to be called, not listened on)
    "0",
    "0x0",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:0.0.0.0]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
]
# Next to those, or names.
OTHERS = [
    "169.253.255.255",
    "169.255.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "0.0.0.1",
    "10.0.0.5",
    "[fec0::1]",
    "[::ffff:10.0.0.5]",
    "[fd01::1]",
    "0xa9fea9fe.example",
    "127.0.0.1.example",
    "localhost",
]


@pytest.mark.parametrize("host", LINK_LOCAL)
def test_a_link_local_address_is_never_called_however_it_is_written(host: str) -> None:
    for hosts, bind in (("", REACHED), ("", "127.0.0.1:8119"), (host, REACHED)):
        wrong = trust(hosts, bind=bind, PEER_LOOPBACK=True).objection(f"http://{host}:5000/v3")
        assert "link-local address: these are never called" in wrong


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_loopback_address_is_called_if_the_site_says_so(host: str) -> None:
    url = f"http://{host}:5000/v3"
    wrong = trust().objection(url)
    assert "is a loopback address" in wrong
    assert "DCAPI_PEER_LOOPBACK=true" in wrong
    assert "DCAPI_PEER_ALLOWED_HOSTS" in wrong
    assert trust(PEER_LOOPBACK=True).objection(url) == ""
    assert trust(host).objection(url) == ""
    assert trust(f"{host}:5000").objection(url) == ""
    assert trust(bind="127.0.0.1:8119").objection(url) == ""


@pytest.mark.parametrize("host", OTHERS)
def test_other_hosts_may_be_called(host: str) -> None:
    assert trust().objection(f"http://{host}:5000/v3") == ""


@pytest.mark.parametrize(
    "bind",
    ["127.0.0.1:8119", "127.8.0.1:1", "[::1]:8119", "localhost:8119", "127.1:1", "[::ffff:127.0.0.1]:1"],
)
def test_a_site_that_listens_on_loopback_calls_loopback(bind: str) -> None:
    assert trust(bind=bind).loopback


@pytest.mark.parametrize(
    "bind",
    ["0.0.0.0:8119", "[::]:8119", ":8119", "10.0.0.5:1", "0:1", "unix:/run/127.0.0.1", "site:1", "[::1:1"],
)
def test_any_other_site_does_not(bind: str) -> None:
    assert not trust(bind=bind).loopback


def test_every_address_of_a_name_is_judged_by_itself() -> None:
    judged = trust().address_objection
    assert judged("b", 5000, "10.0.0.5") == ""
    assert judged("b", 5000, "169.254.169.254").startswith("b is at 169.254.169.254, which is a link-local")
    assert judged("b", 5000, "fe80::1%2").startswith("b is at fe80::1%2, which is a link-local")
    assert judged("b", 5000, "127.0.0.1").startswith("b is at 127.0.0.1, which is a loopback address")
    assert trust("B.:5000").address_objection("b", 5000, "127.0.0.1") == ""
    assert "loopback" in trust("b:5000").address_objection("b", 5001, "127.0.0.1")
    assert "link-local" in trust("b").address_objection("b", 5000, "::ffff:169.254.1.1")


def test_a_login_over_tls_leads_to_services_over_tls() -> None:
    tls, plain = "https://b:5000/v3", "http://b:5000/v3"
    assert trust().service_objection("https://b:8119", tls) == ""
    assert trust().service_objection("http://b:8119", plain) == ""
    assert trust().service_objection("https://b:8119", plain) == ""
    assert "over http" in trust().service_objection("http://b:8119", tls)
    assert trust(PEER_TLS_INSECURE=True).service_objection("http://b:8119", tls) == ""


@pytest.mark.parametrize("host", ["b", "B.", "b."])
def test_a_catalogue_leads_to_the_host_of_its_identity_service(host: str) -> None:
    assert trust().service_objection(f"http://{host}:8119/v1.0", "http://b:5000/v3") == ""


@pytest.mark.parametrize("host", ["c", "b.c", "10.0.0.5", "[::1]", "169.254.169.254"])
def test_a_catalogue_leads_elsewhere_only_to_hosts_of_the_list(host: str) -> None:
    identity, service = "http://10.0.0.6:5000/v3", f"http://{host}:8119/v1.0"
    refused = trust(bind="127.0.0.1:1").service_objection(service, identity)
    if host != "169.254.169.254":
        assert (
            "is not the host of its identity service, 10.0.0.6: name it in DCAPI_PEER_ALLOWED_HOSTS"
            in refused
        )
        assert trust(f"10.0.0.6,{host}").service_objection(service, identity) == ""
    else:
        assert "link-local" in refused


def test_certificates_are_checked_unless_the_setting_says_a_clear_yes() -> None:
    assert Trust.of(Settings()).verify is True
    assert Trust.of(replace(Settings(), PEER_CA_FILE="/ca.pem")).verify == "/ca.pem"
    assert Trust.of(settings_from({"PEER_TLS_INSECURE": "true"})).verify is False
    with pytest.raises(SettingsError, match="PEER_TLS_INSECURE"):
        settings_from({"PEER_TLS_INSECURE": "perhaps"})
