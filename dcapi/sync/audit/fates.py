"""What becomes of the members of a group after a look at the peer's copy. Pure: data in, decisions out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from dcapi.models.states import (
    COPY_STATES,
    MIGRATABLE_STATES,
    NO_ERRORS,
    REHOMING_STATES,
    SECONDARY_STATES,
    Deploy,
    Management,
)
from dcapi.peers.payload import secrets_in
from dcapi.peers.remote import RemoteSubcloud
from dcapi.peers.texts import told
from dcapi.sync.audit.decisions import AuditPlan, Fate, MemberDecision, MemberHere
from dcapi.sync.values.digest import read_digest
from dcapi.sync.values.merge import (
    FIELDS,
    Sent,
    Values,
    changed_there,
    differing_fields,
    taken_over,
    unfit_fields,
    unsynced_fields,
    with_additions,
)

FAILED_STATES = frozenset({Deploy.REHOME_FAILED, Deploy.REHOME_PREP_FAILED})
# A site that migrates the group takes over, or has taken over, what is in one of these states there.
TAKEN_STATES = MIGRATABLE_STATES | REHOMING_STATES | {Deploy.COMPLETE}


# -- The peer migrates the group --


def plan_ceding(members: Iterable[MemberHere], there: Iterable[RemoteSubcloud]) -> AuditPlan:
    """Let go what the peer can take: a member that it does not have would be managed nowhere."""
    takes = {copy.region_name for copy in there if copy.deploy_status in TAKEN_STATES}
    plan = AuditPlan()
    for member in members:
        in_service = member.managed and member.deploy_status == Deploy.COMPLETE
        if member.in_group and in_service and member.region_name in takes:
            plan.steps.append(MemberDecision(member, Fate.REHOME_PENDING))
    return plan


# -- The peer leads the group --


def plan_following(
    members: Iterable[MemberHere],
    there: Iterable[RemoteSubcloud],
    outside: Mapping[str, RemoteSubcloud | None],
    *,
    primary: bool,
    max_length: int,
    original: bool = False,
) -> AuditPlan:
    """Become what the leader says; ``original``: it runs the original, and is not at it any more.

    ``outside``: what the peer has of the regions of members that are not in its group; None for one that is
    not there at all. A region that was not looked for is missing. Only a primary site lets go what the leader
    does not have, and deletes what is a copy already: a secondary copy goes when its primary says so.
    ``max_length`` bounds the values that come over: the site's setting.
    """
    plan = AuditPlan()
    copies = {copy.region_name: copy for copy in there}
    known = {member.region_name: member for member in members}
    for region_name, member in known.items():
        copy = copies.get(region_name)
        if copy is not None:
            if original and _is_untaken(member, copy):
                plan.untaken.append(member.name)
            _follow_copy(plan, member, copy, primary=primary, max_length=max_length)
        elif member.in_group:
            _follow_absence(plan, member, outside, primary=primary)
    for region_name, copy in copies.items():
        if region_name not in known:
            plan.differing[copy.name] = "it is in the group there but unknown here"
    return plan


def _is_untaken(member: MemberHere, copy: RemoteSubcloud) -> bool:
    """Whether the leader did not get to what this site has, or let go for it."""
    waits = member.managed or member.deploy_status == Deploy.REHOME_PENDING
    return member.in_group and waits and not _lives(copy) and copy.deploy_status in SECONDARY_STATES


def _lives(copy: RemoteSubcloud) -> bool:
    """Whether a subcloud lives at the peer, rather than being a copy there."""
    return copy.management_state == Management.MANAGED or copy.deploy_status == Deploy.COMPLETE


def _follow_copy(
    plan: AuditPlan, member: MemberHere, copy: RemoteSubcloud, *, primary: bool, max_length: int
) -> None:
    fate = _fate(member, copy)
    settled = _lives(copy) or copy.deploy_status in FAILED_STATES
    untouched = not _lives(copy) and copy.deploy_status == Deploy.REHOME_PREP_FAILED
    if not member.in_group and (untouched or not settled):
        plan.differing[member.name] = "it is in the group there but not here"
        return
    _note_state(plan, member, copy, settled=settled)
    if unfit := ", ".join(unfit_fields(copy, max_length=max_length)):
        plan.differs(member.name, f"its values there cannot be stored: {unfit}")
    values, lost = _follow_values(plan, member, copy, primary=primary, max_length=max_length)
    if not member.in_group:
        lost = ("peer group", *lost)
    if lost:
        plan.lost[member.name] = lost
    plan.steps.append(
        MemberDecision(
            member,
            fate,
            values if differing_fields(member.values, values) else None,
            joins=not member.in_group,
            error=_kept_error(member, copy) if fate is Fate.REHOME_FAILED else "",
            arrived=member.name not in plan.differing and member.name not in plan.untaken,
        )
    )


def _note_state(plan: AuditPlan, member: MemberHere, copy: RemoteSubcloud, *, settled: bool) -> None:
    """Note in what the copy is not what it should be, apart from its values."""
    if copy.deploy_status in FAILED_STATES and not _lives(copy):
        plan.failed.append(member.name)
    elif member.name in plan.untaken:
        pass  # the finding about these says so
    elif not settled and not (member.is_copy and copy.deploy_status in COPY_STATES):
        plan.differs(member.name, f"it is {copy.deploy_status} there")
    if copy.name != member.name:
        plan.differs(member.name, f"its name there is {copy.name}")


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
    return told(copy.error_description, secrets) or NO_ERRORS


def _follow_values(
    plan: AuditPlan, member: MemberHere, copy: RemoteSubcloud, *, primary: bool, max_length: int
) -> tuple[Values, tuple[str, ...]]:
    """The values to have, and the fields in which a change of this site gives way.

    What changed here alone since it was pushed stays, and differs until the next sync.
    """
    taken = taken_over(member.values, copy, max_length=max_length)
    if not primary:
        return taken, ()
    pushed = member.pushed
    changed_here = pushed is None or member.digest is None or not pushed.holds(member.digest)
    values, lost = taken, differing_fields(member.values, taken) if changed_here else ()
    shown = _shown_of(member, copy, max_length)
    if changed_here and shown is not None:
        values, lost = with_additions(member.values, taken, shown), ()
    arrived = read_digest(None if pushed is None else pushed.digest)
    left = {*differing_fields(values, taken), *unsynced_fields(values, copy, arrived)}
    if left:
        plan.differs(member.name, f"not synced yet: {', '.join(name for name in FIELDS if name in left)}")
    return values, lost


def _shown_of(member: MemberHere, copy: RemoteSubcloud, max_length: int) -> Sent | None:
    """What of all that may have arrived the copy still is; None when the leader has changed it."""
    digests = [] if member.pushed is None else member.pushed.may_have_arrived
    found = (sent for sent in map(read_digest, digests) if sent)
    changed = partial(changed_there, member.values, copy, max_length=max_length)
    return next((sent for sent in found if not changed(sent)), None)


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
        plan.steps.append(MemberDecision(member, Fate.DELETED if member.is_deletable else Fate.LET_GO))
    elif lives and not member.is_copy:
        plan.steps.append(MemberDecision(member, Fate.SECONDARY))
        plan.differing[member.name] = why
    elif member.is_copy:
        plan.differing[member.name] = why
    else:
        plan.kept.append(member.name)


# -- This site leads the group --


def plan_leading(
    members: Iterable[MemberHere], there: Iterable[RemoteSubcloud], *, original: bool = False
) -> AuditPlan:
    """Take back what was let go for a migration that came to nothing.

    A site of ours takes a claim back before it touches a subcloud; an original may have died on its way.
    """
    copies = {copy.region_name: copy for copy in there}
    plan = AuditPlan()
    for member in members:
        copy = copies.get(member.region_name)
        let_go = not member.managed and member.deploy_status == Deploy.REHOME_PENDING
        if member.in_group and let_go and _is_not_taken(copy, original=original):
            plan.steps.append(MemberDecision(member, Fate.MANAGED))
            plan.waits_there |= copy is not None and _waits_to_be_taken(copy)
        elif original and member.in_group and copy is not None:
            _settle(plan, member, copy, let_go=let_go)
        elif member.in_group and member.deploy_status in FAILED_STATES:
            plan.failed.append(member.name)
    return plan


def _is_not_taken(copy: RemoteSubcloud | None, *, original: bool) -> bool:
    """Whether the peer did not begin with it; an original may have let go for this site what it had."""
    untouched = copy is None or copy.deploy_status in SECONDARY_STATES
    return untouched or (original and copy is not None and _waits_to_be_taken(copy))


def _settle(plan: AuditPlan, member: MemberHere, copy: RemoteSubcloud, *, let_go: bool) -> None:
    """What becomes of a member that an original may have begun to take over, or let go for this site."""
    if let_go and copy.management_state == Management.MANAGED:
        plan.kept_there.append(member.name)
    elif let_go and copy.deploy_status in FAILED_STATES:
        plan.failed.append(member.name)
        plan.steps.append(MemberDecision(member, Fate.REHOME_FAILED, error=_kept_error(member, copy)))
    elif not member.managed and member.deploy_status in MIGRATABLE_STATES and _waits_to_be_taken(copy):
        plan.left_there.append(member.name)
    elif member.deploy_status in FAILED_STATES:
        plan.failed.append(member.name)


def _waits_to_be_taken(copy: RemoteSubcloud) -> bool:
    return copy.management_state == Management.UNMANAGED and copy.deploy_status == Deploy.REHOME_PENDING


def managed_twice(members: Iterable[MemberHere], there: Iterable[RemoteSubcloud]) -> bool:
    """Whether the peer, which follows, manages a subcloud that is managed here."""
    managed = {copy.region_name for copy in there if copy.management_state == Management.MANAGED}
    return any(member.managed and member.region_name in managed for member in members)
