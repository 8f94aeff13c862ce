"""What an audit decides of the members of a group, and the sentences that say so to an operator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dcapi.models.states import COPY_STATES, SECONDARY_STATES
from dcapi.peers.texts import clean
from dcapi.sync.values.merge import Values
from dcapi.sync.values.plan import Pushed

# So many subclouds are named in a message for each thing that is to be said.
NAMED = 10


class Fate(StrEnum):
    """What a subcloud becomes here."""

    SECONDARY = "secondary"
    REHOME_FAILED = "rehome-failed"
    REHOME_PENDING = "rehome-pending"
    MANAGED = "managed"
    # Nobody's: unmanaged and out of the group, with all its values.
    LET_GO = "let go"
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

    @property
    def is_deletable(self) -> bool:
        """Whether it is another site's, and no subcloud of this site whose rehoming failed there."""
        return not self.managed and self.deploy_status in SECONDARY_STATES


@dataclass(frozen=True)
class MemberDecision:
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

    steps: list[MemberDecision] = field(default_factory=list)
    # Never seen to arrive at the peer, so they stay what they are.
    kept: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    # Name → why it is not what it is at the peer.
    differing: dict[str, str] = field(default_factory=dict)
    # Name → fields whose values of this site gave way to the leader's.
    lost: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # Of an original. It leads, and left these here; it does not, and manages these; it let these go for this
    # site, which did not get them.
    untaken: list[str] = field(default_factory=list)
    kept_there: list[str] = field(default_factory=list)
    left_there: list[str] = field(default_factory=list)

    # An original let something go for this site and has to look: it is managed here.
    waits_there: bool = False

    def differs(self, name: str, why: str) -> None:
        """Note one more reason why a subcloud is not what it is at the peer."""
        self.differing[name] = "; ".join([*filter(None, [self.differing.get(name)]), why])

    @property
    def changes(self) -> list[MemberDecision]:
        return [step for step in self.steps if not step.is_empty]

    @property
    def is_equal(self) -> bool:
        """Whether both sites have the same afterwards, and nothing is left that failed."""
        return not (self.kept or self.failed or self.differing or self.is_unsettled)

    @property
    def is_unsettled(self) -> bool:
        """Whether an operator has to migrate once more, because the peer is an original."""
        return bool(self.untaken or self.kept_there or self.left_there)

    def findings(self, peer_name: str) -> list[str]:
        """What the operator has to be told, a sentence each."""
        lost = {name: ", ".join(fields) for name, fields in self.lost.items()}
        told = (
            (f"Never synced to peer {peer_name}, so kept as it was here", _names(self.kept)),
            (f"Rehoming failed at peer {peer_name}", _names(self.failed)),
            (f"Differs from peer {peer_name}", _reasons(self.differing)),
            ("Changed at both sites, replaced here by the leader's values", _reasons(lost)),
            (untaken_text(peer_name), _names(self.untaken)),
            ("Let go here", _reasons(dict.fromkeys(self.kept_there, kept_text(peer_name)))),
            (f"Not taken over from site {peer_name}, which let it go", _names(self.left_there)),
        )
        return [f"{what}: {names}." for what, names in told if names]


def untaken_text(peer_name: str) -> str:
    return f"Site {peer_name} leads the group and did not take over"


def kept_text(peer_name: str) -> str:
    return f"Site {peer_name} manages it: migrate there again"


def _names(names: Iterable[str]) -> str:
    return _listed([clean(name) for name in names])


def _reasons(reasons: Mapping[str, str]) -> str:
    return _listed([f"{clean(name)} ({clean(why)})" for name, why in reasons.items()])


def _listed(named: list[str]) -> str:
    more = [f"and {len(named) - NAMED} more"] if len(named) > NAMED else []
    return ", ".join([*named[:NAMED], *more])
