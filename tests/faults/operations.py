"""What an operator does at A, at random; each notes in the ledger what A said to it."""

from __future__ import annotations

import random
from collections.abc import Callable

from dcapi.lab.members import Member
from dcapi.lab.operator import Json
from tests.faults.checks import ASSOCIATIONS, GROUPS
from tests.faults.fields import FIELDS
from tests.faults.ledger import Answered
from tests.faults.migration import migrate
from tests.faults.session import GATEWAY, PEER, Session

Operation = Callable[[Session, random.Random], object]


def change_member(session: Session, chance: random.Random, member: Member | None = None) -> Answered:
    """Set one field of a member to something new."""
    member = member or chance.choice(session.world.members)
    field, marker = chance.choice(FIELDS), chance.randrange(1, 10**6)
    answered, _ = session.ask(
        f"{field.name} of {member.name} to {marker}",
        lambda operator: operator.update_subcloud(member.name, field.parts(member, marker)),
    )
    session.ledger.note(member.name, field.name, field.value(member, marker), answered)
    return answered


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
    address = f"10.33.{chance.randrange(1, 250)}.1"
    fields: Json = {GATEWAY: address}
    answered, _ = session.ask(
        f"gateway of the peer to {address}",
        lambda operator: operator.update("system-peers", session.world.b.name, fields),
    )
    session.ledger.note(PEER, GATEWAY, address, answered)


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
    new = session.world.new_member()
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
    renew_association: 2,
    add_subcloud: 1,
}


# In a run with migrations also this one, as often as that.
MIGRATIONS: dict[Operation, int] = {migrate: 6}


def random_operation(session: Session, chance: random.Random) -> Operation:
    operations = OPERATIONS | (MIGRATIONS if session.migrates else {})
    return chance.choices(list(operations), list(operations.values()))[0]
