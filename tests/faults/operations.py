"""What an operator does at A, at random; each notes in the ledger what A said to it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from dcapi.lab.members import Member
from dcapi.lab.operator import Json
from tests.faults.checks import ASSOCIATIONS, GROUPS
from tests.faults.fields import FIELDS, NETWORK, Field
from tests.faults.ledger import Answered
from tests.faults.migration import migrate
from tests.faults.networks import COMMON, KINDS, OWN, random_gateways, random_marker
from tests.faults.pace import paced_range
from tests.faults.reconfiguration import reconfigure_network
from tests.faults.session import GATEWAY, PEER, Session

# After a sync was asked for, and before the next changes.
SYNC_SECONDS = paced_range(0.0, 2.0)

Operation = Callable[[Session, random.Random], object]


def change_member(session: Session, chance: random.Random, member: Member | None = None) -> Answered:
    """Set one field of a member to something new."""
    member = member or chance.choice(session.world.members)
    return set_field(session, member, chance.choice(_free_fields(session, member)), _marker(session, chance))


def _marker(session: Session, chance: random.Random, place: int | None = None) -> int:
    return random_marker(chance, session.family, place=place)


def set_field(session: Session, member: Member, field: Field, marker: int) -> Answered:
    answered, _ = session.ask(
        f"{field.name} of {member.name} to {marker}",
        lambda operator: operator.update_subcloud(member.name, field.parts(member, marker)),
    )
    for each in field.beside:
        session.ledger.note(member.name, each.name, each.value(member, marker), answered)
    return answered


def _free_fields(session: Session, member: Member) -> list[Field]:
    """What of a member may be changed: not its bootstrap values while its network is being reconfigured."""
    busy = member.name in session.reconfigured
    return [field for field in FIELDS if not (busy and field.touches_values)]


def exchange_networks(session: Session, chance: random.Random) -> None:
    """Let two members of a group change places; maybe the group is synced in between."""
    group_id = chance.choice(session.groups)
    members = [each for each in members_of(session, group_id) if each.name not in session.reconfigured]
    if len(members) < 2:
        return
    (one, other), (first, second) = chance.sample(members, 2), chance.sample(range(len(COMMON)), 2)
    _give_places(session, chance, ((one, first), (other, second)))
    if chance.random() < 0.7:
        sync(session, group_id)
        session.over.wait(chance.uniform(*SYNC_SECONDS))
    _give_places(session, chance, ((one, OWN), (other, first), (one, second)))


def members_of(session: Session, group_id: int) -> list[Member]:
    ledger = session.ledger
    return [one for one in session.world.members if ledger.acknowledged(one.name, "peer group") == group_id]


def _give_places(session: Session, chance: random.Random, moves: Iterable[tuple[Member, int]]) -> None:
    [field] = [field for field in FIELDS if field.name == NETWORK]
    for member, place in moves:
        set_field(session, member, field, _marker(session, chance, place))


def move_member(session: Session, chance: random.Random) -> None:
    """Put a member into another group, or into none."""
    member = chance.choice(session.world.members)
    now = session.ledger.acknowledged(member.name, "peer group")
    target = chance.choice([one for one in (*session.groups, None) if one != now])
    answered, _ = session.ask(
        f"{member.name} from group {now} to {target}",
        lambda operator: operator.update_subcloud(member.name, {"peer_group": target or "none"}),
    )
    session.ledger.note(member.name, "peer group", target, answered)


def change_attribute(session: Session, chance: random.Random) -> None:
    """Change a group: one attribute, sometimes its name."""
    group_id = chance.choice(session.groups)
    name, value = chance.choice(
        (
            ("max_subcloud_rehoming", chance.randrange(1, 251)),
            ("max_subcloud_rehoming", chance.randrange(1, 251)),
            ("group_state", chance.choice(("enabled", "disabled"))),
            ("peer_group_name", f"run-{session.seed}-{chance.randrange(10**6)}-{group_id}"),
        )
    )
    asked = name.replace("_", "-")
    answered, _ = session.ask(
        f"{asked} of group {group_id} to {value}",
        lambda operator: operator.update(GROUPS, group_id, {asked: value}),
    )
    session.ledger.note(session.group(group_id), name, value, answered)


def ask_for_sync(session: Session, chance: random.Random) -> None:
    sync(session, chance.choice(session.groups))


def sync(session: Session, group_id: int) -> Answered:
    """Ask for a sync of a group's association, without waiting for it."""
    association_id = session.find_association(group_id)
    if association_id is None:
        session.say(f"no association of group {group_id} to sync")
        return Answered.REFUSED
    return session.ask(f"sync of group {group_id}", lambda operator: operator.sync(association_id))[0]


