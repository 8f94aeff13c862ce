"""What is shown of an endpoint that has never accepted a login: it may be anything in this network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from dcapi.api.database import db
from dcapi.models import SystemPeer
from dcapi.peers.address import PeerAddress
from dcapi.peers.directory import Peers
from dcapi.peers.errors import PeerError, PeerUnavailable
from dcapi.runtime import Runtime
from dcapi.services.system_peers import note_login
from dcapi.sync.snapshot import address_of
from tests.integration.peers.conftest import PASSWORD, PATIENT
from tests.integration.peers.servers import GROUPS, LOGIN, PeerServer, answer, cut
from tests.integration.resources.conftest import peer_values

WORD = "s3cret-of-an-inner-service"
NO_GROUPS = answer({"subcloud_peer_groups": []})
# What it answers → what may be told of that.
ANSWERS: dict[str, tuple[Any, str]] = {
    "refusal": (answer({"error": {"message": WORD}}, 401), "answered 401; what it says is not shown"),
    "page": (answer(raw=f"<h1>{WORD}</h1>".encode(), status=403), "answered 403; what it says is not shown"),
    "not now": (answer(raw=WORD.encode(), status=503), "answered 503; what it says is not shown"),
    "redirect": (answer({}, 302, {"Location": f"http://{WORD}/"}), "redirected to another place"),
    "no token": (answer({"token": WORD}, 200), "a token was expected"),
    "no HTTP": (cut(f"{WORD}\r\n".encode()), "without an answer|not HTTP|cut off"),
}


@pytest.fixture
def noted() -> list[PeerAddress]:
    return []


@pytest.fixture
def noting(noted: list[PeerAddress]) -> Iterator[Peers]:
    peers = Peers(PATIENT, noted.append)
    yield peers
    peers.close()


def failure_of(call: Callable[[], object]) -> PeerError:
    with pytest.raises(PeerError) as failure:
        call()
    return failure.value


@pytest.mark.parametrize("name", ANSWERS)
def test_an_endpoint_that_let_nobody_in_is_shown_by_its_code(
    server: PeerServer, noting: Peers, address: PeerAddress, noted: list[PeerAddress], name: str
) -> None:
    server.answers[LOGIN], told = ANSWERS[name]
    error = failure_of(noting.client(address).groups)
    assert any(each in error.message for each in told.split("|")), error.message
    assert WORD not in error.message + error.text + repr(error)
    assert noted == []


def test_an_endpoint_that_let_somebody_in_is_shown_as_it_answers(
    server: PeerServer, noting: Peers, address: PeerAddress
) -> None:
    server.answers[LOGIN], _ = ANSWERS["refusal"]
    known = replace(address, login_accepted=True)
    assert f"answered 401: {WORD}" in failure_of(noting.client(known).groups).message


def test_a_first_login_is_told_once_and_its_answers_are_shown_from_then_on(
    server: PeerServer, noting: Peers, address: PeerAddress, noted: list[PeerAddress]
) -> None:
    server.answers[GROUPS] = NO_GROUPS
    client = noting.client(address)
    client.groups()
    server.answers[GROUPS] = answer({}, 401)
    server.answers[LOGIN], _ = ANSWERS["refusal"]
    assert WORD in failure_of(client.groups).message
    assert noted == [address]


def test_a_login_that_another_process_made_counts_on_kept_connections(
    server: PeerServer, noting: Peers, address: PeerAddress, noted: list[PeerAddress]
) -> None:
    server.answers[LOGIN], _ = ANSWERS["refusal"]
    client = noting.client(address)
    assert WORD not in failure_of(client.groups).message
    noting.client(replace(address, login_accepted=True))
    assert WORD in failure_of(client.groups).message
    assert noted == []


# -- The row --


@pytest.fixture
def row(app: Flask, server: PeerServer) -> SystemPeer:
    with app.app_context():
        made = SystemPeer(**peer_values(1, manager_endpoint=server.endpoint))
        db.session.add(made)
        db.session.commit()
        db.session.refresh(made)
        db.session.expunge(made)
    return made


def is_accepted(app: Flask, **changes: str) -> bool:
    """What the row of the one peer says, once these columns were changed."""
    with app.app_context():
        peer = db.session.get_one(SystemPeer, 1)
        for name, value in changes.items():
            setattr(peer, name, value)
        db.session.commit()
        return peer.login_accepted


def test_the_row_remembers_a_first_login_until_the_endpoint_changes(
    app: Flask, runtime: Runtime, row: SystemPeer, server: PeerServer
) -> None:
    server.answers[GROUPS] = NO_GROUPS
    assert not is_accepted(app)
    runtime.peers.client(address_of(row)).groups()
    assert is_accepted(app)
    assert is_accepted(app, manager_endpoint=server.endpoint, manager_username="other", peer_name="other")
    assert not is_accepted(app, manager_endpoint=f"{server.url}/other/v3")
    # That login was somewhere else.
    note_login(runtime.unit_of_work, address_of(row))
    assert not is_accepted(app)
    with app.app_context():
        assert db.session.get_one(SystemPeer, 1).updated_at is not None


def test_a_first_login_is_no_change_that_is_dated(app: Flask, runtime: Runtime, row: SystemPeer) -> None:
    note_login(runtime.unit_of_work, address_of(row))
    with app.app_context():
        peer = db.session.get_one(SystemPeer, 1)
        assert (peer.login_accepted, peer.updated_at) == (True, None)


def test_a_login_counts_although_it_cannot_be_noted(
    app: Flask, runtime: Runtime, row: SystemPeer, server: PeerServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers[GROUPS] = NO_GROUPS

    def refuse(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE system_peer"):
            raise OperationalError(statement, None, Exception("disk full"))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", refuse)
    assert runtime.peers.client(address_of(row)).groups() == []
    event.remove(engine, "before_cursor_execute", refuse)
    assert "the first login at peer site-1 is not noted: OperationalError" in caplog.text
    assert PASSWORD not in caplog.text
    assert not is_accepted(app)


def test_a_silent_peer_is_not_noted(noting: Peers, address: PeerAddress, noted: list[PeerAddress]) -> None:
    with pytest.raises(PeerUnavailable):
        noting.client(replace(address, endpoint="http://127.0.0.1:9/v3")).groups()
    assert noted == []
