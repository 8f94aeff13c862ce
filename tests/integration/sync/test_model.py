"""The state machine by model: random operations and faults, and at every quiet point what was promised.

``DCAPI_MODEL_EXAMPLES`` sets how many runs there are; with ``DCAPI_MODEL_RANDOM`` each time others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from dcapi.models import Subcloud
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.services import association_lookup, peer_groups
from dcapi.sync import attributes
from dcapi.sync.run import cleaning, push, sync
from dcapi.sync.watch import heartbeat
from tests.integration.beside_peer import app_beside
from tests.integration.model_profile import examples_or, profile_of
from tests.integration.sync.promises import Pair, copy_there, moved, rows
from tests.integration.sync.quiet_points import QuietPoints
from tests.integration.sync.world import MEMBERS, PEERS, Inline, World

PAIRS: list[Pair] = [(1, 1), (2, 1), (1, 2)]
OTHER = "99999999-2222-4333-8444-555555555555"
CHANGES = [
    *(("description", text) for text in ("", "rack 1", "rack 2")),
    *(("location", text) for text in ("Turku", "Riga")),
    *(("bootstrap_address", text) for text in ("10.71.9.20", "10.71.9.21")),
    *(("admin_password", text) for text in ("Bollard*7", "Capstan*8")),
    *(("bmc_username", text) for text in ("mate", "boatswain")),
    *(("group_id", text) for text in ("1", "2")),
]
ATTRIBUTES = {
    1: [("peer-group-name", "trains"), ("peer-group-name", "trams")],
    2: [("peer-group-name", "buses"), ("peer-group-name", "coaches")],
}
COMMON_ATTRIBUTES = [
    ("group-state", "enabled"),
    ("group-state", "disabled"),
    ("max-subcloud-rehoming", 10),
    ("max-subcloud-rehoming", 5),
]
OUTAGES = ["nothing", "backup", "member", "association", "group", "change"]
# Error and whether it may come after the request took effect.
FAULTS = {
    "no connection": (PeerUnavailable("connection refused"), False),
    "lost on the way": (PeerUnavailable("no answer", maybe_sent=True), False),
    "answer lost": (PeerUnavailable("no answer", maybe_sent=True), True),
    "busy": (PeerUnavailable("answered 503", 503, "busy"), False),
    "broken": (PeerRefused("answered 500", 500, "", maybe_sent=True), False),
    "broken after": (PeerRefused("answered 500", 500, "", maybe_sent=True), True),
    "refused": (PeerRefused("answered 422", 422, "no"), False),
}

members = st.sampled_from(MEMBERS)
changes = st.sampled_from(CHANGES)
pairs = st.sampled_from(PAIRS)
peers = st.sampled_from(sorted(PEERS))
# What may happen in the middle of a call: what is drawn for it, and whether it reaches further than the model
# follows, so that the step around it cannot be judged.
EVENTS: dict[str, tuple[list[st.SearchStrategy[tuple[Any, ...]]], bool]] = {
    "patch_member": ([st.tuples(members), changes], False),
    "ask": ([st.tuples(pairs)], False),
    "force_deletion": ([st.tuples(pairs)], True),
    "patch_group": ([st.just((1,)), st.sampled_from(COMMON_ATTRIBUTES)], True),
    "put_under_leader": ([st.tuples(pairs), st.just(("other",))], True),
    "overtake": ([], True),
}
soon = st.integers(1, 14)


class Sites(QuietPoints):
    """Rules do one thing to one of the sites, or to the way between; ``settle`` looks at both."""

    @initialize(wanted=st.sampled_from([[1, 2, 0], [1, 0], [0, 1], [0], [2, 0], []]), synced=st.booleans())
    def begin(self, wanted: list[int], synced: bool) -> None:
        for number in wanted:
            self.associate(PAIRS[number])
        if synced:
            self.run_jobs()

    # -- What an operator does --

    @rule(member=members, change=changes)
    def change_member(self, member: str, change: tuple[str, str]) -> None:
        before = self.statuses()
        answer = self.attempt(lambda: self.patch_member(member, *change))
        self.check_changed(before, answer)

    @rule(member=members, group=st.sampled_from([None, 1, 2]))
    def move_member(self, member: str, group: int | None) -> None:
        before = self.statuses()
        answer = self.attempt(lambda: self.patch_member(member, "peer_group", str(group or "none")))
        self.check_changed(before, answer)

    @rule(group=st.sampled_from([1, 2]), data=st.data())
    def change_group(self, group: int, data: st.DataObject) -> None:
        attribute, value = data.draw(st.sampled_from(ATTRIBUTES[group] + COMMON_ATTRIBUTES))
        before = self.world.get(f"/subcloud-peer-groups/{group}")
        answer = self.attempt(lambda: self.patch_group(group, attribute, value))
        if answer is None:
            return
        after = self.world.get(f"/subcloud-peer-groups/{group}")
        shown = attribute.replace("-", "_")
        if answer.status_code == 200:
            assert after[shown] == value
        elif not self.disturbed:
            assert answer.status_code in {403, 409, 503}, answer.text
            assert after == before
            assert any(pair[0] == group for pair in rows(self.world))

    @rule(wanted=pairs)
    def associate_one(self, wanted: Pair) -> None:
        missing = [pair for pair in PAIRS if pair not in self.statuses()]
        self.associate(missing[0] if missing else wanted)

    def associate(self, pair: Pair) -> None:
        body = {"peer_group_id": pair[0], "system_peer_id": pair[1], "peer_group_priority": 1}
        known = pair in self.statuses()
        answer = self.attempt(lambda: self.world.operator.post("/peer-group-associations", json=body))
        assert answer is None or answer.status_code == (400 if known else 200), answer.text

    @rule(pair=pairs, sync=st.booleans())
    def ask_for_sync(self, pair: Pair, sync: bool) -> None:
        self.attempt(lambda: self.ask(self.existing(pair)))
        if sync:
            self.run_jobs()

    @rule(pair=pairs, priority=st.integers(1, 3))
    def change_priority(self, pair: Pair, priority: int) -> None:
        pair = self.existing(pair)
        before = rows(self.world).get(pair)
        if before is None:
            return
        body = {"peer_group_priority": priority}
        path = f"/peer-group-associations/{before.id}"
        answer = self.attempt(lambda: self.world.operator.patch(path, json=body))
        after = rows(self.world).get(pair)
        if answer is None or after is None:
            return
        assert answer.status_code in {200, 404, 409, 422, 503}, answer.text
        kept = before.peer_group_priority
        assert after.peer_group_priority == (priority if answer.status_code == 200 else kept)
        assert before.sync_status == "in-sync" or after.sync_status != "in-sync" or self.disturbed

    @rule(pair=pairs, force=st.booleans())
    def delete_association(self, pair: Pair, force: bool) -> None:
        before = rows(self.world).get(pair)
        if before is None:
            return
        peer = self.world.peers[pair[1]]
        changes = len(peer.changes())
        path = f"/peer-group-associations/{before.id}{'?force=true' if force else ''}"
        answer = self.attempt(lambda: self.delete(path))
        if answer is None or self.disturbed:
            return
        assert answer.status_code in {200, 400, 409, 422, 503}, answer.text
        after = rows(self.world).get(pair)
        assert (after is None) == (answer.status_code == 200)
        if answer.status_code == 200 and not force:
            assert before.remote_group_id not in peer.site.groups
        if after is not None and not before.deleting and len(peer.changes()) == changes:
            assert not after.deleting, "nothing was sent, and it is still marked"

    @rule(peer=peers, gateway=st.sampled_from(["192.168.204.111", "192.168.204.112"]))
    def change_gateway(self, peer: int, gateway: str) -> None:
        before = self.statuses()
        answer = self.attempt(lambda: self.patch_peer(peer, peer_controller_gateway_address=gateway))
        self.check_changed(before, answer)

    @rule(peer=peers, state=st.sampled_from(["enabled", "disabled"]))
    def switch_peer(self, peer: int, state: str) -> None:
        self.attempt(lambda: self.patch_peer(peer, administrative_state=state))

    # -- What works in the background --

    @rule()
    def run_jobs(self) -> None:
        self.attempt(self.world.jobs.run_waiting)

    @rule()
    def sweep(self) -> None:
        self.attempt(lambda: (self.world.sweep(), self.world.jobs.run_waiting()))

    @rule(peer=peers, times=st.integers(1, 4))
    def heartbeat(self, peer: int, times: int) -> None:
        for _ in range(times):
            before, was_away = self.statuses(), self.is_away(peer)
            self.attempt(lambda: self.world.heartbeat(peer))
            if self.disturbed or self.is_away(peer) == was_away:
                continue
            events = ["back and equal", "back and different"] if was_away else ["declared unavailable"]
            for pair, status in self.statuses().items():
                expected = {moved(event, before[pair]) for event in events}
                assert status in (expected if pair[1] == peer else {before[pair]}), (pair, before[pair])

    # -- What goes wrong --

    @rule(peer=peers, away=st.booleans())
    def lose_or_find_peer(self, peer: int, away: bool) -> None:
        self.world.peers[peer].away = away

    @rule(peer=peers, fault=st.sampled_from(sorted(FAULTS)), number=soon, times=st.sampled_from([1, 2, None]))
    def arm_fault(self, peer: int, fault: str, number: int, times: int | None) -> None:
        one = self.world.peers[peer]
        error, after = FAULTS[fault]
        one.fail(error, at=len(one.calls) + number, after=after, times=times)

    @rule(peer=peers)
    def mend(self, peer: int) -> None:
        self.world.peers[peer].heal()

    @rule(peer=peers, number=soon, after=st.booleans())
    def arm_death_at_a_call(self, peer: int, number: int, after: bool) -> None:
        self.world.peers[peer].at_call(number, self.world.die, after=after)

    @rule(number=st.integers(1, 40))
    def arm_death_at_a_transaction(self, number: int) -> None:
        self.world.steps_left = number

    @rule()
    def die_now(self) -> None:
        self.world.restart()

    @rule(peer=peers, number=soon, after=st.booleans(), data=st.data())
    def arm_event(self, peer: int, number: int, after: bool, data: st.DataObject) -> None:
        """Something happens in the middle of one of the next calls."""
        kind = data.draw(st.sampled_from(sorted(EVENTS)), label="event")
        drawn, disturbs = EVENTS[kind]
        step = partial(getattr(self, kind), *(part for one in drawn for part in data.draw(one)))

        def happen() -> None:
            self.disturbed |= disturbs
            step()

        # Only what took effect is overtaken: no request outlives the lease under which it was sent.
        self.world.peers[peer].at_call(number, happen, after=after or kind == "overtake")

    @rule(pair=pairs, number=st.integers(2, 9), after=st.booleans(), change=changes)
    def change_during_a_run(self, pair: Pair, number: int, after: bool, change: tuple[str, str]) -> None:
        """Most changes by themselves concern another group than the one whose run goes on."""
        pair = self.existing(pair)
        for member in [row.name for row in self.world.read(Subcloud) if row.peer_group_id == pair[0]][:1]:
            self.meet_a_run(pair, number, partial(self.patch_member, member, *change), after)

    @rule(pair=pairs, number=st.integers(2, 9), member=members)
    def overtake_a_run(self, pair: Pair, number: int, member: str) -> None:
        """There is something to send, so that the run takes a while."""
        self.attempt(lambda: self.patch_member(member, "location", "Visby"))
        self.meet_a_run(self.existing(pair), number, self.overtake, after=True)

    def meet_a_run(self, pair: Pair, number: int, event: Callable[[], object], after: bool) -> None:
        """Something happens in the middle of a run, and no fault is in its way."""
        peer = self.world.peers[pair[1]]
        if pair in self.statuses():
            peer.heal()
            peer.away = False
            self.attempt(lambda: self.ask(pair))
            peer.at_call(number, event, after=after)
            self.run_jobs()

    # -- What happens at a peer --

    @rule(
        peer=peers, event=st.sampled_from(["nothing", "backup", "member", "association", "group", "change"])
    )
    def outage(self, peer: int, event: str) -> None:
        """A peer is away until it is missed, and comes back, perhaps not as it was."""
        self.lose_or_find_peer(peer, True)
        self.heartbeat(peer, 3)
        if event == "backup":
            self.back_up_or_restore(peer, True)
        elif event == "change":
            self.attempt(lambda: self.patch_member(MEMBERS[0], "location", "Narva"))
        elif event != "nothing":
            self.lose_there((1, peer), event)
        self.lose_or_find_peer(peer, False)
        self.heartbeat(peer, 1)

    @rule(pair=pairs, who=st.sampled_from(["us", "other", "migrating", "complete"]))
    def put_under_leader(self, pair: Pair, who: str) -> None:
        row = rows(self.world).get(self.existing(pair))
        group = row and copy_there(self.world, row)
        if group:
            group["system_leader_id"] = OTHER if who == "other" else self.world.runtime.site.uuid
            group["system_leader_name"] = "site-c" if who == "other" else self.world.runtime.site.name
            group["migration_status"] = who if who in {"migrating", "complete"} else None

    @rule(pair=pairs, what=st.sampled_from(["member", "association", "group"]))
    def lose_there(self, pair: Pair, what: str) -> None:
        pair = self.existing(pair)
        row = rows(self.world).get(pair)
        there = self.world.peers[pair[1]].site
        group = row and copy_there(self.world, row)
        if not row or not group:
            return
        self.note_drift(pair[1])
        if what != "member":
            for key in [k for k, one in there.associations.items() if one["peer-group-id"] == group["id"]]:
                del there.associations[key]
        if what == "group":
            there.delete_group(group["id"])
        for member in there.group_members(group["id"])[:1] if what == "member" else []:
            del there.subclouds[member["id"]]

    @rule(peer=peers, restore=st.booleans())
    def back_up_or_restore(self, peer: int, restore: bool) -> None:
        there = self.world.peers[peer].site
        kept = ("groups", "associations", "subclouds")
        if not restore:
            self.backups[peer] = {name: deepcopy(getattr(there, name)) for name in kept}
        elif peer in self.backups:
            self.note_drift(peer)
            for name in kept:
                setattr(there, name, deepcopy(self.backups[peer][name]))

    # -- Quiet points --

    @rule()
    def settle(self) -> None:
        """Everything that is under way comes to its end, then both sites are looked at."""
        self.become_quiet()
        self.check_quiet()

    def teardown(self) -> None:
        """Whatever happened: once nothing is in the way, syncs make everything equal."""
        self.become_quiet()
        self.check_quiet()
        for peer_id in PEERS:
            self.patch_peer(peer_id, administrative_state="enabled")
        for pair in self.statuses():
            self.put_under_leader(pair, "us")
        self.become_quiet()
        for _ in range(2):
            self.remove_leftovers()
            for pair in self.statuses():
                self.ask(pair)
            self.drifted.clear()
            self.become_quiet()
        self.check_quiet()
        found = {pair: (row.sync_status, row.sync_message) for pair, row in rows(self.world).items()}
        assert all(status == "in-sync" for status, _ in found.values()), found


@pytest.fixture
def world(
    prepared_instance: Path, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A site with two groups, two peers and four subclouds; members go over one thread, in order."""
    monkeypatch.setattr(association_lookup, "RUN_PATIENCE", 0.0)
    monkeypatch.setattr(peer_groups, "CHANGE_PATIENCE", 0.0)
    monkeypatch.setattr(heartbeat, "COMPARISON_PATIENCE", 0.0)
    for side_by_side in (attributes, cleaning, push):
        monkeypatch.setattr(side_by_side, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(sync, "PROGRESS_SECONDS", 0.0)
    more = {"SQLALCHEMY_DATABASE_URI": database_uri, "PEER_MEMBER_THREADS": 1, "LOG_LEVEL": "ERROR"}
    with app_beside({}, prepared_instance, tmp_path, monkeypatch, **more) as app:
        world = World(app)
        monkeypatch.setattr("dcapi.tasks.hold.time", world.clock())
        yield world


EXAMPLES = examples_or(30)
PROFILE = profile_of(EXAMPLES)


@pytest.mark.slow
@pytest.mark.timeout(60 + 10 * EXAMPLES)
def test_whatever_happens_both_sites_end_as_promised(world: World) -> None:
    machine = type("Sites", (Sites,), {"world": world})
    run_state_machine_as_test(machine, settings=PROFILE)
