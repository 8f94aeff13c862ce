"""A site of this project, D, and a stand-in of the original, O, with a group of which one is primary."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from dcapi.lab.gateways import GATEWAYS_A, GATEWAYS_B, primary_address
from dcapi.lab.members import DUPLEX_DUAL, SIMPLEX, SYSADMIN_PASSWORD, Member, member
from dcapi.lab.operator import Json, Operator
from dcapi.lab.original.clock import Clock
from dcapi.lab.original.original_site import OriginalSite
from dcapi.lab.original.record import SENT, SERVED, Entry
from dcapi.lab.original.version import Version
from dcapi.lab.pair import OUTCOME_SECONDS, peer_fields
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import ASSOCIATIONS, GROUPS, PRIORITY_AT_B
from dcapi.lab.site import LabSite
from tests.original.pace import PACE

# Names, ids and networks that no two worlds on one site share.
NUMBERS = itertools.count()
MEMBERS = itertools.count()
# Members that D cannot take over before their bootstrap address is corrected; each for one test.
MISTAKEN = tuple(member(5000 + number) for number in range(3))

# Of the stand-in's clock: one heartbeat a second of the machine, like this project's.
HEARTBEATS = {"heartbeat_interval": int(PACE), "heartbeat_failure_threshold": 3}

# Management state and deploy status.
State = tuple[str, str]
LED: State = ("managed", "complete")
COPY: State = ("unmanaged", "secondary")
LET_GO: State = ("unmanaged", "rehome-pending")

# An original is told one gateway of a site.
SITE_GATEWAY, ORIGINAL_GATEWAYS = primary_address(GATEWAYS_A), GATEWAYS_B


class World:
    """D and O know each other; ``share`` gives them a group. D outlives it, O does not."""

    def __init__(self, site: LabSite, version: Version = Version.V3) -> None:
        number = next(NUMBERS)
        self.group = f"coast-{number}"
        self.site = site
        # Ids that differ from those at D, whatever D has by now.
        self.original = OriginalSite(
            f"original-{number}", version=version, clock=Clock(PACE), first_id=9000 + 100 * number
        )
        self.original.switches.online_seconds = 0
        self.at_site = Operator(site.url, site.admin_password)
        self.at_original = self.original.operator()
        self._log_begin = site.log_file.stat().st_size

    @property
    def version(self) -> Version:
        return self.original.switches.version

    @property
    def keeps_status(self) -> bool:
        """Whether O's own ``complete`` stays, whatever its peer says."""
        return not self.version.value.stores_lone_status

    # -- Its life --

    def start(self) -> None:
        self.original.start()
        self.at_site.create(
            "system-peers", peer_fields(self.original, self.original.endpoint, ORIGINAL_GATEWAYS)
        )
        fields = peer_fields(self.site, f"{self.site.url}/v3", SITE_GATEWAY)
        self.at_original.create("system-peers", fields | HEARTBEATS)

    def close(self) -> None:
        """End O; D asks it nothing more."""
        if not self.site.running:
            self.site.start()
        with suppress(Exception):
            self.at_site.update("system-peers", self.original.name, {"administrative_state": "disabled"})
        for each in (self.at_site, self.at_original, self.original):
            each.close()

    # -- The group --

    def share(
        self, primary: str, count: int = 2, more: Sequence[Member] = (), *, side_by_side: int = 10
    ) -> None:
        """Make a group of deployed members, ``primary`` at "D" or "O", and wait until both have it."""
        operator = self.at_site if primary == "D" else self.at_original
        group = operator.create(
            GROUPS, {"peer-group-name": self.group, "max-subcloud-rehoming": side_by_side}
        )
        numbers = list(itertools.islice(MEMBERS, count))
        # Every second one is of both IP versions.
        kinds = [(each, (SIMPLEX, DUPLEX_DUAL)[each % 2]) for each in numbers]
        new = [member(each, f"r{each}", kind, install=kind != SIMPLEX) for each, kind in kinds]
        for one in [*new, *more]:
            self._add(one, group, primary)
        peer = operator.one("system-peers", self.original.name if primary == "D" else self.site.name)
        ids = {"peer_group_id": group["id"], "system_peer_id": peer["id"]}
        operator.create(ASSOCIATIONS, ids | {"peer_group_priority": PRIORITY_AT_B})
        self.wait_in_sync()
        self.wait_seen()

    def _add(self, new: Member, group: Json, primary: str) -> None:
        if primary == "O":
            self.original.add_member(self.group, new)
            return
        self.at_site.add_subcloud(new.creation(), wait=OUTCOME_SECONDS)
        self.at_site.update_subcloud(new.name, {"management-state": "managed"})
        self.at_site.update_subcloud(new.name, new.joining(group["id"]))

    def wait_seen(self) -> None:
        """Wait until each knows that the other one is there, and O has audited what is due."""
        wait_until(
            "O to see D",
            lambda: self.original.peer(self.site.name).availability,
            lambda seen: seen == "available",
        )
        wait_until(
            "D to see O",
            lambda: self.at_site.one("system-peers", self.original.name)["availability-state"],
            lambda seen: seen == "available",
        )
        wait_until("O's audits", lambda: not self.original.awaits_audits())

    def wait_site_ends(self) -> None:
        """Wait until D migrates no more."""
        wait_until(
            "D's migration to end",
            lambda: self.group_at_site()["migration_status"],
            lambda seen: seen != "migrating",
        )

    def wait_in_sync(self, within: float = 30.0) -> None:
        """Wait until both associations are ``in-sync``."""
        wait_until(
            "both to be in-sync",
            self.sync_statuses,
            lambda seen: set(seen) == {"in-sync"} and len(seen) == 2,
            within=within,
        )

    def sync_statuses(self) -> list[str]:
        """Of the association at D and of the one at O; fewer while one is missing."""
        found = [each["sync-status"] for each in [self.association_at_site()] if each]
        with suppress(LookupError):
            found.append(self.original.association(self.group).sync_status)
        return found

    # -- What is done --

    def migrate_to_original(self) -> list[Json]:
        return self.at_original.migrate(self.group, SYSADMIN_PASSWORD)

    def migrate_to_site(self) -> list[Json]:
        return self.at_site.migrate(self.group, SYSADMIN_PASSWORD)

    def set_migrating(self, status: str | None = "migrating") -> None:
        """Set O's own migration status by hand."""
        with self.original.rows() as rows:
            group = rows.groups.find(name=self.group)
            assert group is not None
            group.change(migration_status=status)

    # -- What is seen --

    def group_at_site(self) -> Json:
        return self.at_site.one(GROUPS, self.group)

    def association_at_site(self) -> Json | None:
        group = self.at_site.find(GROUPS, self.group)
        listed = self.at_site.listed(ASSOCIATIONS) if group else []
        found = [each["id"] for each in listed if group and each["peer-group-id"] == group["id"]]
        return self.at_site.one(ASSOCIATIONS, found[0]) if found else None

    def sync_message(self) -> str:
        """What D says about the association beside its status."""
        association = self.association_at_site()
        return "" if association is None else str(association["sync-message"])

    def members_at_site(self) -> dict[str, Json]:
        """By region."""
        return {each["region-name"]: each for each in self.at_site.members(self.group)}

    def states_at_site(self) -> dict[str, State]:
        return {
            region: (each["management-state"], each["deploy-status"])
            for region, each in self.members_at_site().items()
        }

    def states_at_original(self) -> dict[str, State]:
        return {
            each.region_name: (each.management_state, each.deploy_status)
            for each in self.original.members(self.group).values()
        }

    def leaders(self) -> tuple[str, str]:
        """Who leads, as D says and as O says: "D" or "O"."""
        return self._letter(self.group_at_site()["system_leader_id"]), self.leader_at_original()

    def leader_at_original(self) -> str:
        return self._letter(self.original.group(self.group).leader_id)

    def _letter(self, uuid: str) -> str:
        return {self.site.uuid: "D", self.original.uuid: "O"}.get(uuid, uuid)

    def migration_statuses(self) -> tuple[str | None, str | None]:
        """As D says and as O says."""
        return self.group_at_site()["migration_status"], self.original.group(self.group).migration_status

    # -- What O was asked, and asked --

    def mark(self) -> int:
        """A moment, for what came after it."""
        return len(self.original.record)

    def sent(self, method: str, path: str, since: int = 0) -> list[Entry]:
        """What O asked D; ``path`` is a pattern below the version."""
        return self.original.record.entries(SENT, method, f"/v1.0/{path}", since)

    def served(self, method: str, path: str, since: int = 0) -> list[Entry]:
        """What O was asked, by D and by its operator."""
        return self.original.record.entries(SERVED, method, f"/v1.0/{path}", since)

    def told(self, since: int = 0) -> list[object]:
        """The migration statuses that arrived at O in a PATCH of a group, or in a request to audit."""
        bodies = [each.body for each in self.served("PATCH", r"subcloud-peer-groups/[^/]+(/audit)?", since)]
        return [body["migration_status"] for body in bodies if "migration_status" in body]

    def audits(self, since: int = 0) -> list[Entry]:
        """Requests to audit, either way."""
        path = "subcloud-peer-groups/.*/audit"
        return [*self.served("PATCH", path, since), *self.sent("PATCH", path, since)]

    def story(self) -> str:
        """All requests between the two but for heartbeats and logins, and the log of D."""
        entries = [each for each in self.original.record.entries() if not _is_noise(each)]
        lines = [_line(each) for each in sorted(entries, key=lambda each: each.began)]
        with self.site.log_file.open("rb") as log:
            log.seek(self._log_begin)
            text = log.read().decode(errors="replace")
        kept = [line for line in text.splitlines() if "gunicorn.access" not in line][-200:]
        return "\n".join([f"{self.group}, O is {self.version.name}", *lines, "--- D", *kept, ""])

    @contextmanager
    def killed_site(self) -> Iterator[None]:
        """D is dead for the block."""
        self.site.kill()
        try:
            yield
        finally:
            self.site.start()


def _is_noise(entry: Entry) -> bool:
    return entry.path.endswith(("/auth/tokens", "/isystems")) or (
        entry.method == "GET" and entry.path.rstrip("/").endswith(("/v1.0", "/subcloud-peer-groups"))
    )


def _line(entry: Entry) -> str:
    way = "O→D" if entry.direction == SENT else "→O"
    began = time.time() - time.monotonic() + entry.began
    moment = datetime.fromtimestamp(began, UTC).strftime("%H:%M:%S.%f")[:-3]
    seconds = f"{entry.ended - entry.began:.2f} s" if entry.ended else ""
    return f"{moment} {way} {entry} {entry.body or ''} {entry.code} {seconds} {entry.error[:200]}"
