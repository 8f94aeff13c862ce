"""Every request to a peer, a login too, says which request here it belongs to."""

from __future__ import annotations

import pytest

from dcapi.log import request_ids
from dcapi.peers.client import PeerClient
from tests.integration.peers.servers import GROUPS, PeerServer, answer

# As the header's name comes in.
HEADER = "x-openstack-request-id"


@pytest.fixture(autouse=True)
def _groups(server: PeerServer) -> None:
    server.answers[GROUPS] = answer({"subcloud_peer_groups": []})


def sent(server: PeerServer) -> list[str | None]:
    return [{name.lower(): text for name, text in seen.headers.items()}.get(HEADER) for seen in server.seen]


def test_request_and_login_bear_this_sites_id_not_the_senders(server: PeerServer, client: PeerClient) -> None:
    with request_ids("req-own", "req-of-the-sender"):
        client.groups()
    assert sent(server) == ["req-own", "req-own"]


def test_each_request_bears_the_id_of_its_own_cause(server: PeerServer, client: PeerClient) -> None:
    for own in ("req-first", "req-second"):
        with request_ids(own):
            client.groups()
    assert sent(server) == ["req-first", "req-first", "req-second"]


def test_what_belongs_to_no_request_bears_none(server: PeerServer, client: PeerClient) -> None:
    client.groups()
    assert sent(server) == [None, None]
