"""Who leads a group of which two sites have a copy. Pure: both copies in, a verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dcapi.models.states import Migration
from dcapi.peers.remote import GroupValues


class Verdict(StrEnum):
    """What an audit has to do."""

    LATER = "this site migrates the group: audit when that has ended"
    CEDE = "the peer migrates the group: let its members go"
    FOLLOW = "the peer leads the group: take over what it did"
    LEAD = "this site leads the group, and the peer follows"
    WAIT = "this site leads the group, and the peer has yet to see it"
    NOTHING = "neither copy says anything that concerns the other"


@dataclass(frozen=True)
class Side:
    """One site's copy of the group, as that site shows it."""

    site_uuid: str
    group: GroupValues

    @property
    def leads(self) -> bool:
        """Whether the site names itself as the leader."""
        return self.group.is_led_by(self.site_uuid)

    @property
    def claims(self) -> bool:
        """Whether the site says that it took the group over; ``complete`` under another leader is stale."""
        return self.leads and self.group.migration_status == Migration.COMPLETE

    def is_led_by(self, other: Side) -> bool:
        return self.group.is_led_by(other.site_uuid)


def judge(here: Side, there: Side, *, migrating_here: bool = False, unheard: bool = False) -> Verdict:
    """Who leads. ``unheard``: this site took the group over, and the peer was not seen to know it yet.

    The site that says ``complete`` wins, and of two such the one with the lower number. A primary that finds
    another leader at its peer follows it: it may be back from the dead, or from a backup.
    """
    if migrating_here:
        return Verdict.LATER
    if here.group.is_primary == there.group.is_primary:
        return Verdict.NOTHING  # two groups that happen to have one name
    claims = here.claims or (unheard and here.leads)
    if there.group.is_migrating:
        return _judge_migrating(here, there, claims=claims)
    if there.claims:
        return Verdict.WAIT if claims and here.group.priority < there.group.priority else Verdict.FOLLOW
    if there.leads:
        return _judge_two_leaders(here, there, claims=claims)
    if there.is_led_by(here) and here.leads:
        return Verdict.LEAD
    return Verdict.NOTHING


def _judge_migrating(here: Side, there: Side, *, claims: bool) -> Verdict:
    """The peer says that the group is being migrated, by itself or, as it may have been told, by this site.

    Where both know the peer as the leader, nothing is left to let go: it migrates members that failed, or it
    repeats what it was told of a migration that came to nothing, and two notes would keep each other alive.
    So they would where each leads by its own word and was told that the other one migrates: what the peer
    could take was let go when that was noted here, and the lower number follows whoever took the group over.
    """
    if claims:
        return Verdict.WAIT
    if not there.leads:
        return Verdict.CEDE
    two_notes = here.leads and here.group.is_migrating and here.group.priority < there.group.priority
    return Verdict.FOLLOW if here.is_led_by(there) or two_notes else Verdict.CEDE


def _judge_two_leaders(here: Side, there: Side, *, claims: bool) -> Verdict:
    """The peer names itself, and says nothing of a migration."""
    if here.is_led_by(there):
        return Verdict.FOLLOW
    if not here.leads:
        return Verdict.NOTHING  # a third site leads
    if claims:
        return Verdict.WAIT
    return Verdict.FOLLOW if here.group.priority < there.group.priority else Verdict.NOTHING
