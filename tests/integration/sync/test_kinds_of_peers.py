"""What a peer is taken for: read now and then, forgotten with what it was read of."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from dcapi.models import SystemPeer
from dcapi.models.states import PeerKind
from dcapi.peers.errors import PeerUnavailable
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import audit, in_sync

BUSY = PeerUnavailable("Peer site-b: answered 503", 503)
LONG_AGO = 3600.0


@pytest.fixture
def site(site: Site) -> Site:
    site.there.kind = PeerKind.ORIGINAL
    return site


def kinds_told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "is taken for" in record.getMessage()]


def test_a_peer_is_taken_for_what_it_is_by_its_name_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    in_sync(site)
    with caplog.at_level(logging.INFO, "dcapi.sync"):
        audit(site)
        audit(site)
        site.there.kind = PeerKind.OURS
        audit(site)
        assert kinds_told(caplog) == ["peer site-b is taken for original"]
        site.change(SystemPeer, 1, kind_read_at=time.time() - LONG_AGO)
        audit(site)
        audit(site)
    assert kinds_told(caplog)[1:] == ["peer site-b is taken for dcapi"]
    assert site.peer.count["kind"] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"manager_endpoint": "http://127.0.0.1:8/v3"},
        {"peer_uuid": "99999999-2222-4333-8444-555555555555"},
        {"availability_state": "unavailable"},
    ],
)
def test_a_kind_is_forgotten_with_what_it_was_read_of(site: Site, change: dict[str, Any]) -> None:
    in_sync(site)
    audit(site)
    assert site.read(SystemPeer).kind == "original"
    site.change(SystemPeer, 1, **change)
    assert (site.read(SystemPeer).kind, site.read(SystemPeer).kind_read_at) == (None, None)


def test_a_kind_read_of_a_peer_that_was_moved_meanwhile_is_not_kept(site: Site) -> None:
    in_sync(site)
    site.peer.do(lambda: site.change(SystemPeer, 1, manager_endpoint="http://127.0.0.1:8/v3"), on="kind")
    audit(site)
    assert site.read(SystemPeer).kind is None


@pytest.mark.parametrize("known", ["dcapi", "original"])
def test_a_peer_that_does_not_tell_is_what_it_was(site: Site, known: str) -> None:
    in_sync(site)
    site.change(SystemPeer, 1, kind=known, kind_read_at=time.time() - LONG_AGO)
    site.peer.fail(BUSY, on="kind")
    audit(site)
    assert site.read(SystemPeer).kind == known
