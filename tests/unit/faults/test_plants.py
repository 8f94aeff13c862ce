"""A defect that is planted changes what the product does, not a function that nobody calls any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

import pytest

from dcapi.errors import BadRequest, Conflict
from dcapi.peers.adapter import PeerAdapter
from dcapi.peers.address import PeerAddress
from dcapi.peers.remote import RemoteGroup
from dcapi.runtime import Runtime, Site
from dcapi.services.inventory import member_request, membership
from dcapi.services.inventory.member_request import CallerKind
from dcapi.sync import asking, attributes, peer_copy
from dcapi.sync.audit import decisions, fates
from dcapi.sync.leftover import Leftover
from dcapi.sync.run import cleaning, sync
from dcapi.sync.status import Event
from dcapi.sync.takeover import cede, originals
from dcapi.sync.values.merge import Values
from dcapi.sync.values.plan import Pushed
from dcapi.tasks import leases
from dcapi.tasks.hold import Hold, LeaseLost, TakenLease, read_clocks
from tests.faults import app

REPLACED = (
    (sync, "_is_stale"),
    (Hold, "ensure"),
    (Hold, "confirm"),
    (PeerAdapter, "_answer"),
    (peer_copy.check_leader, "__code__"),
    (originals, "why_lost"),
    (cede, "_cede_by_original"),
    (membership, "CEDING_RULES"),
    (asking, "note_asked"),
    (decisions.MemberHere, "is_deletable"),
    (member_request.Situation, "manages_copy"),
)


@pytest.fixture(autouse=True)
def _product_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test find the product without a defect."""
    for owner, name in REPLACED:
        monkeypatch.setattr(owner, name, getattr(owner, name))


def test_a_function_that_the_product_has_no_more_cannot_be_replaced() -> None:
    with pytest.raises(AttributeError):
        app._replace(sync, "_was_renamed_meanwhile", app._do_nothing)


def test_a_change_during_a_run_is_seen_until_revisions_are_forgotten() -> None:
    run = cast(sync.Run, SimpleNamespace(snapshot=MagicMock(sync_asked=1, revision=4)))
    association = MagicMock(sync_asked=1, revision=5)
    assert sync._final_event(association, run, Event.RUN_ENDED_WELL) is Event.RUN_ENDED_STALE
    app.PLANTS["revision"]()
    assert sync._final_event(association, run, Event.RUN_ENDED_WELL) is Event.RUN_ENDED_WELL


@contextmanager
def unit_of_work() -> Iterator[MagicMock]:
    yield MagicMock()


PEERS = SimpleNamespace(client=lambda _: SimpleNamespace(request_limit=2.0))
RUNTIME = cast(Runtime, SimpleNamespace(unit_of_work=unit_of_work, peers=PEERS))


def lost_lease() -> Hold:
    hold = Hold(unit_of_work, TakenLease("association:1", "somebody", 3, 4.0), read_clocks(), read_clocks)
    with unit_of_work() as session:
        hold.release_in(session)
    return hold


def send_under(hold: Hold) -> None:
    leases.client_of(RUNTIME, cast(PeerAddress, None), hold).before_request()


def write_under(hold: Hold) -> None:
    with leases.transaction(RUNTIME, hold):
        pass


def test_who_lost_its_lease_neither_sends_nor_writes_until_leases_are_forgotten() -> None:
    hold = lost_lease()
    for work_under in (send_under, write_under):
        with pytest.raises(LeaseLost):
            work_under(hold)
    app.PLANTS["lease"]()
    send_under(hold)
    write_under(hold)


MEMBER = decisions.MemberHere(
    id=1,
    name="mill-1",
    region_name="7" * 32,
    in_group=True,
    managed=True,
    deploy_status="complete",
    values=Values("", "", "24.09", {}, None),
    pushed=Pushed("mill-1", "digest"),
)


def test_what_was_managed_is_let_go_until_that_is_forgotten() -> None:
    def fate() -> Any:
        outside = {MEMBER.region_name: None}
        plan = fates.plan_following([MEMBER], [], outside, primary=True, max_length=10**6)
        return plan.steps[0].fate

    assert fate() is decisions.Fate.LET_GO
    app.PLANTS["managed"]()
    assert fate() is decisions.Fate.DELETED


def test_no_copy_is_managed_until_copies_are_forgotten() -> None:
    situation = member_request.Situation(
        CallerKind.PEER,
        "unmanaged",
        "offline",
        "secondary",
        given=frozenset({"management_state"}),
        wanted_state="managed",
    )
    with pytest.raises(BadRequest):
        membership.check_update(situation)
    app.PLANTS["copy"]()
    membership.check_update(situation)


@pytest.mark.parametrize("module", [attributes, cleaning, peer_copy])
def test_another_leader_is_in_the_way_until_leaders_are_forgotten(module: Any) -> None:
    values: dict[str, Any] = {"name": "north", "priority": 1, "state": "enabled", "max_subcloud_rehoming": 10}
    group = RemoteGroup(**values, id=7, leader_id="b", leader_name="site-b")
    with pytest.raises(peer_copy.AnotherLeads):
        module.check_leader(group, Site("a", "site-a"))
    app.PLANTS["leader"]()
    module.check_leader(group, Site("a", "site-a"))


def test_a_mark_counts_for_the_one_request_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hold, "ensure", app._do_nothing)
    monkeypatch.setattr(PeerAdapter, "_answer", app._do_nothing)
    # A worker that could not start does it again.
    for _ in range(2):
        app._mark_requests()
    marks = []
    lost_lease().ensure(1.0)
    for _ in range(2):
        request: Any = SimpleNamespace(headers={})
        PeerAdapter._answer(cast(PeerAdapter, None), request, cast(Any, None))
        marks.append(request.headers[app.MARK_HEADER].rpartition(" ")[0])
    assert marks == ["association:1 3", ""]


# -- Beside an original --


def test_an_original_that_migrates_is_in_the_way_until_that_is_forgotten() -> None:
    group: Any = SimpleNamespace(is_migrating=True)
    client = MagicMock()
    client.subcloud.return_value = SimpleNamespace(deploy_status="rehoming", management_state="unmanaged")
    assert originals.why_lost("site-o", group, originals.Shown(Leftover.PERHAPS)) is not None
    with pytest.raises(cede.RehomedThere):
        cede._cede_by_original(client, "site-o", "region")
    app.PLANTS["began"]()
    assert originals.why_lost("site-o", group, originals.Shown(Leftover.PERHAPS)) is None
    cede._cede_by_original(client, "site-o", "region")


def test_a_member_that_is_migrated_here_is_kept_until_that_is_forgotten() -> None:
    situation = member_request.Situation(
        CallerKind.PEER, "unmanaged", "offline", "rehoming", is_rehoming=True, migrates=True
    )
    with pytest.raises(Conflict):
        membership.judge_ceding(situation)
    app.PLANTS["own"]()
    assert membership.judge_ceding(situation) is membership.Ceding.LOOK


def test_a_peer_that_heard_is_given_time_until_answers_are_forgotten() -> None:
    def association() -> Any:
        return SimpleNamespace(ask_mark=2, ask_heard=1, ask_tries=0, asked_at=None, ask_pause=0.0)

    asked = association()
    assert asking.note_asked(asked, 2, 10.0, heard=True) > 0
    assert not asking.is_unheard(asked)
    app.PLANTS["heard"]()
    asked = association()
    assert asking.note_asked(asked, 2, 10.0, heard=True) == 0
    assert asking.is_unheard(asked)
