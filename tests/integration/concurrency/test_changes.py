"""Four threads at each of two processes that change members and ask for syncs at once lose nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice

from dcapi.lab.members import Member
from dcapi.lab.operator import Operator
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import SharedGroup
from tests.integration.concurrency.parts_of_members import PARTS
from tests.integration.concurrency.twins import PATIENCE, THREADS, Twins, at_once

CLIENTS = 2 * THREADS
MEMBERS = 4
CHANGES = 24
# Of the calls of a client every so manieth is a request to sync.
CHANGES_TO_A_SYNC = 4
# Why a subcloud cannot be sent that moved between groups, as long as the one that it left was not synced.
NOT_MOVED_THERE = "its copy is in another peer group there"


@dataclass
class Acknowledged:
    """What a client was told that it is done."""

    # (member, part) → the number whose value was taken last.
    values: dict[tuple[str, str], int] = field(default_factory=dict)
    changes: int = 0
    moves: int = 0
    syncs: Counter[int] = field(default_factory=Counter)


@dataclass
class Client:
    """Changes parts of members that are its alone, moves a subcloud of its own, and asks for syncs."""

    operator: Operator
    groups: list[SharedGroup]
    parts: list[tuple[Member, str]]
    traveller: str
    done: Acknowledged = field(default_factory=Acknowledged)

    def work(self) -> Acknowledged:
        with self.operator:
            # The traveller began in the second group.
            there = cycle(self.groups)
            for number, (member, part) in enumerate(islice(cycle(self.parts), CHANGES)):
                self._change(member, part, number)
                if number % CHANGES_TO_A_SYNC == 0:
                    self._move(next(there))
                if number % CHANGES_TO_A_SYNC == 2:
                    self._sync(self.groups[number // CHANGES_TO_A_SYNC % 2])
        return self.done

    def _change(self, member: Member, part: str, number: int) -> None:
        answer = self.operator.update_subcloud(member.name, PARTS[part].form(member, number))
        self.groups[0].expect_informed(answer)
        self.done.values[member.name, part] = number
        self.done.changes += 1

    def _move(self, group: SharedGroup) -> None:
        answer = self.operator.update_subcloud(self.traveller, {"peer_group": group.id})
        assert answer["peer_group_id"] == group.id
        self.done.moves += 1

    def _sync(self, group: SharedGroup) -> None:
        assert self.operator.sync(group.association_id)["sync-status"] == "syncing"
        self.done.syncs[group.association_id] += 1


def test_changes_and_syncs_at_once_in_two_processes_lose_nothing(twins: Twins) -> None:
    members, groups, travellers = _prepared(twins)
    before = [twins.counters(group.association_id) for group in groups]
    clients = list(_clients(twins, members, groups, travellers))

    # Whatever a client is answered other than 200 is raised here.
    done = at_once([client.work for client in clients])

    changes, moves = sum(each.changes for each in done), sum(each.moves for each in done)
    assert (changes, moves) == (CLIENTS * CHANGES, CLIENTS * CHANGES // CHANGES_TO_A_SYNC)
    asked = sum((each.syncs for each in done), Counter[int]())
    for group, earlier, raised in zip(groups, before, (changes + moves, moves), strict=True):
        now = twins.counters(group.association_id)
        assert now.revision == earlier.revision + raised
        assert now.sync_asked == earlier.sync_asked + asked[group.association_id]
    _expect_values(groups[0], members, done)
    for group in groups:
        _expect_status_to_be_right(twins, group)
    _expect_to_become_in_sync(twins, groups)
    _expect_no_lock_errors(twins)


def _prepared(twins: Twins) -> tuple[list[Member], list[SharedGroup], list[str]]:
    """Members of a first group, a second group of travellers, both in sync with B."""
    first, members = twins.new_group(MEMBERS)
    second, travellers = twins.new_group(CLIENTS)
    return members, [first, second], [traveller.name for traveller in travellers]


def _clients(
    twins: Twins, members: list[Member], groups: list[SharedGroup], travellers: list[str]
) -> Iterator[Client]:
    """Clients for both processes; the parts of a member go to clients of different ones."""
    owned = [(member, part) for member in members for part in PARTS]
    for number, traveller in enumerate(travellers):
        operator = twins.operators[number % 2].twin()
        yield Client(operator, groups, owned[number::CLIENTS], traveller)


def _expect_values(group: SharedGroup, members: list[Member], done: list[Acknowledged]) -> None:
    """Every part of every member has the value that was acknowledged last."""
    described = {member.name: member for member in members}
    shown = group.members_at_a()
    taken = {key: number for each in done for key, number in each.values.items()}
    assert len(taken) == MEMBERS * len(PARTS)
    for (name, part), number in taken.items():
        wanted = PARTS[part].wanted(described[name], number)
        assert PARTS[part].shown(shown[name]) == wanted, f"{part} of {name}"


def _expect_status_to_be_right(twins: Twins, group: SharedGroup) -> None:
    """Both sites say the same once things are quiet, and ``in-sync`` only where that is so."""
    wait_until(
        "the last request to sync to be served",
        lambda: twins.counters(group.association_id),
        lambda counters: counters.sync_status != "syncing",
        within=PATIENCE,
    )
    association = group.wait_end_of_run(within=PATIENCE)
    status, message = association["sync-status"], association["sync-message"]
    assert status in ("in-sync", "out-of-sync") or (status == "failed" and NOT_MOVED_THERE in message)
    group.expect_status(status, within=PATIENCE)
    if status == "in-sync":
        group.expect_same_members()


def _expect_to_become_in_sync(twins: Twins, groups: list[SharedGroup]) -> None:
    """The first sync of each group lets go at B of what moved to the other one, the second one takes it."""
    for group in groups:
        twins.pair.at_a.sync(group.association_id, wait=PATIENCE)
    for group in groups:
        group.sync()


def _expect_no_lock_errors(twins: Twins) -> None:
    for server in twins.servers:
        text = server.log_file.read_text()
        for trouble in ("database is locked", "deadlock detected", "Traceback"):
            assert trouble not in text, server.log_tail(200)
