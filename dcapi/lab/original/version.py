"""The versions of the original, and what differs between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

COPY = frozenset({"secondary", "secondary-failed"})
FAILED = frozenset({"rehome-failed", "rehome-prep-failed"})


@dataclass(frozen=True)
class Traits:
    """What one version does that another does not."""

    # The first heartbeat of a watch is sent at once, not after the first interval.
    beats_at_once: bool = True
    # A PATCH of a group with its migration status alone is stored; else it is answered and ignored.
    stores_lone_status: bool = True
    # An audit reads the sync status at the peer, pulls rehome data, and takes failed members over as failed.
    reads_sync_status: bool = True
    # Rehome data that an audit pulls keeps this site's gateway address.
    keeps_own_gateway: bool = True
    # An audit follows the leader whether or not it changed a member.
    follows_without_changes: bool = True
    # Deploy statuses from which a member becomes ``rehome-pending`` on a peer's word; None: from any.
    pending_from: frozenset[str] | None = None
    # Deploy statuses of copies at a peer that a sync changes or deletes.
    changeable: frozenset[str] = COPY | FAILED


class Version(Enum):
    """Points in the original's history: March 2024 (two of them), and August 2026."""

    V1 = Traits(
        beats_at_once=False,
        stores_lone_status=False,
        reads_sync_status=False,
        follows_without_changes=False,
        pending_from=frozenset({"complete"}),
        changeable=COPY,
    )
    V2 = Traits(beats_at_once=False, keeps_own_gateway=False)
    V3 = Traits()
