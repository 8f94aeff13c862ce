"""A peer group of A that B has too: what each of the two sites says about it."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable
from typing import Any

from dcapi.lab.expectations import UnmetError, expect, expect_equal
from dcapi.lab.gateways import GATEWAYS_B, gateway_there, primary_address
from dcapi.lab.members import DUPLEX, DUPLEX_DUAL, SIMPLEX, SIMPLEX_DUAL, Member, is_of_network
from dcapi.lab.operator import Json
from dcapi.lab.pair import OUTCOME_SECONDS, Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.report import Note

ASSOCIATIONS = "peer-group-associations"
GROUPS = "subcloud-peer-groups"

# Priority of the lab's groups at B; any value above 0 would do, this one is nobody's default.
PRIORITY_AT_B = 3

# What shows a subcloud's network: of two, the primary one.
NETWORK_FIELDS = ("management-subnet", "management-start-ip", "management-end-ip", "management-gateway-ip")
# What a sync makes equal beside the values of bootstrap and installation.
SAME_FIELDS = ("name", "description", "location", "software-version", "region-name", *NETWORK_FIELDS)

# Samples of the members of a group that has some of every kind.
MIXED = (SIMPLEX, DUPLEX_DUAL, DUPLEX, SIMPLEX_DUAL)

GATEWAY_KEY = "systemcontroller_gateway_address"


def _quiet(_: str) -> None:
    pass


class SharedGroup:
    """A group at A, its association with B, and their likeness at B."""

    def __init__(self, pair: Pair, group: Json, association: Json) -> None:
        self.pair = pair
        self.name: str = group["peer_group_name"]
        self.id: int = group["id"]
        self.association_id: int = association["id"]

    # -- What the two sites say --

    def at_a(self) -> Json:
        return self.pair.at_a.one(GROUPS, self.id)

    def at_b(self) -> Json:
        return self.pair.at_b.one(GROUPS, self.name)

    def association_at_a(self) -> Json:
        return self.pair.at_a.one(ASSOCIATIONS, self.association_id)

    def association_at_b(self) -> Json:
        """The non-primary association; raises UnmetError when there is not exactly one."""
        group_id = self.at_b()["id"]
        found = [each for each in self.pair.at_b.listed(ASSOCIATIONS) if each["peer-group-id"] == group_id]
        expect_equal(f"associations of {self.name} at B", len(found), 1)
        return found[0]

    def members_at_a(self) -> dict[str, Json]:
        """The members by name."""
        return {each["name"]: each for each in self.pair.at_a.members(self.id)}

    def members_at_b(self) -> dict[str, Json]:
        return {each["name"]: each for each in self.pair.at_b.members(self.name)}

    # -- What is done --

    def sync(self) -> None:
        """Ask A for a sync, wait for its outcome, and expect both sites to be in sync and equal."""
        self.pair.at_a.sync(self.association_id, wait=OUTCOME_SECONDS)
        self.expect_status("in-sync")
        self.expect_same_members()

    # -- What is expected --

    def expect_status(self, wanted: str, note: Note = _quiet, within: float = OUTCOME_SECONDS) -> None:
        """Wait until both sites show this status."""
        self.expect_status_at_a(wanted, note, within)
        wait_until(
            f"{self.name} to be {wanted} at B",
            lambda: self.association_at_b()["sync-status"],
            lambda status: status == wanted,
            within=within,
        )

    def expect_status_at_a(self, wanted: str, note: Note = _quiet, within: float = OUTCOME_SECONDS) -> Json:
        """Wait until A shows this status; returns the association."""

        def look() -> Json:
            association = self.association_at_a()
            note(_progress(association))
            return association

        return wait_until(
            f"{self.name} to be {wanted} at A",
            look,
            lambda association: association["sync-status"] == wanted,
            within=within,
        )

    def wait_end_of_run(self, note: Note = _quiet, within: float = OUTCOME_SECONDS) -> Json:
        """Wait until A no longer shows ``syncing``; returns the association."""
        deadline = time.monotonic() + within
        while (association := self.association_at_a())["sync-status"] == "syncing":
            note(_progress(association))
            expect(time.monotonic() < deadline, f"the sync of {self.name} to end within {within:g} s")
            time.sleep(0.02)
        return association

    def expect_informed(self, answer: Json) -> None:
        """Expect the answer to a change to say which association needs a sync."""
        message = answer.get("info_message")
        expect(message, f"an info_message in the answer, it has: {sorted(answer)}")
        expect(str(self.association_id) in str(message), f"{message!r} to name {self.association_id}")

    def expect_same_members(self) -> None:
        """Expect B to have what A has: the same members with the same values, secondary, with B's gateway."""
        here, there = self.members_at_a(), self.members_at_b()
        expect_equal(f"members of {self.name} at B", sorted(there), sorted(here))
        for name, member in here.items():
            expect_like(member, there[name])

    def expect_same_networks(self) -> None:
        """Expect both sites to show and keep the same networks of each member, whoever leads."""
        here, there = self.members_at_a(), self.members_at_b()
        for name, member in here.items():
            expect_equal(f"networks of {name} at B", networks_of(there[name]), networks_of(member))


