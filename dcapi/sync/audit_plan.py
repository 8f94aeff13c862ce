"""What becomes of the members of a group after a look at the peer's copy. Pure: data in, decisions out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dcapi.models.states import (
    COPY_STATES,
    MIGRATABLE_STATES,
    NO_ERRORS,
    REHOMING_STATES,
    Deploy,
    Management,
)
from dcapi.peers.payload import secrets_in
from dcapi.peers.texts import clean
from dcapi.sync.audit_changes import Sent, changed_there, unsynced_fields, with_additions
from dcapi.sync.audit_values import FIELDS, Values, differing_fields, taken_over, unfit_fields
from dcapi.sync.copy import RemoteSubcloud
from dcapi.sync.digest import read as read_digest
from dcapi.sync.plan import Pushed

# So many subclouds are named in a message for each thing that is to be said.
NAMED = 10

FAILED_STATES = frozenset({Deploy.REHOME_FAILED, Deploy.REHOME_PREP_FAILED})
# A site that migrates the group takes over, or has taken over, what is in one of these states there.
TAKEN_STATES = MIGRATABLE_STATES | REHOMING_STATES | {Deploy.COMPLETE}
# Here somebody was to take the subcloud over, and there nobody began to.
UNTOUCHED_STATES = frozenset({Deploy.SECONDARY, Deploy.SECONDARY_FAILED})


class Fate(StrEnum):
    """What a subcloud becomes here."""

    SECONDARY = "secondary"
    REHOME_FAILED = "rehome-failed"
    REHOME_PENDING = "rehome-pending"
    MANAGED = "managed"
    DELETED = "deleted"


@dataclass(frozen=True)
class MemberHere:
    """A subcloud of this site that is in the group, or whose region is in the peer's copy of it.

    ``digest`` and ``pushed``: what a run would send, and what the ledger knows; both None at a non-primary
    site, which sends nothing.
    """

    id: int
    name: str
    region_name: str
    in_group: bool
    managed: bool
    deploy_status: str
    values: Values = field(repr=False)
    error: str = ""
    digest: str | None = field(default=None, repr=False)
    pushed: Pushed | None = None

    @property
    def was_pushed(self) -> bool:
        """Whether it is known to have arrived at the peer; to have begun to send it proves nothing."""
        return self.pushed is not None and self.pushed.digest is not None and not self.pushed.removed

    @property
    def is_copy(self) -> bool:
        return not self.managed and self.deploy_status in COPY_STATES


@dataclass(frozen=True)
class Step:
    """What is done to one subcloud here; None and False leave it as it is.

    ``arrived``: the peer has what this site has after the step, and the ledger may say so.
    """

    member: MemberHere
    fate: Fate | None = None
    values: Values | None = field(default=None, repr=False)
    joins: bool = False
    error: str = ""
    arrived: bool = False

    @property
    def is_empty(self) -> bool:
        return self.fate is None and self.values is None and not self.joins


@dataclass
class AuditPlan:
    """Steps, and what has to be said: by the names of the subclouds."""

    steps: list[Step] = field(default_factory=list)
    # Never seen to arrive at the peer, so they stay what they are.
    kept: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    # Name → why it is not what it is at the peer.
    differing: dict[str, str] = field(default_factory=dict)
    # Name → fields whose values of this site gave way to the leader's.
    lost: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def differs(self, name: str, why: str) -> None:
        """Note one more reason why a subcloud is not what it is at the peer."""
        self.differing[name] = "; ".join([*filter(None, [self.differing.get(name)]), why])

    @property
    def changes(self) -> list[Step]:
        return [step for step in self.steps if not step.is_empty]

    @property
    def is_equal(self) -> bool:
        """Whether both sites have the same afterwards, and nothing is left that failed."""
        return not (self.kept or self.failed or self.differing)

    def findings(self, peer_name: str) -> list[str]:
        """What the operator has to be told, a sentence each."""
        lost = {name: ", ".join(fields) for name, fields in self.lost.items()}
        told = (
            (f"Never synced to peer {peer_name}, so kept as it was here", _names(self.kept)),
            (f"Rehoming failed at peer {peer_name}", _names(self.failed)),
            (f"Not as at peer {peer_name}", _reasons(self.differing)),
            ("Changed at both sites, lost here to the leader's values", _reasons(lost)),
        )
        return [f"{what}: {names}." for what, names in told if names]


def _names(names: Iterable[str]) -> str:
    return _listed([clean(name) for name in names])


def _reasons(reasons: Mapping[str, str]) -> str:
    return _listed([f"{clean(name)} ({clean(why)})" for name, why in reasons.items()])


def _listed(named: list[str]) -> str:
    more = [f"and {len(named) - NAMED} more"] if len(named) > NAMED else []
    return ", ".join([*named[:NAMED], *more])


# -- The peer migrates the group --


def plan_ceding(members: Iterable[MemberHere], there: Iterable[RemoteSubcloud]) -> AuditPlan:
    """Let go what the peer can take: a member that it does not have would be managed nowhere."""
    takes = {copy.region_name for copy in there if copy.deploy_status in TAKEN_STATES}
    plan = AuditPlan()
    for member in members:
        in_service = member.managed and member.deploy_status == Deploy.COMPLETE
        if member.in_group and in_service and member.region_name in takes:
            plan.steps.append(Step(member, Fate.REHOME_PENDING))
    return plan


# -- The peer leads the group --


def plan_following(
    members: Iterable[MemberHere],
    there: Iterable[RemoteSubcloud],
    outside: Mapping[str, RemoteSubcloud | None],
    *,
    primary: bool,
) -> AuditPlan:
    """Become what the leader says.

    ``outside``: what the peer has of the regions of members that are not in its group; None for one that is
    not there at all. A region that was not looked for is missing. Only a primary site deletes: a secondary
    copy goes when its primary says so.
    """
    plan = AuditPlan()
    copies = {copy.region_name: copy for copy in there}
    known = {member.region_name: member for member in members}
    for region_name, member in known.items():
        copy = copies.get(region_name)
        if copy is not None:
            _follow_copy(plan, member, copy, primary=primary)
        elif member.in_group:
            _follow_absence(plan, member, outside, primary=primary)
    for region_name, copy in copies.items():
        if region_name not in known:
            plan.differing[copy.name] = "it is in the group there, and not known here"
    return plan


def _lives(copy: RemoteSubcloud) -> bool:
    """Whether a subcloud lives at the peer, rather than being a copy there."""
    return copy.management_state == Management.MANAGED or copy.deploy_status == Deploy.COMPLETE


def _follow_copy(plan: AuditPlan, member: MemberHere, copy: RemoteSubcloud, *, primary: bool) -> None:
    fate = _fate(member, copy)
    settled = _lives(copy) or copy.deploy_status in FAILED_STATES
    untouched = not _lives(copy) and copy.deploy_status == Deploy.REHOME_PREP_FAILED
    if not member.in_group and (untouched or not settled):
        plan.differing[member.name] = "it is in the group there, and not here"
        return
    if copy.deploy_status in FAILED_STATES and not _lives(copy):
        plan.failed.append(member.name)
    elif not settled and not (member.is_copy and copy.deploy_status in COPY_STATES):
        plan.differs(member.name, f"it is {copy.deploy_status} there")
    if copy.name != member.name:
        plan.differs(member.name, f"its name there is {copy.name}")
    if unfit := ", ".join(unfit_fields(copy)):
        plan.differs(member.name, f"its values there cannot be stored: {unfit}")
    values, lost = _follow_values(plan, member, copy, primary=primary)
    if not member.in_group:
        lost = ("peer group", *lost)
    if lost:
        plan.lost[member.name] = lost
    plan.steps.append(
        Step(
            member,
            fate,
            None if values == member.values else values,
            joins=not member.in_group,
            error=_kept_error(member, copy) if fate is Fate.REHOME_FAILED else "",
            arrived=member.name not in plan.differing,
        )
    )


def _fate(member: MemberHere, copy: RemoteSubcloud) -> Fate | None:
    """What the member becomes, None when it is that already, or when the peer did not get to it."""
    if _lives(copy):
        is_it = not member.managed and member.deploy_status == Deploy.SECONDARY
        return None if is_it else Fate.SECONDARY
    if copy.deploy_status not in FAILED_STATES:
        return None
    is_it = not member.managed and member.deploy_status == Deploy.REHOME_FAILED
    return None if is_it and member.error == _kept_error(member, copy) else Fate.REHOME_FAILED


def _kept_error(member: MemberHere, copy: RemoteSubcloud) -> str:
    """Why a rehome failed there as it is stored here: on one line, never empty, and without secrets.

    Not every site takes them out of what its playbooks say.
    """
    here, there = member.values, (copy.saved_payload, copy.install_values)
    secrets = secrets_in(here.saved_payload, here.install_values, *there)
    return clean(copy.error_description, secrets) or NO_ERRORS


def _follow_values(
    plan: AuditPlan, member: MemberHere, copy: RemoteSubcloud, *, primary: bool
) -> tuple[Values, tuple[str, ...]]:
    """The values to have, and the fields in which a change of this site gives way.

    What changed here alone since it was pushed stays, and differs until the next sync.
    """
    taken = taken_over(member.values, copy)
    if not primary:
        return taken, ()
    pushed = member.pushed
    changed_here = pushed is None or member.digest is None or not pushed.holds(member.digest)
    values, lost = taken, differing_fields(member.values, taken) if changed_here else ()
    shown = _shown_of(member, copy)
    if changed_here and shown is not None:
        values, lost = with_additions(member.values, taken, shown), ()
    arrived = read_digest(None if pushed is None else pushed.digest)
    left = {*differing_fields(values, taken), *unsynced_fields(values, copy, arrived)}
    if left:
        plan.differs(member.name, f"not synced yet: {', '.join(name for name in FIELDS if name in left)}")
    return values, lost


def _shown_of(member: MemberHere, copy: RemoteSubcloud) -> Sent | None:
    """What of all that may have arrived the copy still is; None when the leader has changed it."""
    digests = [] if member.pushed is None else member.pushed.may_have_arrived
    found = (sent for sent in map(read_digest, digests) if sent)
    return next((sent for sent in found if not changed_there(member.values, copy, sent)), None)


def _follow_absence(
    plan: AuditPlan, member: MemberHere, outside: Mapping[str, RemoteSubcloud | None], *, primary: bool
) -> None:
    """A member that the leader does not have in the group; one in another group there is for its audit."""
    found = outside.get(member.region_name)
    lives = found is not None and _lives(found)
    elsewhere = found is not None and found.peer_group_id is not None
    why = "it is in another group there" if elsewhere else "it is not in the group there"
    arrived = lives or (member.was_pushed and member.region_name in outside)
    if primary and arrived and not elsewhere:
        plan.steps.append(Step(member, Fate.DELETED))
    elif lives and not member.is_copy:
        plan.steps.append(Step(member, Fate.SECONDARY))
        plan.differing[member.name] = why
    elif member.is_copy:
        plan.differing[member.name] = why
    else:
        plan.kept.append(member.name)


# -- This site leads the group --


def plan_leading(members: Iterable[MemberHere], there: Iterable[RemoteSubcloud]) -> AuditPlan:
    """Take back what was let go for a migration that came to nothing."""
    copies = {copy.region_name: copy for copy in there}
    plan = AuditPlan()
    for member in members:
        copy = copies.get(member.region_name)
        let_go = not member.managed and member.deploy_status == Deploy.REHOME_PENDING
        if member.in_group and let_go and (copy is None or copy.deploy_status in UNTOUCHED_STATES):
            plan.steps.append(Step(member, Fate.MANAGED))
        elif member.in_group and member.deploy_status in FAILED_STATES:
            plan.failed.append(member.name)
    return plan


def managed_twice(members: Iterable[MemberHere], there: Iterable[RemoteSubcloud]) -> bool:
    """Whether the peer, which follows, manages a subcloud that is managed here."""
    managed = {copy.region_name for copy in there if copy.management_state == Management.MANAGED}
    return any(member.managed and member.region_name in managed for member in members)
