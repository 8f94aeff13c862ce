"""Logging in: one request for all, tokens that run out, and no secret in any word."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from dcapi.peers.address import PeerAddress
from dcapi.peers.client import PeerClient
from dcapi.peers.directory import Peers
from dcapi.peers.errors import PeerError, PeerRefused, PeerUnavailable
from dcapi.peers.exchange import within
from dcapi.peers.remote import RemoteGroup
from tests.groups import group_values
from tests.integration.peers.conftest import PASSWORD
from tests.integration.peers.servers import (
    GROUPS,
    LOGIN,
    PeerServer,
    answer,
    cut,
    drip,
    reset,
    token_body,
)

NO_GROUPS = answer({"subcloud_peer_groups": []})
EXPIRED = answer({"error": {"code": 401, "message": "The token has run out"}}, 401)


def test_a_login_is_one_request_and_serves_every_later_call(server: PeerServer, client: PeerClient) -> None:
    server.answers[GROUPS] = NO_GROUPS
    server.answers["GET /v1/isystems"] = answer({"isystems": [{"uuid": "some-uuid", "name": "b"}]})
    client.groups()
    assert client.system_uuid() == "some-uuid"
    assert server.asked() == [LOGIN, GROUPS, "GET /v1/isystems"]
    assert client.requests == 3


def test_a_login_names_user_password_and_project_of_the_default_domain(
    server: PeerServer, client: PeerClient
) -> None:
    server.answers[GROUPS] = NO_GROUPS
    client.groups()
    login, call = server.seen
    domain = {"name": "Default"}
    assert json.loads(login.body)["auth"] == {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "admin", "password": PASSWORD, "domain": domain}},
        },
        "scope": {"project": {"name": "admin", "domain": domain}},
    }
    assert {seen.headers["user-header"] for seen in server.seen} == {"distcloud"}
    assert call.headers["x-auth-token"] == "token-1"


def test_ten_threads_on_one_client_ask_for_one_token(server: PeerServer, client: PeerClient) -> None:
    server.answers[GROUPS] = NO_GROUPS
    start = threading.Barrier(10)

    def ask(_: int) -> list[RemoteGroup]:
        start.wait(5)
        return client.groups()

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(ask, range(10))) == [[]] * 10
    assert server.logins == 1
    assert client.requests == len(server.asked()) == 11


def test_ten_threads_whose_token_ran_out_ask_for_one_new_one(server: PeerServer, client: PeerClient) -> None:
    first = threading.Barrier(10)

    def once_expired(connection: Any, seen: Any) -> None:
        if seen.headers["x-auth-token"] == "token-1":
            first.wait(5)
            EXPIRED(connection, seen)
        else:
            NO_GROUPS(connection, seen)

    server.answers[GROUPS] = once_expired
    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(lambda _: client.groups(), range(10))) == [[]] * 10
    assert server.logins == 2


def test_threads_that_wait_for_a_login_share_its_failure(server: PeerServer, hasty: PeerClient) -> None:
    server.answers[LOGIN] = drip(b"HTTP/1.1 200 OK\r\n")

    def ask(_: int) -> PeerError:
        with pytest.raises(PeerUnavailable) as failure:
            hasty.groups()
        return failure.value

    with ThreadPoolExecutor(5) as pool:
        assert len(set(pool.map(ask, range(5)))) == 5
    assert server.asked() == [LOGIN]


def test_who_gives_up_a_login_early_does_not_give_it_up_for_others(
    server: PeerServer, client: PeerClient
) -> None:
    server.answers[GROUPS] = NO_GROUPS
    in_time, first, waiting = server.answers[LOGIN], threading.Event(), threading.Event()

    def late_at_first(connection: Any, seen: Any) -> None:
        if not first.is_set():
            first.set()
            waiting.wait(5)
            drip(b"HTTP/1.1 200 OK\r\n")(connection, seen)
        else:
            in_time(connection, seen)

    def ask_in_a_hurry() -> None:
        with within(0.5), pytest.raises(PeerUnavailable):
            client.groups()

    server.answers[LOGIN] = late_at_first
    with ThreadPoolExecutor(2) as pool:
        hurried = pool.submit(ask_in_a_hurry)
        assert first.wait(5)
        patient = pool.submit(client.groups)
        waiting.set()
        hurried.result(10)
        assert patient.result(10) == []


def test_who_is_in_a_hurry_does_not_wait_for_the_login_of_another(
    server: PeerServer, client: PeerClient
) -> None:
    in_time, asked, gave_up = server.answers[LOGIN], threading.Event(), threading.Event()
    server.answers[GROUPS] = NO_GROUPS

    def late(connection: Any, seen: Any) -> None:
        asked.set()
        gave_up.wait(10)
        in_time(connection, seen)

    server.answers[LOGIN] = late
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(client.groups)
        assert asked.wait(5)
        started = time.monotonic()
        with within(0.3), pytest.raises(PeerUnavailable, match="no answer within 0"):
            client.groups()
        took = time.monotonic() - started
        gave_up.set()
        assert patient.result(10) == []
    assert took < 3
    assert server.logins == 1


def test_a_token_that_ran_out_is_renewed_once(server: PeerServer, client: PeerClient) -> None:
    answers = [NO_GROUPS, EXPIRED, NO_GROUPS]
    server.answers[GROUPS] = lambda connection, seen: answers.pop(0)(connection, seen)
    client.groups()
    client.groups()
    assert server.asked() == [LOGIN, GROUPS, GROUPS, LOGIN, GROUPS]
    assert server.last().headers["x-auth-token"] == "token-2"


def test_a_call_that_stays_unauthorized_is_refused(server: PeerServer, client: PeerClient) -> None:
    server.answers["POST /v1.0/subcloud-peer-groups"] = EXPIRED
    with pytest.raises(PeerRefused, match="answered 401: The token has run out") as refusal:
        client.create_group(group_values())
    assert (refusal.value.status, refusal.value.maybe_sent, server.logins) == (401, False, 2)


def test_a_refused_login_is_refused_and_nothing_was_sent(
    server: PeerServer, peers: Peers, address: PeerAddress
) -> None:
    client = peers.client(replace(address, login_accepted=True))
    server.answers[LOGIN] = answer({"error": {"code": 401, "message": "Wrong password"}}, 401)
    with pytest.raises(
        PeerRefused, match="login at its identity service: answered 401: Wrong password"
    ) as no:
        client.create_group(group_values())
    assert not no.value.maybe_sent
    assert server.asked() == [LOGIN]


TOKEN = {"X-Subject-Token": "token-1"}
BAD_LOGINS = {
    "empty": answer(raw=b"", status=201, headers=TOKEN),
    "no json": answer(raw=b"<html>", status=201, headers=TOKEN),
    "list": answer([], 201, TOKEN),
    "no token object": answer({"token": 5}, 201, TOKEN),
    "no header": answer(token_body([]), 201),
    "strange header": answer(token_body([]), 201, {"X-Subject-Token": "a b"}),
    "deep": answer(raw=b"[" * 100_000, status=201, headers=TOKEN),
    "redirect": answer({}, 302, {"Location": "http://elsewhere.example/v3"}),
    "html error": answer(raw=b"<h1>Forbidden</h1>", status=403),
    "empty 500": answer(raw=b"", status=500),
}


@pytest.mark.parametrize("name", BAD_LOGINS)
def test_a_login_that_makes_no_sense_is_refused(server: PeerServer, client: PeerClient, name: str) -> None:
    server.answers[LOGIN] = BAD_LOGINS[name]
    with pytest.raises(PeerRefused, match="Peer site-b: POST login at its identity service: "):
        client.groups()
    assert server.asked() == [LOGIN]


@pytest.mark.parametrize(
    "bad",
    ["ftp://127.0.0.1/v3", "http://user@127.0.0.1/v3", "http://", "127.0.0.1:5000/v3", "", "http://a b/v3"],
)
def test_a_manager_endpoint_that_cannot_be_called_is_refused(
    client_for: Callable[[str], PeerClient], bad: str
) -> None:
    with pytest.raises(PeerRefused, match="manager endpoint cannot be called"):
        client_for(bad).groups()


@pytest.mark.parametrize("stored", ["not base64!", base64.b64encode(b"\xff\xfe").decode(), "abc"])
def test_a_stored_password_that_is_no_base64_text_is_refused(
    peers: Peers, address: PeerAddress, server: PeerServer, stored: str
) -> None:
    with pytest.raises(PeerRefused, match="password is not base64") as refusal:
        peers.client(replace(address, password=stored)).groups()
    assert stored not in str(refusal.value)
    assert server.asked() == []


def test_clients_of_one_address_share_a_login_until_it_changes(
    server: PeerServer, peers: Peers, address: PeerAddress
) -> None:
    server.answers[GROUPS] = NO_GROUPS
    first, second = peers.client(address), peers.client(replace(address))
    first.groups()
    second.groups()
    assert (server.logins, first.requests, second.requests) == (1, 2, 1)
    peers.client(replace(address, gateway_address="192.168.204.103")).groups()
    assert server.logins == 2


def test_a_client_works_on_after_its_session_was_replaced(
    server: PeerServer, peers: Peers, address: PeerAddress
) -> None:
    server.answers[GROUPS] = NO_GROUPS
    client = peers.client(address)
    client.groups()
    peers.client(replace(address, name="renamed"))
    assert client.groups() == []
    peers.client(address).groups()


def test_what_the_hook_raises_goes_through_untouched(
    server: PeerServer, peers: Peers, address: PeerAddress
) -> None:
    class LeaseLost(KeyError):
        pass

    server.answers[GROUPS] = NO_GROUPS
    allowed = [True, True, False]

    def check() -> None:
        if not allowed.pop(0):
            raise LeaseLost

    client = peers.client(address, check)
    client.groups()
    with pytest.raises(LeaseLost):
        client.groups()
    assert len(server.asked()) == client.requests == 2
    allowed.append(False)
    with pytest.raises(LeaseLost):
        peers.client(replace(address, name="not logged in"), check).groups()
    assert len(server.asked()) == 2


def test_the_hook_is_called_before_a_renewed_login_and_the_second_try_too(
    server: PeerServer, peers: Peers, address: PeerAddress
) -> None:
    answers = [EXPIRED, NO_GROUPS]
    server.answers[GROUPS] = lambda connection, seen: answers.pop(0)(connection, seen)
    asked: list[int] = []
    peers.client(address, lambda: asked.append(len(server.asked()))).groups()
    assert asked == [0, 1, 2, 3]


ENCODED = base64.b64encode(PASSWORD.encode()).decode()
ECHOES = {
    "json": answer({"description": f"no: {PASSWORD} {ENCODED} token-1"}, 400),
    "html": answer(raw=f"<p>{PASSWORD} {ENCODED} token-1</p>".encode(), status=500),
    "busy": answer(raw=f"{PASSWORD} {ENCODED} token-1".encode(), status=503),
    "redirect": answer({}, 302, {"Location": "http://token-1/"}),
    "garbage": answer(raw=f"{PASSWORD} token-1".encode()),
    "reset": reset(),
    "header": cut(f"HTTP/1.1 200 OK\r\nbroken {PASSWORD} token-1\r\n\r\n".encode()),
}


@pytest.mark.parametrize("name", ECHOES)
def test_secrets_are_in_no_message_log_or_repr(
    server: PeerServer,
    peers: Peers,
    address: PeerAddress,
    name: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    client = peers.client(address)
    server.answers[GROUPS] = server.answers["PATCH /v1.0/subcloud-peer-groups/1"] = ECHOES[name]
    errors: list[PeerError] = []
    for call in (client.groups, lambda: client.update_group(1, name="edges")):
        with pytest.raises(PeerError) as failure:
            call()
        logging.getLogger("test").error("it failed", exc_info=failure.value)
        errors.append(failure.value)
    server.answers[LOGIN] = answer({"token": PASSWORD}, 400)
    with pytest.raises(PeerError) as failure:
        peers.client(replace(address, name="not logged in")).groups()
    logging.getLogger("test").error("it failed", exc_info=failure.value)
    shown = [caplog.text, *capfd.readouterr(), repr(address), repr(client), repr(vars(client))]
    for error in [*errors, failure.value]:
        shown += [str(error), repr(error), error.message, error.text, repr(error.args)]
    for secret in (PASSWORD, ENCODED, "token-1"):
        assert not [text for text in shown if secret in text]


def test_a_login_answer_that_holds_the_password_is_not_logged(
    server: PeerServer, client: PeerClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers[GROUPS] = NO_GROUPS
    server.answers[LOGIN] = answer(token_body(server.catalogue) | {"echo": PASSWORD}, 201, TOKEN)
    client.groups()
    assert PASSWORD not in caplog.text
    assert "token-1" not in caplog.text
