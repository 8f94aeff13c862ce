"""The fake peer's own means: faults on demand, copied answers, the hook. What it answers is tested beside the
application, in ``tests/integration/peers/test_fake_and_real.py``.
"""

from __future__ import annotations

import pytest

from dcapi.peers.errors import PeerRefused, PeerUnavailable
from tests.fakes.peer import FakePeer
from tests.groups import group_values


@pytest.fixture
def peer() -> FakePeer:
    return FakePeer()


def test_a_fault_strikes_before_or_after_the_effect(peer: FakePeer) -> None:
    peer.fail(PeerUnavailable("gone"), on="create_group")
    peer.fail(PeerUnavailable("gone", maybe_sent=True), on="create_group", at=2, after=True)
    for there in (0, 1):
        with pytest.raises(PeerUnavailable):
            peer.create_group(group_values())
        assert len(peer.site.groups) == there
    with pytest.raises(PeerRefused, match="already exists"):
        peer.create_group(group_values())


def test_a_fault_strikes_at_the_nth_call_of_all_and_is_over(peer: FakePeer) -> None:
    peer.fail(PeerRefused("no", 500), at=2)
    peer.groups()
    with pytest.raises(PeerRefused):
        peer.subclouds()
    peer.subclouds()
    assert peer.count == {"groups": 1, "subclouds": 2}
    assert peer.changes() == []


def test_answers_are_copies(peer: FakePeer) -> None:
    peer.site.put_subcloud("edge-1", "r")
    before = peer.site.digest()
    peer.subclouds()[0].saved_payload["system_mode"] = "changed"
    assert peer.site.digest() == before


def test_the_hook_is_called_before_anything_happens(peer: FakePeer) -> None:
    def lost() -> None:
        raise RuntimeError("lease lost")

    peer.before_request = lost
    with pytest.raises(RuntimeError, match="lease lost"):
        peer.create_group(group_values())
    assert peer.site.groups == {}
    assert peer.requests == 0
