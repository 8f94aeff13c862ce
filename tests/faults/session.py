"""One run of the harness in a world: its groups, what A acknowledged, and all that happened, with times."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from dcapi.lab.members import Member
from dcapi.lab.operator import Json, Operator
from tests.faults.checks import ASSOCIATIONS, GROUPS
from tests.faults.course import Course
from tests.faults.fields import FIELDS, give_network
from tests.faults.ledger import Answered, Ledger, attempt
from tests.faults.networks import ANY, IPV4, IPV6, OWN, random_gateways, random_marker
from tests.faults.pace import paced
from tests.faults.record import Pause, Takeover
from tests.faults.world import World

GATEWAY = "peer_controller_gateway_address"
PRIORITY_AT_B = 3
WAIT_SECONDS = paced(30.0)
# On a machine that has other things to do a sync may fail of its time limits.
SYNC_ATTEMPTS = 4
PEER = "peer"
# Often a peer has two gateways, and members of every kind.
FAMILIES = (ANY, ANY, IPV4, IPV6)
# Attributes of a group that an operator changes, as an answer spells them.
ATTRIBUTES = ("peer_group_name", "group_state", "max_subcloud_rehoming")


class Session(Course):
    """A run of two sites of ours."""

    world: World

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        self.ledger = Ledger()
        self.groups: list[int] = []
        self.added: dict[str, Answered] = {}
        self.takeovers: list[Takeover] = []
        # Groups that another site leads at B just now: the next one to take them waits for another time.
        self.taken: set[int] = set()
        # Copies at B that were another site's, and what gives them back.
        self.give_back: list[tuple[int, dict[str, object]]] = []
        # Whether sites migrate groups in this run; then nobody else takes them over.
        self.migrates = False
        # Groups that B claimed or migrated, and those of whose copies some were deleted there.
        self.claimed: set[int] = set()
        self.robbed: set[int] = set()
        # Members that A's operator asked to unmanage.
        self.unmanaged: set[str] = set()
        # Primary IP version of all members, or any.
        self.family = ANY
        # Members whose network is being reconfigured, as far as is known.
        self.reconfigured: set[str] = set()

    def note_pause(self, process: int, begin: float) -> None:
        self.world.pauses.append(Pause(process, begin, time.monotonic()))

    @staticmethod
    def group(group_id: int) -> str:
        """How the ledger calls a group, whatever its name is by now."""
        return f"group {group_id}"

    # -- How it begins --

    def set_up(self, chance: random.Random) -> None:
        """Two new groups at A, each associated with B, the members in them; both are synced."""
        world = self.world
        self.family = chance.choice(FAMILIES)
        self._enter_peer(random_gateways(chance, self.family))
        for letter in "xy":
            group = world.at_a.create(
                GROUPS, {"peer-group-name": f"run-{self.seed}-{letter}-{next(world.names)}"}
            )
            self._enter_group(group)
        for index, member in enumerate(world.members):
            # The last one is in no group; the first group has most.
            group_id = None if index == len(world.members) - 1 else self.groups[index % 3 == 2]
            give_network(world.at_a, member, random_marker(chance, self.family, place=OWN))
            if group_id is not None:
                world.at_a.update_subcloud(member.name, {"peer_group": group_id})
            self._enter_member(member)
        for group_id in self.groups:
            self._associate(group_id)

    def _associate(self, group_id: int) -> None:
        """On a busy machine a sync may run into its time limits: then it is asked for again."""
        at_a = self.world.at_a
        association = at_a.create(ASSOCIATIONS, self.association_fields(group_id), wait=WAIT_SECONDS)
        for _ in range(SYNC_ATTEMPTS):
            if association["sync-status"] == "in-sync":
                return
            association = at_a.sync(association["id"], wait=WAIT_SECONDS)
        self.say(f"group {group_id} begins {association['sync-status']}: {association['sync-message']}")

    def _enter_peer(self, gateways: str) -> None:
        peer = self.world.at_a.update("system-peers", self.world.b.name, {GATEWAY: gateways})
        self.peer_id: int = peer["id"]
        self.ledger.begin(PEER, GATEWAY, peer["peer-controller-gateway-address"])

    def _enter_group(self, group: Json) -> None:
        self.groups.append(group["id"])
        thing = self.group(group["id"])
        for name in ATTRIBUTES:
            self.ledger.begin(thing, name, group[name])
        self.ledger.begin(thing, "associated", True)
        self.ledger.begin(thing, "priority", PRIORITY_AT_B)

    def _enter_member(self, member: Member) -> None:
        shown = self.world.at_a.one("subclouds", member.name)
        in_group = shown["peer_group_id"]
        if in_group is not None:
            # The secrets are shown there.
            shown = next(one for one in self.world.at_a.members(in_group) if one["name"] == member.name)
        for field in FIELDS:
            self.ledger.begin(member.name, field.name, field.read(shown))
        self.ledger.begin(member.name, "peer group", in_group)

    def association_fields(self, group_id: int) -> Json:
        priority = self.ledger.acknowledged(self.group(group_id), "priority")
        return {"peer_group_id": group_id, "system_peer_id": self.peer_id, "peer_group_priority": priority}

    # -- What operations do --

    def ask(self, what: str, call: Callable[[Operator], Any]) -> tuple[Answered, Any]:
        """Make a request to A over a connection of its own, and say what became of it."""
        begin = time.monotonic()
        with self.world.at_a.twin() as operator:
            answered, answer = attempt(lambda: call(operator))
        reason = "" if answered is Answered.ACKNOWLEDGED else f": {str(answer)[:200]}"
        self.say(f"{what}: {answered.value} after {time.monotonic() - begin:.2f} s{reason}")
        self.done[answered.value] += 1
        return answered, answer

    def find_association(self, group_id: int) -> int | None:
        """The id of the association of a group, None when there is none or A does not say."""
        with self.world.at_a.twin() as operator:
            answered, found = attempt(lambda: operator.listed(ASSOCIATIONS))
        if answered is not Answered.ACKNOWLEDGED:
            return None
        return next((one["id"] for one in found if one["peer-group-id"] == group_id), None)
