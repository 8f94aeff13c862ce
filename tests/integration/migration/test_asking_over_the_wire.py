"""The peer that a member is asked for by is read over HTTP, and may be silent anywhere on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from dcapi.models import SystemPeer
from tests.conftest import make_site
from tests.fakes.peer_site import FakeSite
from tests.integration.peers.servers import GROUPS, LOGIN, PeerServer, answer, silence
from tests.integration.subclouds.fleet import PEER_UUID, Fleet
from tests.site_client import SiteClient
from tests.subcloud_forms import form

PATIENCE = 3.0
SYSTEM = "GET /v1/isystems"
LET_GO = ("unmanaged", "rehome-pending")


@pytest.fixture
def app(prepared_instance: Path, tmp_path: Path) -> Iterator[Flask]:
    settings = {"PEER_PATIENCE_SECONDS": PATIENCE, "PEER_READ_TIMEOUT": 20.0, "PEER_CONNECT_TIMEOUT": 10.0}
    with make_site(prepared_instance, tmp_path, **settings) as site:
        yield site


@pytest.fixture
def peer() -> Iterator[PeerServer]:
    """It migrates its copy of the group."""
    there = FakeSite(PEER_UUID)
    there.put_group("harbour", priority=1, migration_status="migrating")
    with PeerServer() as server:
        server.answers[SYSTEM] = answer({"isystems": [{"uuid": PEER_UUID}]})
        server.answers[GROUPS] = answer({"subcloud_peer_groups": list(there.groups.values())})
        yield server


@pytest.fixture
def region(operator: SiteClient, other_site: SiteClient, app: Flask, peer: PeerServer) -> str:
    """The region of a member."""
    fleet = Fleet(operator, other_site, app.extensions["dcapi"])
    group = fleet.group()
    member = fleet.member("harbour")
    fleet.association(group["id"])
    with fleet.runtime.unit_of_work() as session:
        session.execute(update(SystemPeer).values(manager_endpoint=peer.endpoint))
        session.commit()
    region: str = member["region-name"]
    return region


def ask(other_site: SiteClient, region: str) -> Any:
    parts = form(management__state="unmanaged", migrate="true")
    return other_site.patch(f"/subclouds/{region}", **parts)


def test_a_member_is_let_go_after_three_requests(
    other_site: SiteClient, region: str, peer: PeerServer
) -> None:
    shown = ask(other_site, region).json
    assert (shown["management-state"], shown["deploy-status"]) == LET_GO
    assert peer.asked() == [LOGIN, SYSTEM, GROUPS]


@pytest.mark.parametrize("request_there", [LOGIN, SYSTEM, GROUPS])
def test_a_peer_that_is_silent_costs_two_patiences_and_no_thread(
    other_site: SiteClient, region: str, peer: PeerServer, request_there: str
) -> None:
    peer.answers[request_there] = silence(peer.released)
    begun = time.monotonic()
    assert ask(other_site, region).status_code == 400
    assert time.monotonic() - begun < 2 * PATIENCE + 3
    deadline = time.monotonic() + 2 * PATIENCE + 3
    while any(thread.name == "question" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_peer_that_is_silent_once_is_asked_again(
    other_site: SiteClient, region: str, peer: PeerServer
) -> None:
    answered, silent = peer.answers[LOGIN], silence(peer.released)

    def be_silent_once(connection: Any, seen: Any) -> None:
        peer.answers[LOGIN] = answered
        silent(connection, seen)

    peer.answers[LOGIN] = be_silent_once
    assert ask(other_site, region).status_code == 200
