"""What differs between the members here and the copies at a peer. Pure: nothing is read, nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dcapi.models.states import COPY_STATES
from dcapi.sync.copy import RemoteSubcloud, shows
from dcapi.sync.member import Member


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
    # Members that stand there under another name: that copy goes first.
    replace: list[tuple[Member, RemoteSubcloud]] = field(default_factory=list)
    update: list[Member] = field(default_factory=list)
    remove: list[Removal] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def changes(self) -> int:
        """How many subclouds have to be touched at the peer."""
        return len(self.create) + len(self.replace) + len(self.update) + len(self.remove)

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
    return plan


def _plan_member(plan: Plan, member: Member, copy: RemoteSubcloud | None, pushed: Pushed | None) -> None:
    if copy is None:
        plan.create.append(member)
    elif copy.deploy_status not in COPY_STATES:
        plan.problems[member.name] = f"its copy is {copy.deploy_status} there and must not be changed"
    elif copy.name != member.name:
        plan.replace.append((member, copy))
    elif pushed is None or not pushed.holds(member.digest) or not shows(copy, member):
        plan.update.append(member)


def _plan_stranger(plan: Plan, copy: RemoteSubcloud, pushed: Pushed | None) -> None:
    """A subcloud in the group's copy that is no member here."""
    if pushed is None:
        plan.problems[copy.name] = "it is in the group there, and was not sent from here: remove it there"
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
