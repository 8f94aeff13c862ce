"""The same wire over TLS: who vouches for a peer, and limits that hold there too."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dcapi.errors import SettingsError
from dcapi.peers.client import PeerClient
from dcapi.peers.directory import Peers
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from tests.integration.peers.conftest import HASTY, address_of
from tests.integration.peers.servers import TOKEN_PATH, PeerServer, answer, drip

GROUPS = "GET /v1.0/subcloud-peer-groups"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and the certificate for 127.0.0.1 that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "site-b")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "site-b.pem"
    path.write_bytes(secret + built.public_bytes(pem))
    return path


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
        hasty.create_group({"peer-group-name": "edges"})
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
        trusting.create_group({"peer-group-name": "x" * 8 * 1024 * 1024})
    assert failure.value.maybe_sent


def test_a_login_over_tls_is_one_request(server: PeerServer, trusting: PeerClient) -> None:
    server.answers[GROUPS] = answer({"subcloud_peer_groups": []})
    trusting.groups()
    assert server.asked() == [f"POST {TOKEN_PATH}", GROUPS]


def test_a_file_of_certificates_that_is_missing_is_told_at_the_start() -> None:
    with pytest.raises(SettingsError, match="DCAPI_PEER_CA_FILE"):
        Peers(replace(HASTY, PEER_CA_FILE="/nowhere/ca.pem"))
