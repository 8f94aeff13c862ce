"""Passwords and tokens reach the hosts that the settings allow, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from dcapi.peers.client import PeerClient
from dcapi.peers.directory import Peers
from dcapi.peers.errors import PeerRefused
from tests.groups import group_values
from tests.integration.peers.conftest import PASSWORD, PATIENT, address_of
from tests.integration.peers.servers import GROUPS, PeerServer, answer, catalogue

ClientOf = Callable[[str, str], PeerClient]


@pytest.fixture
def client_of() -> Iterator[ClientOf]:
    """A client for an endpoint, with the hosts that are allowed."""
    made: list[Peers] = []

    def make(endpoint: str, hosts: str) -> PeerClient:
        made.append(Peers(replace(PATIENT, PEER_ALLOWED_HOSTS=hosts)))
        return made[-1].client(address_of(endpoint))

    yield make
    for peers in made:
        peers.close()


@pytest.fixture
def elsewhere() -> Iterator[PeerServer]:
    """A server on another port, which would take whatever it is given."""
    with PeerServer() as server:
        server.answers[GROUPS] = answer({"subcloud_peer_groups": []})
        yield server


def test_a_peer_at_a_host_of_the_list_is_called(server: PeerServer, client_of: ClientOf) -> None:
    server.answers[GROUPS] = answer({"subcloud_peer_groups": []})
    assert client_of(server.endpoint, f"127.0.0.1:{server.port}").groups() == []


def test_an_identity_endpoint_elsewhere_gets_no_password(server: PeerServer, client_of: ClientOf) -> None:
    with pytest.raises(PeerRefused, match="not in DCAPI_PEER_ALLOWED_HOSTS") as refusal:
        client_of(server.endpoint, "site-b.example").groups()
    assert server.asked() == []
    assert PASSWORD not in refusal.value.message


def test_a_catalogue_that_leads_elsewhere_gets_no_token(
    server: PeerServer, elsewhere: PeerServer, client_of: ClientOf
) -> None:
    server.catalogue = catalogue(elsewhere.url)
    with pytest.raises(PeerRefused, match=f"127.0.0.1:{elsewhere.port} is not in DCAPI_PEER_ALLOWED_HOSTS"):
        client_of(server.endpoint, f"127.0.0.1:{server.port}").groups()
    assert elsewhere.asked() == []


def test_without_a_list_a_catalogue_leads_to_any_port_of_its_host(
    server: PeerServer, elsewhere: PeerServer, client_of: ClientOf
) -> None:
    server.catalogue = catalogue(elsewhere.url)
    assert client_of(server.endpoint, "").groups() == []
    assert elsewhere.last().headers["x-auth-token"] == "token-1"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("what", [GROUPS, "POST /v3/auth/tokens", "POST /v1.0/subcloud-peer-groups"])
def test_a_redirect_takes_nothing_to_another_host(
    server: PeerServer, elsewhere: PeerServer, client_of: ClientOf, status: int, what: str
) -> None:
    server.answers[what] = answer({}, status, {"Location": f"{elsewhere.url}/v1.0/subcloud-peer-groups"})
    client = client_of(server.endpoint, "")
    call = (
        client.groups
        if not what.endswith("groups") or what == GROUPS
        else lambda: client.create_group(group_values())
    )
    # Who has never let this site in is not quoted.
    where = "another place" if what.endswith("tokens") else "127.0.0.1"
    with pytest.raises(PeerRefused, match=re.escape(f"redirected to {where}, which is not followed")):
        call()
    assert elsewhere.asked() == []
