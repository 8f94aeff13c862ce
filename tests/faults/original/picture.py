"""A group as both sites have it at a moment, and what an operator who sees it does next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dcapi.lab.original.rows import MOVING, WAITING
from dcapi.models.states import MIGRATABLE_STATES, NO_MESSAGE
from tests.faults.databases import rows_of
from tests.faults.original.session import Shared
from tests.faults.original.world import D, O, OriginalWorld

MIGRATING, COMPLETE, MANAGED = "migrating", "complete", "managed"
# Steps at which D works on a subcloud that the other site has let go.
WORKING = ("rehoming", "coming-online")
# What D says when the operator of a site has to migrate there.
SENDS_TO_O = ("did not take over", "migrate there again", "run migrate there")
SENDS_TO_D = ("Not taken over from site",)
# An operator of O puts rows right by hand: it died in its migration, and has nothing to migrate.
BY_HAND = "by hand"


@dataclass(frozen=True)
class Seat:
    """A member at one site; ``held``: it manages the member, or works on it."""

    management: str
    deploy: str
    held: bool
    waits: bool

    @property
    def managed(self) -> bool:
        return self.management == MANAGED

    def __str__(self) -> str:
        return f"{self.management} {self.deploy}"


@dataclass(frozen=True)
class Half:
    """A group at one site; ``works``: that site migrates it, whatever it says."""

    leader: str
    leads: bool
    status: str | None
    works: bool
    sync_status: str
    message: str
    members: Mapping[str, Seat]

    @property
    def waiting(self) -> list[str]:
        return [name for name, seat in self.members.items() if seat.waits]

    @property
    def manages(self) -> set[str]:
        return {name for name, seat in self.members.items() if seat.managed}

    @property
    def says_why(self) -> bool:
        return self.message not in ("", NO_MESSAGE, "None")

    def __str__(self) -> str:
        seats = ", ".join(f"{name} {seat}" for name, seat in self.members.items())
        return f"{self.status} led by {self.leader}, {self.sync_status} ({self.message}): {seats}"


@dataclass(frozen=True)
class Picture:
    """Both halves of a group."""

    shared: Shared
    d: Half
    o: Half

    @property
    def is_left_over(self) -> bool:
        """Whether O says that it migrates the group, and nobody does."""
        return self.o.status == MIGRATING and not self.o.works

    @property
    def nowhere(self) -> list[str]:
        return [name for name in self.shared.members if name not in self.d.manages | self.o.manages]

    @property
    def abandoned(self) -> list[str]:
        """Members that D let go, and that O has taken over without ever leading their group."""
        taken = {name for name, seat in self.o.members.items() if seat.deploy == COMPLETE}
        if self.o.works or self.o.leads:
            return []
        return sorted(name for name, seat in self.d.members.items() if name in taken and not seat.managed)

    @property
    def is_home(self) -> bool:
        home = self.d if self.shared.primary == D else self.o
        return home.leads and self.d.leader == self.o.leader and home.manages == set(self.shared.members)

    def __str__(self) -> str:
        return f"{self.shared.name} at D: {self.d}; at O: {self.o}"


def due_call(picture: Picture) -> str | None:
    """Where an operator migrates the group next, or BY_HAND; None when all is well, or nobody can help."""
    waiting = {D: picture.d.waiting, O: picture.o.waiting}
    if picture.is_left_over:
        return next((site for site in (O, D) if waiting[site]), BY_HAND)
    for texts, site in ((SENDS_TO_O, O), (SENDS_TO_D, D)):
        if any(text in picture.d.message for text in texts):
            return site if waiting[site] else BY_HAND
    if picture.nowhere or picture.d.leader != picture.o.leader:
        leader = D if picture.d.leads else O
        return next((site for site in (leader, D, O) if waiting[site]), picture.shared.primary)
    if picture.is_home:
        return None
    # Where nothing waits at home, what the other site has goes there first: it takes the rest over.
    home, other = picture.shared.primary, picture.shared.secondary
    return next((site for site in (home, other) if waiting[site]), home)


# -- Reading it --


def take(world: OriginalWorld, shared: Shared) -> Picture:
    return Picture(shared, half_of_d(world, shared), half_of_o(world, shared))


def half_of_d(world: OriginalWorld, shared: Shared) -> Half:
    """Raises LookupError when the group is gone."""
    found = rows_of(
        world.database,
        "SELECT g.system_leader_id, g.migration_status, g.migrating_here, a.sync_status, a.sync_message "
        "FROM subcloud_peer_group g JOIN peer_group_association a ON a.peer_group_id = g.id "
        f"WHERE g.peer_group_name = '{shared.name}'",
    )
    if not found:
        raise LookupError(f"{shared.name} is not at D")
    leader, status, works, sync_status, message = found[0]
    rows = rows_of(
        world.database,
        "SELECT s.name, s.management_state, s.deploy_status, s.rehome_step FROM subcloud s "
        f"JOIN subcloud_peer_group g ON s.peer_group_id = g.id WHERE g.peer_group_name = '{shared.name}'",
    )
    members = {
        name: Seat(management, deploy, management == MANAGED or step in WORKING, deploy in MIGRATABLE_STATES)
        for name, management, deploy, step in rows
    }
    name_of = {world.d.uuid: D, world.o.uuid: O}
    return Half(
        name_of.get(leader, leader),
        leader == world.d.uuid,
        status,
        bool(works),
        sync_status,
        message or "",
        members,
    )


def half_of_o(world: OriginalWorld, shared: Shared) -> Half:
    """Raises LookupError when the group is gone."""
    works = world.o.migrates()
    with world.o.rows():
        group, association = world.o.group(shared.name), world.o.association(shared.name)
        rows = world.o.members(shared.name)
    works = works and group.migration_status == MIGRATING
    members = {}
    for name, row in rows.items():
        comes_online = works and row.deploy_status == COMPLETE
        held = row.is_managed or row.deploy_status in MOVING or comes_online
        members[name] = Seat(row.management_state, row.deploy_status, held, row.deploy_status in WAITING)
    name_of = {world.d.uuid: D, world.o.uuid: O}
    return Half(
        name_of.get(group.leader_id, group.leader_id),
        group.leader_id == world.o.uuid,
        group.migration_status,
        works,
        association.sync_status,
        association.sync_message,
        members,
    )


def held_twice(first: Half, between: Half, last: Half) -> Collection[str]:
    """Members that one site held in two readings, and the other one in a reading between them."""

    def held(half: Half) -> set[str]:
        return {name for name, seat in half.members.items() if seat.held}

    return sorted(held(first) & held(between) & held(last))
