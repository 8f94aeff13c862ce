"""The other site runs the original: it tells nobody that it migrates a group, and asks for each member."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudEndpoint, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import PeerKind
from dcapi.peers.errors import PeerRefused
from dcapi.sync.attend import attend
from dcapi.sync.changes import ATTEND_JOB
from dcapi.tasks import leases
from tests.integration.migration.conftest import GROUP, Survivor, surviving_site
from tests.subcloud_forms import form

PATIENCE = 2.0
NO_COPY = "Another site can only update or delete a secondary subcloud."
LET_GO = ("rehome-pending", "unmanaged")
BOTH = {"management__state": "unmanaged", "migrate": "true"}
ALONE = {"migrate": "true"}

# Of a member that this site keeps, whatever is or was done with it.
KEPT = [
    "complete",
    "rehome-failed",
    "rehome-prep-failed",
    "installing",
    "configuring",
    "config-failed",
    "reconfiguring-network",
    "network-reconfiguration-failed",
]


@pytest.fixture
def site(
    prepared_instance: Path, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Survivor]:
    """It leads its group, which the other site knows by now as a secondary one."""
    settings = {"SQLALCHEMY_DATABASE_URI": database_uri, "PEER_PATIENCE_SECONDS": PATIENCE}
    with surviving_site(prepared_instance, tmp_path, monkeypatch, **settings) as made:
        uuid, name = made.runtime.site.uuid, made.runtime.site.name
        made.change(SubcloudPeerGroup, 1, group_priority=0, system_leader_id=uuid, system_leader_name=name)
        made.change(PeerGroupAssociation, 1, association_type="primary", peer_group_priority=1)
        made.there.group_named(GROUP).update(
            {"group_priority": 1, "system_leader_id": uuid, "system_leader_name": name}
        )
        yield made


def keep(site: Survivor, name: str = "edge-1", **values: Any) -> int:
    """A member that is managed here, and a copy at the other site, unless ``values`` say otherwise."""
    here = {"deploy_status": "complete", "management_state": "managed", "availability_status": "online"}
    member = site.add_member(name, **{**here, **values})
    site.there.subcloud_in(f"region-of-{name}").update(
        {"deploy-status": "secondary", "management-state": "unmanaged"}
    )
    return member


def migrate_there(site: Survivor) -> None:
    site.there.group_named(GROUP)["migration_status"] = "migrating"


def ask_for(site: Survivor, name: str = "edge-1", **parts: str) -> tuple[int, Any]:
    answer = site.other_site.patch(f"/subclouds/region-of-{name}", **form(**(parts or BOTH)))
    assert isinstance(answer.json, dict)
    return answer.status_code, answer.json


def refusal(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["description"]


def given(answer: tuple[int, Any]) -> tuple[str, str]:
    assert answer[0] == 200, answer[1]
    return answer[1]["deploy-status"], answer[1]["management-state"]


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    barrier = threading.Barrier(len(calls))

    def make(call: Callable[[], Any]) -> Any:
        barrier.wait(60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make, calls))


# -- What the list of groups there decides --


def test_member_is_let_go_at_the_first_request_of_a_peer_that_migrates(site: Survivor) -> None:
    member = keep(site)
    migrate_there(site)
    assert given(ask_for(site)) == LET_GO
    row = site.association()
    assert (site.group().migration_status, row.peer_migrates, row.unfollowed) == ("migrating", True, False)
    assert row.audit_asked == row.audit_served + 1
    assert not site.group().migrating_here
    with site.runtime.unit_of_work() as session:
        of_member = select(SubcloudEndpoint).where(SubcloudEndpoint.subcloud_id == member)
        statuses = {one.sync_status for one in session.scalars(of_member)}
    assert statuses == {"unknown"}


def test_following_members_are_let_go_without_another_look(site: Survivor) -> None:
    for name in ("edge-1", "edge-2"):
        keep(site, name)
    migrate_there(site)
    assert given(ask_for(site, "edge-1")) == LET_GO
    assert site.peer.count == {"system_uuid": 1, "groups": 1}
    site.be_away()
    assert given(ask_for(site, "edge-2")) == LET_GO
    assert site.association().audit_asked == 1


def test_peer_that_migrates_nothing_gets_no_member(site: Survivor) -> None:
    keep(site)
    for status in (None, "complete"):
        site.there.group_named(GROUP)["migration_status"] = status
        assert refusal(ask_for(site)) == (400, NO_COPY)
    assert site.standing() == ("complete", "managed")
    assert (site.group().migration_status, site.association().audit_asked) == (None, 0)
    migrate_there(site)
    begun = time.monotonic()
    assert given(ask_for(site)) == LET_GO
    assert time.monotonic() - begun < 1


def test_group_that_has_another_name_there_is_known_by_its_id(site: Survivor) -> None:
    keep(site)
    migrate_there(site)
    there = site.there.group_named(GROUP)
    there["peer_group_name"] = "trams"
    [association] = site.there.associations
    site.change(PeerGroupAssociation, 1, remote_group_id=there["id"], remote_association_id=association)
    assert given(ask_for(site)) == LET_GO


def test_another_primary_group_of_the_name_proves_nothing(site: Survivor) -> None:
    keep(site)
    migrate_there(site)
    site.there.group_named(GROUP)["group_priority"] = 0
    assert refusal(ask_for(site)) == (400, NO_COPY)


def test_another_system_in_the_place_of_the_peer_proves_nothing(site: Survivor) -> None:
    keep(site)
    migrate_there(site)
    site.there.uuid = "99999999-2222-4333-8444-555555555555"
    assert refusal(ask_for(site)) == (400, NO_COPY)
    assert "groups" not in site.peer.count


def test_a_peer_that_is_disabled_is_not_read(site: Survivor) -> None:
    keep(site)
    migrate_there(site)
    site.change(SystemPeer, 1, administrative_state="disabled")
    assert refusal(ask_for(site)) == (400, NO_COPY)
    assert site.peer.calls == []


def wait_for(event: threading.Event) -> None:
    event.wait(20)


# -- A peer that cannot be read --


@pytest.mark.parametrize("call", ["system_uuid", "groups"])
def test_a_peer_that_fails_once_is_read_again(site: Survivor, call: str) -> None:
    keep(site)
    migrate_there(site)
    site.peer.fail(PeerRefused("Peer site-a: answered 500", 500, "broken"), on=call)
    assert given(ask_for(site)) == LET_GO


def test_a_peer_that_is_silent_once_is_read_again(site: Survivor) -> None:
    keep(site)
    migrate_there(site)
    heard = threading.Event()
    site.peer.do(partial(wait_for, heard), on="groups", at=1)
    assert given(ask_for(site)) == LET_GO
    heard.set()


def test_member_is_kept_when_the_peer_is_away(site: Survivor) -> None:
    keep(site)
    migrate_there(site)
    site.be_away()
    assert refusal(ask_for(site)) == (400, NO_COPY)
    assert site.peer.count == {"system_uuid": 2}
    assert site.standing() == ("complete", "managed")
    assert site.association().audit_asked == 0


def test_member_is_kept_when_the_peer_stays_silent_and_the_answer_comes_in_time(site: Survivor) -> None:
    keep(site)
    migrate_there(site)
    heard = threading.Event()
    site.peer.do(partial(wait_for, heard), on="groups", times=None)
    begun = time.monotonic()
    assert refusal(ask_for(site)) == (400, NO_COPY)
    assert 2 * PATIENCE <= time.monotonic() - begun < 2 * PATIENCE + 5
    heard.set()
    assert site.standing() == ("complete", "managed")


# -- What is let go, and from where --


@pytest.mark.parametrize("status", KEPT)
def test_a_member_is_let_go_from_every_state_that_this_site_keeps(site: Survivor, status: str) -> None:
    keep(site, deploy_status=status)
    migrate_there(site)
    assert given(ask_for(site)) == LET_GO
    assert site.standing() == LET_GO


@pytest.mark.parametrize("status", KEPT)
def test_an_unmanaged_member_is_asked_for_by_one_field(site: Survivor, status: str) -> None:
    keep(site, deploy_status=status, management_state="unmanaged")
    assert refusal(ask_for(site, **ALONE)) == (400, NO_COPY)
    migrate_there(site)
    assert given(ask_for(site, **ALONE)) == LET_GO


@pytest.mark.parametrize("parts", [BOTH, ALONE], ids=["both", "alone"])
@pytest.mark.parametrize("status", ["secondary", "secondary-failed", "rehome-pending"])
@pytest.mark.parametrize("noted", [None, "migrating"])
def test_what_is_not_kept_here_is_given_without_a_look(
    site: Survivor, status: str, parts: dict[str, str], noted: str | None
) -> None:
    keep(site, deploy_status=status, management_state="unmanaged")
    site.change(SubcloudPeerGroup, 1, migration_status=noted)
    for _ in range(2):
        assert given(ask_for(site, **parts)) == (status, "unmanaged")
    assert (site.peer.calls, site.group().migration_status) == ([], noted)


def test_a_managed_member_is_not_asked_for_by_one_field(site: Survivor) -> None:
    keep(site)
    migrate_there(site)
    assert refusal(ask_for(site, **ALONE)) == (400, NO_COPY)
    for more in ({"location": "x"}, {"management__state": "managed"}, {"migrate": "false"}):
        assert refusal(ask_for(site, **{**BOTH, **more})) == (400, NO_COPY)
    assert site.peer.calls == []


def test_a_copy_that_is_being_rehomed_is_not_given(site: Survivor) -> None:
    keep(site, deploy_status="secondary", management_state="unmanaged", rehome_step="waiting")
    text = "The subcloud is being rehomed to this site: try again when it has finished"
    assert refusal(ask_for(site, **ALONE)) == (409, text)


# -- What happens meanwhile --


def test_a_migration_that_begins_here_during_the_look_keeps_the_member(site: Survivor) -> None:
    keep(site)
    migrate_there(site)

    def begin_here() -> None:
        site.change(SubcloudPeerGroup, 1, migration_status="migrating", migrating_here=True)

    site.peer.do(begin_here, on="groups", after=True)
    assert refusal(ask_for(site)) == (409, "This site is migrating the peer group")
    assert site.read(Subcloud).management_state == "managed"
    assert not site.association().peer_migrates


def test_a_claim_that_comes_during_the_look_is_heard(site: Survivor) -> None:
    keep(site)
    site.peer.do(
        lambda: site.change(SubcloudPeerGroup, 1, migration_status="migrating"), on="groups", after=True
    )
    assert given(ask_for(site)) == LET_GO


def test_an_association_that_goes_during_the_look_is_no_proof(site: Survivor) -> None:
    keep(site)
    migrate_there(site)
    site.peer.do(lambda: site.change(PeerGroupAssociation, 1, deleting=True), on="groups", after=True)
    assert refusal(ask_for(site)) == (400, NO_COPY)
    assert (site.group().migration_status, site.standing()) == (None, ("complete", "managed"))


def test_members_that_are_asked_for_at_once_are_let_go_after_one_look(site: Survivor) -> None:
    names = [f"edge-{number}" for number in range(1, 11)]
    for name in names:
        keep(site, name)
    migrate_there(site)
    site.peer.do(lambda: time.sleep(0.2), on="groups", times=None)
    answers = at_once(*(partial(ask_for, site, name) for name in names))
    assert [given(answer) for answer in answers] == [LET_GO] * 10
    assert site.peer.count["groups"] <= 2
    assert site.association().peer_migrates


def test_no_lease_is_needed_to_let_a_member_go(site: Survivor) -> None:
    member = keep(site)
    migrate_there(site)
    names = (
        leases.association_lease(1),
        leases.group_lease(1),
        leases.migration_lease(1),
        leases.subcloud_lease(member),
        leases.peer_lease(1),
    )
    with ExitStack() as held:
        for name in names:
            hold = leases.take(site.runtime, name)
            assert hold is not None
            held.enter_context(hold)
        assert given(ask_for(site)) == LET_GO


@pytest.mark.parametrize("status", [None, "migrating"])
def test_whoever_asks_is_no_leftover(site: Survivor, status: str | None) -> None:
    """Also one that is refused: it is at it, and may be read a moment later."""
    keep(site)
    site.there.group_named(GROUP)["migration_status"] = status
    site.change(PeerGroupAssociation, 1, leftover_seen_at=1.0, leftover_changed_at="2026-01-01 00:00:00")
    assert ask_for(site)[0] == (200 if status else 400)
    row = site.association()
    assert (row.leftover_seen_at, row.leftover_changed_at) == (None, None)


def test_a_peer_that_is_read_while_it_asks_is_no_leftover_either(site: Survivor) -> None:
    """A heartbeat reads it, and notes it anew, while its request waits."""
    keep(site)
    migrate_there(site)

    def note() -> None:
        site.change(PeerGroupAssociation, 1, leftover_seen_at=1.0, leftover_changed_at="2026-01-01 00:00:00")

    site.peer.do(note, on="groups", after=True)
    assert given(ask_for(site)) == LET_GO
    row = site.association()
    assert (row.leftover_seen_at, row.leftover_changed_at) == (None, None)


# -- What becomes of it --


@pytest.mark.parametrize("path", ["/subcloud-peer-groups", f"/subcloud-peer-groups/{GROUP}"])
def test_an_original_does_not_read_its_own_migration_as_one_of_this_site(site: Survivor, path: str) -> None:
    keep(site)
    migrate_there(site)
    assert given(ask_for(site)) == LET_GO
    assert status_shown(site, path) == "migrating"
    assert status_shown(site, path, {"User-Header": "distcloud"}) is None
    # A site of ours knows what the note means, and a migration of this site is one.
    site.change(SystemPeer, 1, kind=PeerKind.OURS)
    assert status_shown(site, path, {"User-Header": "distcloud"}) == "migrating"
    site.change(SystemPeer, 1, kind=PeerKind.ORIGINAL)
    site.change(SubcloudPeerGroup, 1, migrating_here=True)
    assert status_shown(site, path, {"User-Header": "distcloud"}) == "migrating"


def status_shown(site: Survivor, path: str, headers: dict[str, str] | None = None) -> Any:
    answer: Any = site.operator.get(path, headers=headers or {}).json
    return answer.get("subcloud_peer_groups", [answer])[0]["migration_status"]


def test_the_look_at_the_peer_is_followed_by_an_audit(site: Survivor) -> None:
    site.jobs._functions[ATTEND_JOB] = lambda **ids: attend(site.runtime, **ids)
    keep(site, "edge-1")
    keep(site, "edge-2")
    migrate_there(site)
    assert given(ask_for(site, "edge-1")) == LET_GO
    site.run_jobs()
    assert site.association().audit_served == site.association().audit_asked == 1
    assert site.standing("edge-2") == LET_GO
    assert site.association().sync_status == "out-of-sync"
    site.there.group_named(GROUP)["migration_status"] = None
    site.change(PeerGroupAssociation, 1, audit_asked=2)
    site.runtime.jobs.submit(ATTEND_JOB, "association:1", association_id=1)
    site.run_jobs()
    assert {site.standing(name) for name in ("edge-1", "edge-2")} == {("complete", "managed")}


# -- What is noted of its migration --


def listed_status(site: Survivor, headers: dict[str, str]) -> object:
    [group] = site.other_site.get("/subcloud-peer-groups", headers=headers).json["subcloud_peer_groups"]  # type: ignore[index]
    return group["migration_status"]


@pytest.mark.parametrize(
    ("kind", "shown"), [(None, None), ("original", None), ("dcapi", "migrating")], ids=str
)
def test_an_original_is_not_shown_that_it_migrates_itself(
    site: Survivor, kind: str | None, shown: str | None
) -> None:
    keep(site)
    migrate_there(site)
    assert given(ask_for(site)) == LET_GO
    site.change(SystemPeer, 1, kind=kind)
    # It would take that for a migration of this site, and let go what it has taken over.
    assert listed_status(site, {"User-Header": "distcloud"}) == shown
    assert listed_status(site, {}) == "migrating"
