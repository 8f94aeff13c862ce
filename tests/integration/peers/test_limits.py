"""However slowly a peer answers, a request ends at its limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from dcapi.peers.client import PeerClient
from dcapi.peers.directory import Peers
from dcapi.peers.errors import PeerError, PeerRefused, PeerUnavailable
from tests.groups import group_values
from tests.integration.peers.conftest import HASTY, address_of
from tests.integration.peers.servers import (
    GROUPS,
    PeerServer,
    answer,
    drip,
    manager_at,
    silence,
    silent_listener,
)

NEW_GROUP = "POST /v1.0/subcloud-peer-groups"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
# The limit of a request in these tests is 1.5 s; what is above is this machine being busy.
IN_TIME = 5.0


def unavailable(call: Callable[[], object]) -> PeerUnavailable:
    started = time.monotonic()
    with pytest.raises(PeerUnavailable) as failure:
        call()
    assert time.monotonic() - started < IN_TIME
    return failure.value


def test_a_peer_that_never_answers_is_unavailable(server: PeerServer, hasty: PeerClient) -> None:
    server.answers[GROUPS] = silence(server.released)
    assert "GET subcloud-peer-groups: no answer within 1.5 s" in unavailable(hasty.groups).message


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 ",
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        HEAD + b"Content-Length: 100000\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n",
        HEAD + b"Connection: close\r\n\r\n",
    ],
    ids=["nothing", "status", "header", "body", "chunk", "endless body"],
)
def test_an_answer_that_drips_ends_at_the_limit(server: PeerServer, hasty: PeerClient, start: bytes) -> None:
    server.answers[GROUPS] = drip(start)
    started = time.monotonic()
    failure = unavailable(hasty.groups)
    assert "no answer within 1.5 s" in failure.message
    assert time.monotonic() - started >= hasty.request_limit


def test_interim_answers_without_end_are_cut_at_the_limit(server: PeerServer, hasty: PeerClient) -> None:
    server.answers[GROUPS] = drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n")
    assert "no answer within" in unavailable(hasty.groups).message


def test_a_login_that_drips_ends_at_the_limit(server: PeerServer, hasty: PeerClient) -> None:
    server.answers["POST /v3/auth/tokens"] = drip(HEAD)
    failure = unavailable(lambda: hasty.create_group(group_values()))
    assert not failure.maybe_sent


def test_a_peer_that_does_not_read_is_given_up(server: PeerServer, hasty: PeerClient) -> None:
    with silent_listener() as port:
        server.catalogue = [manager_at(f"http://127.0.0.1:{port}")]
        big = group_values("x" * 8 * 1024 * 1024)
        failure = unavailable(lambda: hasty.create_group(big))
        assert failure.maybe_sent


def test_a_peer_that_is_slow_to_read_has_more_than_the_time_to_connect(server: PeerServer) -> None:
    peers = Peers(replace(HASTY, PEER_READ_TIMEOUT=20.0))
    client = peers.client(address_of(server.endpoint))
    server.answers[GROUPS] = answer({"subcloud_peer_groups": []})
    client.groups()
    server.read_later(2 * HASTY.PEER_CONNECT_TIMEOUT)
    with pytest.raises(PeerRefused, match="answered 404"):
        client.create_group(group_values("x" * 8 * 1024 * 1024))
    peers.close()


def test_a_tls_handshake_that_hangs_is_given_up(hasty_peers: Peers) -> None:
    with silent_listener() as port:
        failure = unavailable(hasty_peers.client(address_of(f"https://127.0.0.1:{port}/v3")).groups)
        assert "no answer within 0.5 s" in failure.message


def test_a_post_is_sent_once_when_its_answer_is_lost(server: PeerServer, hasty: PeerClient) -> None:
    server.answers[GROUPS] = answer({"subcloud_peer_groups": []})
    server.answers[NEW_GROUP] = silence(server.released)
    hasty.groups()
    failure = unavailable(lambda: hasty.create_group(group_values()))
    assert failure.maybe_sent
    assert server.asked().count(NEW_GROUP) == 1


def test_each_thread_has_its_own_limit(server: PeerServer, hasty: PeerClient) -> None:
    server.answers[GROUPS] = drip(HEAD)
    server.answers["GET /v1.0/subclouds"] = answer({"subclouds": []})
    errors: list[PeerError] = []

    def hang() -> None:
        errors.append(unavailable(hasty.groups))

    threads = [threading.Thread(target=hang) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert hasty.subclouds() == []
    for thread in threads:
        thread.join(IN_TIME)
    assert len(errors) == 5