def change_priority(session: Session, chance: random.Random) -> None:
    group_id, priority = chance.choice(session.groups), chance.randrange(1, 100)
    association_id = session.find_association(group_id)
    if association_id is None:
        return
    answered, _ = session.ask(
        f"priority of group {group_id} to {priority}",
        lambda operator: operator.update(ASSOCIATIONS, association_id, {"peer_group_priority": priority}),
    )
    session.ledger.note(session.group(group_id), "priority", priority, answered)


def change_gateway(session: Session, chance: random.Random) -> None:
    """The peer gets another gateway, or two: such that all members can be synced to it."""
    gateways = random_gateways(chance, session.family)
    fields: Json = {GATEWAY: gateways}
    answered, _ = session.ask(
        f"gateway of the peer to {gateways}",
        lambda operator: operator.update("system-peers", session.world.b.name, fields),
    )
    session.ledger.note(PEER, GATEWAY, gateways, answered)


def renew_association(session: Session, chance: random.Random) -> None:
    """Delete an association and, as it often goes, create it again."""
    group_id = chance.choice(session.groups)
    thing, association_id = session.group(group_id), session.find_association(group_id)
    if association_id is not None:
        answered, answer = session.ask(
            f"deletion of the association of group {group_id}",
            lambda operator: operator.delete(ASSOCIATIONS, association_id),
        )
        # 422 may leave the mark: then the deletion is finished in the background.
        background = answered is Answered.REFUSED and "in the background" in str(answer)
        session.ledger.note(thing, "associated", False, Answered.UNKNOWN if background else answered)
    if chance.random() < 0.8:
        associate(session, group_id)


def associate(session: Session, group_id: int) -> None:
    """Associate a group, if it is not."""
    fields = session.association_fields(group_id)
    answered, _ = session.ask(
        f"association of group {group_id}", lambda operator: operator.create(ASSOCIATIONS, fields)
    )
    thing = session.group(group_id)
    session.ledger.note(thing, "associated", True, answered)
    session.ledger.note(thing, "priority", fields["peer_group_priority"], answered)


def add_subcloud(session: Session, chance: random.Random) -> None:
    """Add a subcloud, which is then deployed in the background."""
    new = session.world.new_member(chance.choice(KINDS))
    answered, _ = session.ask(
        f"creation of {new.name}", lambda operator: operator.add_subcloud(new.creation())
    )
    session.added[new.name] = answered


# Operation → how often it comes.
OPERATIONS: dict[Operation, int] = {
    change_member: 8,
    move_member: 4,
    ask_for_sync: 6,
    change_attribute: 3,
    change_priority: 1,
    change_gateway: 1,
    reconfigure_network: 2,
    exchange_networks: 3,
    renew_association: 2,
    add_subcloud: 1,
}


# In a run with migrations also this one, as often as that.
MIGRATIONS: dict[Operation, int] = {migrate: 6}


def random_operation(session: Session, chance: random.Random) -> Operation:
    operations = OPERATIONS | (MIGRATIONS if session.migrates else {})
    return chance.choices(list(operations), list(operations.values()))[0]
