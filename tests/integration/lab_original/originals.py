"""Two stand-ins of the original that know each other: A, primary for a group, and B."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Self

from dcapi.lab.members import member
from dcapi.lab.operator import Json
from dcapi.lab.original.clock import Clock
from dcapi.lab.original.original_site import OriginalSite
from dcapi.lab.original.record import SERVED, Entry
from dcapi.lab.original.rows import Subcloud
from dcapi.lab.original.version import Version
from dcapi.lab.pair import peer_fields
from dcapi.lab.polling import wait_until, wait_until_still

GROUP = "coast"
GATEWAYS = {"A": "10.32.0.1", "B": "10.33.0.1"}
HEARTBEAT = "GET subcloud-peer-groups"
PASSWORD = "Lamp*lighter6"

# Twenty seconds of a site are one of the machine's; a heartbeat every fifth of a second.
CLOCK = Clock(20)
HEARTBEATS = {"heartbeat_interval": 4, "heartbeat_failure_threshold": 3}
# Seconds without a request other than a heartbeat after which nothing more is expected: three heartbeats.
QUIET_SECONDS = 0.7


class Originals:
    """Sites A and B, an operator at each; the members of their group are taken over one after the other."""

    def __init__(self, version: Version = Version.V3) -> None:
        self.a = OriginalSite("A", version=version, clock=CLOCK)
        # With ids of its own, so that whoever takes A's ids for B's finds nothing.
        self.b = OriginalSite("B", version=version, clock=CLOCK, first_id=31)
        self.at_a = self.a.operator()
        self.at_b = self.b.operator()

        for site in (self.a, self.b):
            site.switches.playbook_seconds, site.switches.online_seconds = 1, 0

    def __enter__(self) -> Self:
        self.a.start()
        self.b.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self.at_a, self.at_b, self.a, self.b):
            each.close()

    # -- What is done --

    def introduce(self) -> None:
        for operator, other in ((self.at_a, self.b), (self.at_b, self.a)):
            operator.create(
                "system-peers", peer_fields(other, other.endpoint, GATEWAYS[other.name]) | HEARTBEATS
            )

    def share(self, count: int = 2, side_by_side: int = 1) -> None:
        """Have a group of A at both, in sync, and wait until nothing is due."""
        self.introduce()
        fields = {"peer-group-name": GROUP, "max-subcloud-rehoming": side_by_side}
        group = self.at_a.create("subcloud-peer-groups", fields)
        for number in range(count):
            self.a.add_member(GROUP, member(number, f"r{number}"))
        ids = {"peer_group_id": group["id"], "system_peer_id": self.a.peer("B").id}
        self.at_a.create("peer-group-associations", ids | {"peer_group_priority": 3})
        self.wait_synced()
        self.settle()

    def sync(self) -> None:
        self.at_a.sync(self.a.association(GROUP).id)
        self.wait_synced()

    def wait_synced(self) -> None:
        wait_until(
            "the sync to end", lambda: self.a.association(GROUP), lambda it: it.sync_status != "syncing"
        )
        assert self.a.association(GROUP).sync_status == "in-sync", self.a.association(GROUP)

    def migrate(self, to: OriginalSite) -> list[Json]:
        """Ask a site to take the group over and wait until it leads; returns what it answered."""
        operator = self.at_a if to is self.a else self.at_b
        before = to.group(GROUP).updated_at
        movers = operator.migrate(GROUP, PASSWORD)
        wait_until(
            f"{to.name} to lead",
            lambda: to.group(GROUP),
            lambda it: (
                it.updated_at != before and it.leader_id == to.uuid and it.migration_status != "migrating"
            ),
        )
        return movers

    def wait_unavailable(self, at: OriginalSite, peer: str) -> None:
        wait_until(
            f"{peer} to be away for {at.name}",
            lambda: at.peer(peer).availability,
            lambda seen: seen == "unavailable",
        )

    def set_interval(self, site: OriginalSite, seconds: int) -> None:
        """Let the heartbeats of a site be so far apart; returns when it waits for the next one of these."""
        with site.rows() as rows:
            for peer in rows.peers:
                peer.heartbeat_interval = seconds
        before = len(self._heartbeats(site))
        if site.running:
            wait_until(f"a heartbeat of {site.name}", lambda: len(self._heartbeats(site)) > before)
            self.settle()

    def hold_heartbeats(self) -> None:
        """Let none come in the next ten seconds, so that only the audits that are asked for are seen."""
        for site in (self.a, self.b):
            self.set_interval(site, 200)

    def _heartbeats(self, site: OriginalSite) -> list[Entry]:
        sent = site.record.entries("sent", "GET", "/v1.0/subcloud-peer-groups")
        return [entry for entry in sent if entry.ended is not None]

    def settle(self) -> None:
        """Wait until the sites that run know each other to be there, and have audited what is due."""
        for site, other in ((self.a, self.b), (self.b, self.a)):
            if site.running and other.running:
                wait_until(
                    f"{site.name} to see {other.name}",
                    lambda site=site, other=other: site.peer(other.name).availability,  # type: ignore[misc]
                    lambda seen: seen == "available",
                )
                wait_until(f"audits of {site.name}", lambda site=site: not site.awaits_audits())  # type: ignore[misc]

    # -- What is seen --

    def mark(self) -> int:
        """A moment, for what came after it."""
        return len(self._served())

    def story(self, since: int = 0) -> list[str]:
        """What the two asked each other, in the order in which it arrived, but for heartbeats and logins."""
        lines = [self.line(site, entry) for site, entry in self._served()[since:]]
        return [line for line in lines if not line.endswith(HEARTBEAT)]

    def quiet_story(self, since: int = 0) -> list[str]:
        """The same, once no more comes."""
        return wait_until_still("quiet", lambda: self.story(since), seconds=QUIET_SECONDS)

    def line(self, served_by: OriginalSite, entry: Entry) -> str:
        """One request as in ``A→B GET subclouds/r0/detail``."""
        receiver = served_by.name
        path = entry.path.removeprefix("/v1.0/")
        for name, text in self._names(served_by).items():
            path = re.sub(rf"\b{name}\b", text, path)
        return f"{'AB'.replace(receiver, '')}→{receiver} {entry.method} {path}"

    def states(self, site: OriginalSite) -> set[tuple[str, str]]:
        """(management state, deploy status) of the members."""
        return {(each.management_state, each.deploy_status) for each in self.members(site)}

    def members(self, site: OriginalSite) -> list[Subcloud]:
        return list(site.members(GROUP).values())

    def served(self, method: str, path: str, since: int = 0) -> list[Entry]:
        """What the two asked each other with this method and path (a pattern, below the version)."""
        return [
            entry
            for _, entry in self._served()[since:]
            if entry.method == method and re.fullmatch(f"/v1.0/{path}", entry.path)
        ]

    def _served(self) -> list[tuple[OriginalSite, Entry]]:
        found = [
            (site, entry)
            for site in (self.a, self.b)
            for entry in site.record.entries(SERVED, path="/v1.0/.*")
            if not entry.user_agent.startswith("python-requests")
        ]
        return sorted(found, key=lambda each: each[1].began)

    def _names(self, served_by: OriginalSite) -> dict[str, str]:
        names = {self.a.uuid: "A", self.b.uuid: "B"}
        names |= {each.region_name: each.name for site in (self.a, self.b) for each in self.members(site)}
        with served_by.rows() as rows:
            return names | {f"peer-group-associations/{each.id}": "association" for each in rows.associations}
