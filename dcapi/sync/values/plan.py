"""What differs between the members here and the copies at a peer. Pure: nothing is read, nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dcapi.models.states import COPY_STATES
from dcapi.peers.remote import RemoteSubcloud
from dcapi.sync.values.compare import shows
from dcapi.sync.values.member import Member
from dcapi.sync.values.waves import Waves, waves


@dataclass(frozen=True)
class Pushed:
    """What the ledger knows of one member at one peer.

    ``digest``: of what arrived last, None when nothing is known to have; ``sending``: of what may have
    arrived since, None when the end of all sending was seen.
    """

    name: str
    digest: str | None = field(repr=False)
    removed: bool = False
    sending: str | None = field(default=None, repr=False)

    @property
    def may_have_arrived(self) -> list[str]:
        """The digests one of which the peer's copy had, if nobody changed it there."""
        return [digest for digest in (self.digest, self.sending) if digest is not None]

    def holds(self, digest: str) -> bool:
        """Whether nothing else than this can have arrived last."""
        return self.digest == digest and self.sending is None


@dataclass(frozen=True)
class Removal:
    """A subcloud to be taken away from the peer; ``look_first``: read where it stands before that."""

    region_name: str
    name: str
    look_first: bool = False


@dataclass
class Plan:
    """What a run has to do. ``problems`` maps a subcloud's name to why nothing can be done about it."""

    create: list[Member] = field(default_factory=list)
    # Members that stand there under another name, or in the way of each other: that copy goes first.
    replace: list[tuple[Member, RemoteSubcloud]] = field(default_factory=list)
    update: list[Member] = field(default_factory=list)
    remove: list[Removal] = field(default_factory=list)
    # In which order members are sent, by region name; and which of those to be replaced go with the removals.
    waves: Waves = field(default_factory=Waves)
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def changes(self) -> int:
        """How often a subcloud has to be touched at the peer."""
        sent = len(self.create) + len(self.replace) + len(self.update)
        return sent + len(self.remove) + len(self.waves.cleared)

    @property
    def is_empty(self) -> bool:
        return not self.changes and not self.problems


def make_plan(
    members: Iterable[Member], there: Iterable[RemoteSubcloud], ledger: Mapping[str, Pushed]
) -> Plan:
    """Compare the members of a group with the subclouds of its copy at a peer.

    ``ledger`` maps region names to what was pushed before: a copy that looks equal but was pushed with
    another digest hides a changed password, and only what was pushed may be removed. Source: "A run" of the
    sync model.
    """
    plan = Plan()
    copies = {copy.region_name: copy for copy in there}
    wanted = {member.region_name: member for member in members}
    for region_name, member in wanted.items():
        _plan_member(plan, member, copies.get(region_name), ledger.get(region_name))
    for region_name, copy in copies.items():
        if region_name not in wanted:
            _plan_stranger(plan, copy, ledger.get(region_name))
    _plan_strays(plan, wanted, copies, ledger)
    _make_waves(plan, copies)
    return plan


def _plan_member(plan: Plan, member: Member, copy: RemoteSubcloud | None, pushed: Pushed | None) -> None:
    if copy is not None and copy.deploy_status not in COPY_STATES:
        plan.problems[member.name] = f"its copy is {copy.deploy_status} there and must not be changed"
    elif copy is not None and copy.name == member.name and _has_all(copy, member, pushed):
        return
    elif member.problem is not None:
        plan.problems[member.name] = member.problem
    elif copy is None:
        plan.create.append(member)
    elif copy.name != member.name:
        plan.replace.append((member, copy))
    else:
        plan.update.append(member)


def _make_waves(plan: Plan, copies: Mapping[str, RemoteSubcloud]) -> None:
    """Of members that are in each other's way, one is replaced instead of updated."""
    sent = [*(member for member, _ in plan.replace), *plan.create, *plan.update]
    plan.waves = waves(sent, copies)
    cleared = set(plan.waves.cleared)
    plan.replace += [(one, copies[one.region_name]) for one in plan.update if one.region_name in cleared]
    plan.update = [one for one in plan.update if one.region_name not in cleared]


def _has_all(copy: RemoteSubcloud, member: Member, pushed: Pushed | None) -> bool:
    """Whether a copy has what would be sent."""
    return pushed is not None and pushed.holds(member.digest) and shows(copy, member)


def _plan_stranger(plan: Plan, copy: RemoteSubcloud, pushed: Pushed | None) -> None:
    """A subcloud in the group's copy that is no member here."""
    if pushed is None:
        plan.problems[copy.name] = "it is in the group there but was not sent from here: remove it there"
    elif copy.deploy_status not in COPY_STATES:
        plan.problems[copy.name] = f"it left the group here, but is {copy.deploy_status} there"
    else:
        plan.remove.append(Removal(copy.region_name, copy.name))


def _plan_strays(
    plan: Plan,
    wanted: Mapping[str, Member],
    copies: Mapping[str, RemoteSubcloud],
    ledger: Mapping[str, Pushed],
) -> None:
    """What was pushed, is no member any more and is not in the group there: it may stand outside of it."""
    for region_name, pushed in ledger.items():
        if not pushed.removed and region_name not in wanted and region_name not in copies:
            plan.remove.append(Removal(region_name, pushed.name, look_first=True))
