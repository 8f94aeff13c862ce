"""One run beside an original: the groups that both sites have, and how they begin."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dcapi.lab.members import Member
from dcapi.lab.operator import Json, Operator
from dcapi.lab.polling import wait_until
from tests.faults.checks import ASSOCIATIONS, GROUPS
from tests.faults.course import Course
from tests.faults.fields import NETWORK, give_network
from tests.faults.ledger import Answered, Ledger, attempt
from tests.faults.networks import ANY, IPV4, KINDS_OF, OWN, compared_network, random_marker, with_network
from tests.faults.original.world import D, O, OriginalWorld
from tests.faults.session import PRIORITY_AT_B, SYNC_ATTEMPTS, WAIT_SECONDS

# Fields of a member that an operator changes.
TEXTS = ("description", "location")


@dataclass(frozen=True)
class Shared:
    """A group that both sites have; members by name, the same at both."""

    name: str
    # The site where it is at home.
    primary: str
    members: tuple[str, ...]

    @property
    def secondary(self) -> str:
        return O if self.primary == D else D


class OriginalSession(Course):
    """A run of a site of this project and a stand-in of the original."""

    world: OriginalWorld

    def __init__(self, world: OriginalWorld, seed: int) -> None:
        super().__init__(world, seed)
        self.groups: list[Shared] = []
        # Texts and networks of members that are at home at D, as it acknowledged them.
        self.ledger = Ledger()
        self.members: dict[str, Member] = {}
        # What it told before it is known at D, and perhaps at D alone.
        self.o_was_killed = False

    # -- How it begins --

    def set_up(self, chance: random.Random) -> None:
        """A group or two, each at home at one of the sites, in sync at both."""
        homes = [chance.choice((D, O)) for _ in range(chance.choice((1, 1, 2)))]
        for number, home in enumerate(homes):
            share = len(self.world.members) // homes.count(D) if home == D else 0
            made = self._group_of_d(chance, number, share) if home == D else self._group_of_o(chance, number)
            self.groups.append(made)
        self.members |= {each.name: each for each in self.world.members}

    def _group_of_d(self, chance: random.Random, number: int, share: int) -> Shared:
        world, name = self.world, self._name(number)
        group = world.at_d.create(GROUPS, {"peer-group-name": name})
        taken = {each for shared in self.groups for each in shared.members}
        members = [each for each in world.members if each.name not in taken][:share]
        for each in members:
            marker = random_marker(chance, ANY, place=OWN)
            give_network(world.at_d, each, marker)
            shown = world.at_d.update_subcloud(each.name, {"peer_group": group["id"]})
            for text in TEXTS:
                self.ledger.begin(each.name, text, shown[text])
            self.ledger.begin(each.name, NETWORK, compared_network(with_network(each, marker)))
        self._associate(world.at_d, group["id"])
        return Shared(name, D, tuple(each.name for each in members))

    def _group_of_o(self, chance: random.Random, number: int) -> Shared:
        world, name = self.world, self._name(number)
        group = world.at_o.create(GROUPS, {"peer-group-name": name})
        kinds = [chance.choice(KINDS_OF[IPV4]) for _ in range(chance.randint(2, 4))]
        members = [world.new_member(kind) for kind in kinds]
        for each in members:
            world.o.add_member(name, each)
        self.members |= {each.name: each for each in members}
        self._associate(world.at_o, group["id"])
        return Shared(name, O, tuple(each.name for each in members))

    def _name(self, number: int) -> str:
        return f"run-{self.seed}-{number}-{next(self.world.names)}"

    def _associate(self, operator: Operator, group_id: int) -> None:
        """Associate a group at its home; a sync that runs into its time limits is asked for again."""
        peer_id = operator.listed("system-peers")[0]["id"]
        fields = {"peer_group_id": group_id, "system_peer_id": peer_id, "peer_group_priority": PRIORITY_AT_B}
        association = operator.create(ASSOCIATIONS, fields)
        for _ in range(SYNC_ATTEMPTS):
            found = wait_until(
                "the sync of a new group to end",
                lambda: operator.one(ASSOCIATIONS, association["id"]),
                lambda seen: seen["sync-status"] != "syncing",
                within=WAIT_SECONDS,
            )
            if found["sync-status"] == "in-sync":
                return
            self.say(f"group {group_id} begins {found['sync-status']}: {found['sync-message']}")
            operator.sync(association["id"])

    # -- What operations do --

    def ask(self, site: str, what: str, call: Callable[[Operator], Any]) -> tuple[Answered, Any]:
        """Make a request to a site over a connection of its own, and say what became of it."""
        begin = time.monotonic()
        with self.world.at(site).twin() as operator:
            answered, answer = attempt(lambda: call(operator))
        reason = "" if answered is Answered.ACKNOWLEDGED else f": {str(answer)[:300]}"
        self.say(f"{what} at {site}: {answered.value} after {time.monotonic() - begin:.2f} s{reason}")
        return answered, answer

    def association(self, site: str, shared: Shared) -> Json:
        """The association of a group at a site, with its message. Raises what an operator raises."""
        operator = self.world.at(site)
        group = operator.one(GROUPS, shared.name)
        found = next(one for one in operator.listed(ASSOCIATIONS) if one["peer-group-id"] == group["id"])
        return operator.one(ASSOCIATIONS, found["id"])
