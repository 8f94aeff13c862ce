"""Who is asked to give a subcloud away before it is taken over."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest

from dcapi.models.states import PeerKind, RehomeStep
from dcapi.peers.address import PeerAddress
from dcapi.peers.errors import PeerUnavailable
from dcapi.sync.takeover.cede import OtherSite, RehomedThere, ask_others
from dcapi.tasks.hold import Hold
from tests.fakes.peer import FakePeer, FakePeers

ADDRESS = PeerAddress(1, "u", "site-b", "http://b/v3", "admin", "c2VjcmV0", "10.0.0.1", enabled=True)


@pytest.mark.parametrize(
    ("management", "deploy", "asked"),
    [
        ("managed", "complete", True),
        ("unmanaged", "complete", True),
        ("unmanaged", "secondary", False),
        (None, "secondary", True),
    ],
)
def test_a_site_is_asked_unless_it_says_that_it_manages_nothing(
    management: str | None, deploy: str, asked: bool
) -> None:
    peer = FakePeer()
    group = peer.site.put_group("edges", migration_status="migrating")
    values = {"management-state": management, "deploy-status": deploy, "peer_group_id": group}
    peer.site.put_subcloud("edge-1", "r", **values)
    runtime = SimpleNamespace(peers=FakePeers({1: peer}))
    hold = create_autospec(Hold, instance=True)
    assert ask_others(runtime, hold, [OtherSite(ADDRESS)], "r", RehomeStep.CEDING) is None  # type: ignore[arg-type]
    assert ("cede_subcloud" in peer.count) is asked


def test_a_site_without_the_subcloud_is_not_asked() -> None:
    peer = FakePeer()
    runtime = SimpleNamespace(peers=FakePeers({1: peer}))
    hold = create_autospec(Hold, instance=True)
    assert ask_others(runtime, hold, [OtherSite(ADDRESS)], "r", RehomeStep.CEDING) is None  # type: ignore[arg-type]
    assert peer.changes() == []


# -- An original --


def original(
    management: str | None = "managed", deploy: str = "complete", *, migrating: bool = False
) -> FakePeer:
    peer = FakePeer()
    peer.site.kind = PeerKind.ORIGINAL
    group = peer.site.put_group("edges", migration_status="migrating" if migrating else None)
    values = {"management-state": management, "deploy-status": deploy, "peer_group_id": group}
    peer.site.put_subcloud("edge-1", "r", **values)
    return peer


def ask_original(
    peer: FakePeer, step: RehomeStep = RehomeStep.CEDING, *, known_away: bool = False
) -> str | None:
    runtime = SimpleNamespace(peers=FakePeers({1: peer}))
    other = OtherSite(ADDRESS, known_away=known_away, kind=PeerKind.ORIGINAL)
    return ask_others(runtime, create_autospec(Hold, instance=True), [other], "r", step)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("management", "deploy", "asked"),
    [
        ("managed", "complete", [("r",)]),
        ("managed", "rehome-failed", [("r",)]),
        (None, "secondary", [("r",)]),
        ("unmanaged", "complete", [("r", "unmanaged already")]),
        ("unmanaged", "rehome-pending", []),
        ("unmanaged", "secondary", []),
        ("unmanaged", "rehome-failed", []),
    ],
)
def test_an_original_is_asked_to_unmanage_only_what_it_manages(
    management: str | None, deploy: str, asked: list[tuple[str, ...]]
) -> None:
    peer = original(management, deploy)
    assert ask_original(peer) is None
    assert [arguments for method, arguments in peer.calls if method == "cede_subcloud"] == asked


@pytest.mark.parametrize("deploy", ["pre-rehome", "rehoming"])
@pytest.mark.parametrize("migrating", [True, False])
def test_what_an_original_is_rehoming_is_left_to_it(deploy: str, migrating: bool) -> None:
    peer = original("unmanaged", deploy, migrating=migrating)
    with pytest.raises(RehomedThere, match=r"Site site-b is rehoming it\."):
        ask_original(peer)
    assert peer.changes() == []


def test_what_waits_to_come_online_at_an_original_that_migrates_is_left_to_it() -> None:
    peer = original("unmanaged", "complete", migrating=True)
    with pytest.raises(RehomedThere, match=r"Site site-b is rehoming it\."):
        ask_original(peer)
    assert peer.changes() == []


@pytest.mark.parametrize("step", [RehomeStep.CEDING, RehomeStep.CEDING_LAST])
@pytest.mark.parametrize("known_away", [True, False])
@pytest.mark.parametrize("call", ["subcloud", "cede_subcloud"])
def test_the_silence_of_an_original_that_answered_the_claim_lets_nothing_go(
    step: RehomeStep, known_away: bool, call: str
) -> None:
    peer = original()
    peer.fail(PeerUnavailable("Peer site-b: no answer"), on=call)
    assert ask_original(peer, step, known_away=known_away) == "Peer site-b: no answer"