def networks_of(subcloud: Json) -> Json:
    """What a site shows of a subcloud's networks, and what it keeps of them."""
    kept = {key: value for key, value in saved_payload(subcloud).items() if is_of_network(key)}
    return {field: subcloud[field] for field in NETWORK_FIELDS} | kept


def shared_group(pair: Pair, name: str, members: Iterable[Member]) -> SharedGroup:
    """Make a group at A with these new members, associate it with B, and wait until both are in sync."""
    pair.introduce()
    group = pair.at_a.create(GROUPS, {"peer-group-name": name})
    pair.join_all(group["id"], members)
    shared = associate(pair, group)
    shared.expect_status("in-sync")
    return shared


def mixed_members(pair: Pair, name: str, count: int) -> list[Member]:
    """New members of every kind, in turns; those of IPv4 alone have install values."""
    kinds = itertools.islice(itertools.cycle(MIXED), count)
    return [pair.new_member(name, kind, install=kind == SIMPLEX) for kind in kinds]


def associate(pair: Pair, group: Json, *, wait: float | None = OUTCOME_SECONDS) -> SharedGroup:
    """Associate a group of A with B."""
    fields = {
        "peer_group_id": group["id"],
        "system_peer_id": pair.peer_at_a()["id"],
        "peer_group_priority": PRIORITY_AT_B,
    }
    return SharedGroup(pair, group, pair.at_a.create(ASSOCIATIONS, fields, wait=wait))


def expect_like(primary: Json, secondary: Json) -> None:
    """Expect a member at B to be the secondary copy of the member at A; raises UnmetError."""
    name = primary["name"]
    for field in SAME_FIELDS:
        expect_equal(f"{field} of {name} at B", secondary[field], primary[field])
    expect_equal(f"deploy status of {name} at B", secondary["deploy-status"], "secondary")
    values = saved_payload(primary)
    gateway = gateway_there(values, GATEWAYS_B)
    shown = secondary["systemcontroller-gateway-ip"]
    expect_equal(f"gateway of {name} that B shows", shown, primary_address(gateway))
    expect_equal(
        f"install values of {name} at B", _loaded(secondary, "data_install"), _loaded(primary, "data_install")
    )
    wanted = {**values, GATEWAY_KEY: gateway}
    there = saved_payload(secondary)
    expect_equal(f"values of {name} at B", {key: there.get(key) for key in wanted}, wanted)


def saved_payload(subcloud: Json) -> Json:
    """The bootstrap values that a site keeps for a later rehoming; raises UnmetError when it keeps none."""
    rehome_data = _loaded(subcloud, "rehome_data")
    if not rehome_data:
        raise UnmetError(f"{subcloud['name']} has no rehome data")
    return dict(rehome_data["saved_payload"])


def _loaded(subcloud: Json, key: str) -> Any:
    text = subcloud.get(key)
    return None if text is None else json.loads(text)


def _progress(association: Json) -> str:
    status, message = association["sync-status"], association["sync-message"]
    return str(status) if message in (None, "None") else f"{status}: {message}"
