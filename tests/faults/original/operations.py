"""What operators do at both sites, at random."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from dcapi.lab.members import SYSADMIN_PASSWORD
from dcapi.lab.operator import Json
from tests.faults.fields import NETWORK
from tests.faults.ledger import Answered, attempt
from tests.faults.networks import ANY, IPV4, OWN, compared_network, random_marker, with_network
from tests.faults.original.picture import half_of_d, half_of_o
from tests.faults.original.session import TEXTS, OriginalSession, Shared
from tests.faults.original.world import D, O
from tests.faults.pace import paced_range

Operation = Callable[[OriginalSession, random.Random], object]

# Between two calls that meet, and before a call that comes after another one's end.
APART_SECONDS = paced_range(0, 0.5)
AFTER_SECONDS = paced_range(0.5, 3.0)
# How often, of two sites that are asked at once, the leader of the group is the second one.
LEADER_LAST = 0.75
# How long the original rehomes then, by its clock: else it is over before the other one begins.
MEETING_PLAYBOOKS = 8.0, 24.0


def migrate(session: OriginalSession, site: str, shared: Shared) -> Answered:
    answered, answer = session.ask(
        site, f"migration of {shared.name}", lambda operator: operator.migrate(shared.name, SYSADMIN_PASSWORD)
    )
    if answered is Answered.ACKNOWLEDGED:
        session.say(f"  {len(answer)} members move")
        session.landed += 1
    session.done[f"migration to {site} {answered.value}"] += 1
    return answered


def migrate_somewhere(session: OriginalSession, chance: random.Random) -> None:
    migrate(session, chance.choice((D, O)), chance.choice(session.groups))


def migrate_and_again(session: OriginalSession, chance: random.Random) -> None:
    """Migrate, and again after a while: at the same site, or at the other one."""
    shared = chance.choice(session.groups)
    migrate(session, chance.choice((D, O)), shared)
    session.over.wait(chance.uniform(*AFTER_SECONDS))
    migrate(session, chance.choice((D, O)), shared)


def migrate_at_both(session: OriginalSession, chance: random.Random) -> None:
    """Both sites are asked for one group, one a little later than the other."""
    shared = chance.choice(session.groups)
    _ask_both(session, chance, shared, _order(session, chance, shared))


def quarrel(session: OriginalSession, chance: random.Random) -> None:
    """Members of a group that D leads fail at O, which leads it then: both have something to take over.

    Both are asked, in either order.
    """
    shared = chance.choice(session.groups)
    if not half_of_d(session.world, shared).leads:
        migrate(session, D, shared)
        session.over.wait(chance.uniform(*AFTER_SECONDS))
    failing = chance.sample(shared.members, chance.randint(1, max(1, len(shared.members) - 1)))
    session.world.o.switches.failing_playbooks |= set(failing)
    session.say(f"playbooks fail at O: {failing}")
    migrate(session, O, shared)
    session.over.wait(chance.uniform(*AFTER_SECONDS))
    session.world.o.switches.failing_playbooks -= set(failing)
    _ask_both(session, chance, shared, chance.choice(([D, O], [O, D])))


def _order(session: OriginalSession, chance: random.Random, shared: Shared) -> list[str]:
    """Mostly the site first that does not lead: the one that does has something to take over after it."""
    order = [O, D] if half_of_d(session.world, shared).leads else [D, O]
    return order if chance.random() < LEADER_LAST else order[::-1]


def _ask_both(session: OriginalSession, chance: random.Random, shared: Shared, sites: list[str]) -> None:
    session.world.o.switches.playbook_seconds = chance.uniform(*MEETING_PLAYBOOKS)
    first = threading.Thread(target=migrate, args=(session, sites[0], shared))
    first.start()
    session.over.wait(chance.uniform(*APART_SECONDS))
    migrate(session, sites[1], shared)
    first.join()


def change_member(session: OriginalSession, chance: random.Random) -> None:
    """Change a text of a member at its home, while that leads the group."""
    shared = chance.choice(session.groups)
    name, field, value = chance.choice(shared.members), chance.choice(TEXTS), f"Hue {chance.randrange(10**6)}"
    if not _leads_at_home(session, shared):
        return
    answered, _ = session.ask(
        shared.primary,
        f"{field} of {name} to {value}",
        lambda operator: operator.update_subcloud(name, {field: value}),
    )
    session.done[f"change {answered.value}"] += 1
    if shared.primary == D:
        session.ledger.note(name, field, value, answered)


def change_network(session: OriginalSession, chance: random.Random) -> None:
    """Give a member another network at its home, while that leads the group.

    An original knows one gateway of D, of IPv4, and does not judge whether networks meet.
    """
    shared = chance.choice(session.groups)
    name = chance.choice(shared.members)
    if not _leads_at_home(session, shared):
        return
    marker = random_marker(chance, ANY) if shared.primary == D else random_marker(chance, IPV4, place=OWN)
    values = with_network(session.members[name], marker)
    answered, _ = session.ask(
        shared.primary,
        f"network of {name} to {values['management_subnet']}",
        lambda operator: operator.update_subcloud(name, {"bootstrap_values": values}),
    )
    session.done[f"network {answered.value}"] += 1
    if shared.primary == D:
        session.ledger.note(name, NETWORK, compared_network(values), answered)


def sync(session: OriginalSession, chance: random.Random) -> None:
    """Sync a group from its home. An original's removes copies of what it did not take over: not then."""
    shared = chance.choice(session.groups)
    if not _leads_at_home(session, shared):
        return
    if shared.primary == O and half_of_o(session.world, shared).waiting:
        return
    answered = ask_for_sync(session, shared)
    session.done[f"sync {answered.value}"] += 1


def ask_for_sync(session: OriginalSession, shared: Shared) -> Answered:
    answered, found = attempt(lambda: session.association(shared.primary, shared))
    if answered is not Answered.ACKNOWLEDGED:
        return answered
    association: Json = found
    return session.ask(
        shared.primary, f"sync of {shared.name}", lambda operator: operator.sync(association["id"])
    )[0]


def _leads_at_home(session: OriginalSession, shared: Shared) -> bool:
    half = half_of_d if shared.primary == D else half_of_o
    return half(session.world, shared).leads


OPERATIONS: dict[Operation, int] = {
    migrate_somewhere: 6,
    migrate_and_again: 3,
    migrate_at_both: 5,
    quarrel: 6,
    change_member: 3,
    change_network: 3,
    sync: 2,
}


# Where two migrations meet.
MEETINGS: tuple[Operation, ...] = (migrate_at_both, quarrel)


def random_operation(chance: random.Random) -> Operation:
    return chance.choices(list(OPERATIONS), list(OPERATIONS.values()))[0]


def random_meeting(chance: random.Random) -> Operation:
    return chance.choice(MEETINGS)
