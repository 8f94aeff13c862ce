"""What the audit log hears of what an audit does to this site's rows, because of another site's word."""

from __future__ import annotations

from functools import partial

from dcapi.audit_log import tell_act
from dcapi.models import Subcloud
from dcapi.models.commits import after_commit
from dcapi.peers.texts import clean
from dcapi.sync.audit.decisions import Fate, MemberDecision
from dcapi.sync.audit.locked_rows import Here
from dcapi.sync.values.merge import differing_fields

# Fate of a member → what is done to it.
VERBS = {
    Fate.SECONDARY: "follow",
    Fate.REHOME_FAILED: "follow",
    Fate.REHOME_PENDING: "let go",
    Fate.LET_GO: "let go",
    Fate.DELETED: "delete",
    Fate.MANAGED: "manage",
}


def tell_following(here: Here, members: int) -> None:
    """This site follows the peer that leads the group; so many members changed by that."""
    group = here.group
    _tell(here, "follow", "subcloud_peer_group", group.id, group.peer_group_name, members=members)


def tell_fate(here: Here, row: Subcloud, fate: Fate) -> None:
    """A member became something else here."""
    _tell(here, VERBS[fate], "subcloud", row.id, row.name)


def tell_overwritten(here: Here, step: MemberDecision) -> None:
    """Values of a member gave way to those of the peer."""
    member, values = step.member, step.values
    if values is not None:
        fields = differing_fields(member.values, values)
        _tell(here, "overwrite", "subcloud", member.id, member.name, fields=fields)


def _tell(here: Here, verb: str, kind: str, number: int, name: str, **more: object) -> None:
    """Have the line written once what it tells of is committed."""
    peer = clean(here.association.peer.peer_name)
    after_commit(here.session, partial(tell_act, verb, kind, number, name, peer=peer, **more))
