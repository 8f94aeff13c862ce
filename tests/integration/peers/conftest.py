from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from pytest_httpserver import HTTPServer

from dcapi.peers.address import PeerAddress
from dcapi.peers.client import PeerClient
from dcapi.peers.directory import Peers
from dcapi.settings import Settings
from tests.integration.peers.servers import PeerServer
from tests.integration.peers.wire import Wire

PASSWORD = "Li69nux*Pass"
# For calls that are answered, on a machine that may be busy, and for calls that are not.
PATIENT = replace(Settings(), PEER_CONNECT_TIMEOUT=10.0, PEER_READ_TIMEOUT=20.0, PEER_MAX_ANSWER=1024 * 1024)
HASTY = replace(PATIENT, PEER_CONNECT_TIMEOUT=0.5, PEER_READ_TIMEOUT=1.0)


@pytest.fixture
def server() -> Iterator[PeerServer]:
    with PeerServer() as server:
        yield server


@pytest.fixture
def peers() -> Iterator[Peers]:
    peers = Peers(PATIENT)
    yield peers
    peers.close()


@pytest.fixture
def hasty_peers() -> Iterator[Peers]:
    peers = Peers(HASTY)
    yield peers
    peers.close()


@pytest.fixture
def address(server: PeerServer) -> PeerAddress:
    return address_of(server.endpoint)


@pytest.fixture
def client(peers: Peers, address: PeerAddress) -> PeerClient:
    return peers.client(address)


@pytest.fixture
def generous(address: PeerAddress) -> Iterator[PeerClient]:
    """A client that reads as much as the default settings allow."""
    peers = Peers(replace(PATIENT, PEER_MAX_ANSWER=Settings().PEER_MAX_ANSWER))
    yield peers.client(address)
    peers.close()


@pytest.fixture
def hasty(hasty_peers: Peers, address: PeerAddress) -> PeerClient:
    """A client that gives up soon."""
    return hasty_peers.client(address)


@pytest.fixture
def client_for(peers: Peers) -> Callable[[str], PeerClient]:
    return lambda endpoint: peers.client(address_of(endpoint))


@pytest.fixture
def wire(httpserver: HTTPServer) -> Wire:
    return Wire(httpserver)


@pytest.fixture
def peer(wire: Wire, httpserver: HTTPServer) -> Iterator[PeerClient]:
    """A client of a peer that answers what the test lays on the wire."""
    peers = Peers(PATIENT)
    yield peers.client(address_of(httpserver.url_for("/v3")))
    peers.close()


def address_of(endpoint: str, password: str = PASSWORD) -> PeerAddress:
    return PeerAddress(
        id=1,
        uuid="22222222-2222-2222-2222-222222222222",
        name="site-b",
        endpoint=endpoint,
        username="admin",
        password=base64.b64encode(password.encode()).decode(),
        gateway_address="192.168.204.102",
        enabled=True,
    )
