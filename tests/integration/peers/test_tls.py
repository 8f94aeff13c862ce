"""The same wire over TLS: who vouches for a peer, and limits that hold there too."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dcapi.errors import SettingsError
from dcapi.peers.client import PeerClient
from dcapi.peers.directory import Peers
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from tests.certificates import self_signed
from tests.groups import group_values
from tests.integration.peers.conftest import HASTY, PATIENT, address_of
from tests.integration.peers.servers import GROUPS, TOKEN_PATH, PeerServer, answer, catalogue, drip

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(certificate: Path) -> Iterator[PeerServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with PeerServer(context) as server:
        yield server


@pytest.fixture
def trusting(server: PeerServer, certificate: Path) -> Iterator[PeerClient]:
    peers = Peers(replace(HASTY, PEER_CONNECT_TIMEOUT=2.0, PEER_CA_FILE=str(certificate)))
    yield peers.client(address_of(server.endpoint))
    peers.close()


def test_a_peer_is_called_over_tls_on_kept_connections(server: PeerServer, trusting: PeerClient) -> None:
    server.answers[GROUPS] = answer({"subcloud_peer_groups": []})
    for _ in range(3):
        assert trusting.groups() == []
    assert server.connections() == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(server: PeerServer, hasty: PeerClient) -> None:
    with pytest.raises(PeerRefused, match="its certificate is not trusted") as refusal:
        hasty.create_group(group_values())
    assert not refusal.value.maybe_sent
    assert server.asked() == []


@pytest.mark.parametrize("start", [b"", HEAD], ids=["head", "body"])
def test_an_answer_that_drips_over_tls_ends_at_the_limit(
    server: PeerServer, trusting: PeerClient, start: bytes
) -> None:
    server.answers[GROUPS] = drip(start)
    with pytest.raises(PeerUnavailable, match="no answer within 3 s"):
        trusting.groups()


def test_a_body_that_is_not_read_over_tls_is_given_up(server: PeerServer, trusting: PeerClient) -> None:
    server.answers[GROUPS] = answer({"subcloud_peer_groups": []})
    trusting.groups()
    server.read_later(30)
    with pytest.raises(PeerUnavailable, match="no answer within 3 s") as failure:
        trusting.create_group(group_values("x" * 8 * 1024 * 1024))
    assert failure.value.maybe_sent


def test_a_login_over_tls_is_one_request(server: PeerServer, trusting: PeerClient) -> None:
    server.answers[GROUPS] = answer({"subcloud_peer_groups": []})
    trusting.groups()
    assert server.asked() == [f"POST {TOKEN_PATH}", GROUPS]


def test_a_file_of_certificates_that_is_missing_is_told_at_the_start() -> None:
    with pytest.raises(SettingsError, match="DCAPI_PEER_CA_FILE"):
        Peers(replace(HASTY, PEER_CA_FILE="/nowhere/ca.pem"))


def test_a_file_without_certificates_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of that kind")
    with pytest.raises(SettingsError, match="DCAPI_PEER_CA_FILE"):
        Peers(replace(HASTY, PEER_CA_FILE=str(tmp_path / "ca.pem")))


def test_a_certificate_for_another_host_is_refused(server: PeerServer, certificate: Path) -> None:
    peers = Peers(replace(PATIENT, PEER_CA_FILE=str(certificate)))
    with pytest.raises(PeerRefused, match="its certificate is not trusted"):
        peers.client(address_of(f"https://localhost:{server.port}/v3")).groups()
    assert server.asked() == []
    peers.close()


def test_unchecked_tls_to_a_peer_needs_a_setting_and_is_logged(
    server: PeerServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers[GROUPS] = answer({"subcloud_peer_groups": []})
    peers = Peers(replace(PATIENT, PEER_TLS_INSECURE=True))
    assert "DCAPI_PEER_TLS_INSECURE is set" in caplog.text
    caplog.clear()
    client = peers.client(address_of(server.endpoint))
    assert "the certificate of peer site-b is not checked" in caplog.text
    assert client.groups() == client.groups() == []
    assert len(caplog.records) == 1
    peers.close()


def test_nothing_is_logged_about_peers_that_are_checked(caplog: pytest.LogCaptureFixture) -> None:
    peers = Peers(PATIENT)
    peers.client(address_of("https://127.0.0.1:1/v3"))
    assert caplog.text == ""
    peers.close()


def test_a_token_that_was_got_over_tls_does_not_travel_without(
    server: PeerServer, trusting: PeerClient, certificate: Path
) -> None:
    with PeerServer() as plain:
        server.catalogue = catalogue(plain.url)
        with pytest.raises(PeerRefused, match="it would send a token from an https"):
            trusting.groups()
        assert plain.asked() == []
        plain.answers[GROUPS] = answer({"subcloud_peer_groups": []})
        peers = Peers(replace(PATIENT, PEER_TLS_INSECURE=True))
        assert peers.client(address_of(server.endpoint)).groups() == []
        peers.close()
