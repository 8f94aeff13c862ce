"""One step of the model: what is done, perhaps until the process dies, and what must hold right after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine
from werkzeug.test import TestResponse

from dcapi.models import Subcloud, SystemPeer
from dcapi.sync.run.order import is_attended
from tests.integration.sync.promises import (
    Pair,
    copy_there,
    digest_of_copy,
    is_led_elsewhere,
    moved,
    rows,
)
from tests.integration.sync.world import Crash, World
from tests.subcloud_forms import bootstrap_values, form, install_values

T = TypeVar("T")


class Steps(RuleBasedStateMachine):
    """The things that are done to the sites, and what is looked at after each."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world.reset()
        # What was acknowledged, by (subcloud, field).
        self.acknowledged: dict[tuple[str, str], str] = {}
        # Pairs whose peer lost something that no heartbeat shows.
        self.drifted: set[Pair] = set()
        # Pairs for which a change came while a run of theirs was going on.
        self.changed_meanwhile: set[Pair] = set()
        self.disturbed = False
        self.backups: dict[int, dict[str, Any]] = {}

    # -- How each step is done --

    def attempt(self, work: Callable[[], T]) -> T | None:
        """Do a step that may be cut off by the death of the process, then look at the peers."""
        frozen, deaf = self._led_elsewhere(), self._calls_of_disabled()
        self.disturbed = False
        result = None
        self.world.working = True
        try:
            result = work()
        except Crash:
            self.world.restart()
        finally:
            self.world.working = False
        if not self.disturbed:
            led = self._led_elsewhere()
            assert all(led.get(pair, copy) == copy for pair, copy in frozen.items()), "written under another"
            called = self._calls_of_disabled()
            for peer, calls in deaf.items():
                assert called.get(peer, calls) == calls, f"peer {peer} is disabled, and was called"
        shown = self.statuses()
        for pair in self.changed_meanwhile & shown.keys():
            assert shown[pair] != "in-sync", f"{pair} changed during its run"
        self.changed_meanwhile.clear()
        self.drifted = {pair for pair in self.drifted if shown.get(pair) == "in-sync"}
        failed = {name: counts["failed"] for name, counts in self.world.jobs.counts().items()}
        assert not any(failed.values()), failed
        return result

    def _led_elsewhere(self) -> dict[Pair, str]:
        found = {}
        for pair, row in rows(self.world).items():
            group = copy_there(self.world, row)
            if is_led_elsewhere(self.world, group):
                found[pair] = digest_of_copy(self.world.peers[pair[1]], group)
        return found

    def disabled(self) -> set[int]:
        return {row.id for row in self.world.read(SystemPeer) if row.administrative_state == "disabled"}

    def _calls_of_disabled(self) -> dict[int, int]:
        """How often they were called; a deletion, which is asked for by hand, still cleans them."""
        deleting = {pair[1] for pair, row in rows(self.world).items() if row.deleting}
        return {peer_id: len(self.world.peers[peer_id].calls) for peer_id in self.disabled() - deleting}

    def statuses(self) -> dict[Pair, str]:
        return {pair: row.sync_status for pair, row in rows(self.world).items()}

    def existing(self, pair: Pair) -> Pair:
        """The pair, or another one that is associated: to do something to none teaches nothing."""
        known = self.statuses()
        return pair if pair in known or not known else min(known)

    def is_away(self, peer_id: int) -> bool:
        states = {row.id: row.availability_state for row in self.world.read(SystemPeer)}
        return states[peer_id] == "unavailable"

    # -- Calls, by themselves or in the middle of others --

    def patch_member(self, member: str, field: str, value: str) -> TestResponse:
        group_before = {row.name: row.peer_group_id for row in self.world.read(Subcloud)}[member]
        attended = self.attended()
        self.acknowledged.pop((member, field), None)
        answer = self.world.operator.patch(f"/subclouds/{member}", **change_form(member, field, value))
        assert answer.status_code == 200, answer.text
        self.acknowledged[member, field] = value
        body: dict[str, Any] = answer.json or {}
        if "info_message" in body:
            groups = {group_before, body["peer_group_id"]}
            self.changed_meanwhile |= {pair for pair in attended if pair[0] in groups}
        return answer

    def attended(self) -> set[Pair]:
        """The pairs for which a run goes on right now: the caller stands in the middle of a peer's call."""
        found = set()
        for pair, row in rows(self.world).items():
            with self.world.session() as session:
                if row.runs_begun and is_attended(session, row.id):
                    found.add(pair)
        return found

    def check_changed(self, before: dict[Pair, str], answer: TestResponse | None) -> None:
        """The associations that the answer names moved as the table says, the others did not."""
        named = "" if answer is None else str((answer.json or {}).get("info_message", ""))
        for pair, row in rows(self.world).items():
            event = "changed while away" if self.is_away(pair[1]) else "changed"
            expected = {before[pair]} if answer is None else set()
            concerned = f" {row.id}," in named.replace(" do", ",")
            expected |= {moved(event, before[pair]) if concerned or answer is None else before[pair]}
            assert row.sync_status in expected, (pair, before[pair], named)

    def patch_group(self, group: int, attribute: str, value: object) -> TestResponse:
        return self.world.operator.patch(f"/subcloud-peer-groups/{group}", json={attribute: value})

    def ask(self, pair: Pair) -> None:
        row = rows(self.world).get(pair)
        if row is None:
            return
        answer = self.world.operator.patch(f"/peer-group-associations/{row.id}/sync")
        assert answer.status_code == (409 if row.deleting else 200), answer.text
        self.changed_meanwhile.discard(pair)
        if answer.status_code == 200:
            assert "syncing" in answer.text

    def patch_peer(self, peer: int, **values: object) -> TestResponse:
        attended = self.attended()
        answer = self.world.operator.patch(f"/system-peers/{peer}", json=values)
        assert answer.status_code == 200, answer.text
        if "info_message" in answer.text:
            self.changed_meanwhile |= {pair for pair in attended if pair[1] == peer}
        return answer

    def note_drift(self, peer: int) -> None:
        shown = self.statuses().items()
        self.drifted |= {pair for pair, status in shown if pair[1] == peer and status == "in-sync"}

    def force_deletion(self, pair: Pair) -> None:
        row = rows(self.world).get(pair)
        if row is not None:
            self.world.operator.delete(f"/peer-group-associations/{row.id}?force=true")

    def delete(self, path: str) -> TestResponse:
        self.disturbed |= bool(self.disabled())
        return self.world.operator.delete(path)

    def overtake(self) -> None:
        for pair in self.attended():
            self.changed_meanwhile.discard(pair)
            self.world.overtake(rows(self.world)[pair].id)


def change_form(member: str, field: str, value: str) -> dict[str, Any]:
    """The request that gives one field of a subcloud a value."""
    if field == "admin_password":
        return form(bootstrap_values=bootstrap_values(int(member[-1]), admin_password=value))
    if field == "bmc_username":
        return form(install_values=install_values(bmc_username=value), bmc_password="c2VjcmV0")
    return form(**{field: value})
