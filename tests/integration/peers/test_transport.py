"""Whatever becomes of a connection, and whatever comes over it, a call ends as one of two errors."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable

import pytest

from dcapi.peers.client import PeerClient
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from tests.groups import group_values
from tests.integration.peers.servers import (
    GROUPS,
    PeerServer,
    answer,
    cut,
    free_port,
    listener_saying,
    manager_at,
    reset,
    send,
)

MEMBERS = "GET /v1.0/subcloud-peer-groups/1/subclouds"
NEW_GROUP = "POST /v1.0/subcloud-peer-groups"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


ClientFor = Callable[[str], PeerClient]


def unavailable(call: Callable[[], object]) -> PeerUnavailable:
    with pytest.raises(PeerUnavailable) as failure:
        call()
    return failure.value


def refused(call: Callable[[], object]) -> PeerRefused:
    with pytest.raises(PeerRefused) as failure:
        call()
    return failure.value


def test_a_server_without_tls_is_refused_for_https(client_for: ClientFor) -> None:
    with listener_saying(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        failure = refused(client_for(f"https://127.0.0.1:{port}/v3").groups)
        assert "TLS could not be negotiated" in failure.message


def test_a_port_that_nobody_listens_on_is_unavailable_and_nothing_was_sent(client_for: ClientFor) -> None:
    client = client_for(f"http://127.0.0.1:{free_port()}/v3")
    failure = unavailable(lambda: client.create_group(group_values()))
    assert "connection refused" in failure.message
    assert not failure.maybe_sent
    assert client.requests == 1


def test_a_service_that_is_down_behind_a_login_was_sent_nothing(
    server: PeerServer, client: PeerClient
) -> None:
    server.catalogue = [manager_at(f"http://127.0.0.1:{free_port()}")]
    failure = unavailable(lambda: client.create_group(group_values()))
    assert "connection refused" in failure.message
    assert not failure.maybe_sent


def test_a_host_that_does_not_resolve_is_unavailable(client_for: ClientFor) -> None:
    with pytest.raises(PeerUnavailable, match="cannot be resolved"):
        client_for("http://nowhere.invalid:5000/v3").groups()


CUTS = {
    "closed": cut(),
    "reset": reset(),
    "head cut": cut(HEAD),
    "body cut": cut(HEAD + b'Content-Length: 100\r\n\r\n{"sub'),
    "chunk cut": cut(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nabc"),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_connection_that_ends_too_early_means_unavailable(
    server: PeerServer, client: PeerClient, name: str
) -> None:
    server.answers[GROUPS] = server.answers[NEW_GROUP] = CUTS[name]
    assert not unavailable(client.groups).maybe_sent
    assert unavailable(lambda: client.create_group(group_values())).maybe_sent
    assert server.asked().count(NEW_GROUP) == 1


def test_get_on_a_closed_kept_connection_is_tried_once_more(server: PeerServer, client: PeerClient) -> None:
    answers = [answer({"subcloud_peer_groups": []}), reset(), answer({"subcloud_peer_groups": []})]
    server.answers[GROUPS] = lambda connection, seen: answers.pop(0)(connection, seen)
    client.groups()
    assert client.groups() == []
    assert (client.requests, len(server.asked())) == (4, 4)


STRANGE_ANSWERS = {
    "no http": b"SSH-2.0-OpenSSH_9.6\r\n",
    "no status": b"HTTP/1.1 abc OK\r\n\r\n",
    "huge header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "endless chunk line": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 500_000,
    "bad chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
    "bad gzip": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", STRANGE_ANSWERS)
def test_what_is_no_http_is_refused(server: PeerServer, client: PeerClient, name: str) -> None:
    server.answers[GROUPS] = send(STRANGE_ANSWERS[name])
    failure = refused(client.groups)
    assert "GET subcloud-peer-groups: the answer" in failure.message


def endless(connection: socket.socket, seen: object) -> None:
    connection.sendall(HEAD + b"Connection: close\r\n\r\n")
    while True:
        connection.sendall(b" " * 65536)


BOMB = gzip.compress(b" " * 50_000_000)
TOO_LONG = {
    "ten megabytes": answer(raw=b" " * 10_500_000),
    "no end": endless,
    "headers": send(b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"x" * 60_000 + b"\r\n") * 90 + b"\r\n{}"),
    "gzip bomb": answer(raw=BOMB, headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("name", TOO_LONG)
def test_an_answer_above_the_limit_is_refused(server: PeerServer, client: PeerClient, name: str) -> None:
    server.answers[GROUPS] = TOO_LONG[name]
    assert "longer than 1048576 bytes" in refused(client.groups).message


def test_a_connection_is_kept_and_one_that_failed_is_not(server: PeerServer, client: PeerClient) -> None:
    server.answers[GROUPS] = answer({"subcloud_peer_groups": []})
    for _ in range(5):
        client.groups()
    assert server.connections() == 1
    server.answers[GROUPS] = cut(HEAD + b"Content-Length: 100\r\n\r\n")
    unavailable(client.groups)
    server.answers[GROUPS] = answer({"subcloud_peer_groups": []})
    client.groups()
    assert server.connections() == 2


def test_an_answer_that_ends_with_its_connection_is_read(server: PeerServer, client: PeerClient) -> None:
    server.answers[GROUPS] = cut(HEAD + b'Connection: close\r\n\r\n{"subcloud_peer_groups": []}')
    assert client.groups() == []


HOSTILE = b"[" + b"[]," * 1_100_000 + b"[]]"


@pytest.mark.parametrize("hostile", [HOSTILE, HOSTILE.replace(b"[]", b"{}")])
def test_an_answer_of_too_many_values_is_not_parsed(
    server: PeerServer, generous: PeerClient, hostile: bytes
) -> None:
    server.answers[GROUPS] = answer(raw=hostile)
    assert "holds more than 2000000 values" in refused(generous.groups).message


def test_only_lists_of_members_may_be_long(server: PeerServer, generous: PeerClient) -> None:
    long = answer(raw=b'{"subclouds": [], "subcloud_peer_groups": []}' + b" " * (9 * 1024 * 1024))
    server.answers[GROUPS] = server.answers[MEMBERS] = long
    assert "longer than 8388608 bytes" in refused(generous.groups).message
    assert generous.group_subclouds(1) == []
