"""A member in no group gets another network from its site, which takes its time."""

from __future__ import annotations

import random

from dcapi.lab.members import (
    DUPLEX,
    DUPLEX_DUAL,
    SIMPLEX,
    SIMPLEX_DUAL,
    SYSADMIN_PASSWORD,
    Member,
    member,
)
from dcapi.lab.operator import Json, base64_text
from dcapi.lab.polling import OverdueError, wait_until
from tests.faults.fields import ADDRESS, NETWORK, payload_of
from tests.faults.ledger import Answered, attempt
from tests.faults.networks import COMMON, network_of
from tests.faults.pace import paced
from tests.faults.session import Session

# Kind of the network that a member has → kinds of those that its gateway serves as well.
REACH = {
    SIMPLEX: (SIMPLEX, DUPLEX_DUAL),
    DUPLEX: (DUPLEX,),
    DUPLEX_DUAL: (SIMPLEX, DUPLEX_DUAL),
    SIMPLEX_DUAL: (SIMPLEX_DUAL,),
}
# Field of the request → the end of the key that it sets, of the network that is shown.
PARTS = {
    "management_subnet": "subnet",
    "management_start_ip": "start_address",
    "management_end_ip": "end_address",
    "management_gateway_ip": "gateway_address",
}
# The work takes no time where nothing is in its way.
END_SECONDS = paced(3.0)


def reconfigure_network(session: Session, chance: random.Random) -> None:
    """Reconfigure the network of a member in no group, and manage the member again when that is over."""
    candidates = [each for each in session.world.members if _may_be_reconfigured(session, each)]
    if not candidates:
        return
    own = chance.choice(candidates)
    session.unmanaged.add(own.name)
    answered, _ = session.ask(
        f"{own.name} unmanaged",
        lambda operator: operator.update_subcloud(own.name, {"management-state": "unmanaged"}),
    )
    if answered is Answered.ACKNOWLEDGED:
        _reconfigure(session, chance, own)
    _manage(session, own)


def _may_be_reconfigured(session: Session, own: Member) -> bool:
    """Whether it is in no group, and the network that it would change is known."""
    ledger, name = session.ledger, own.name
    is_alone = ledger.acknowledged(name, "peer group") is None and ledger.is_certain(name, "peer group")
    return is_alone and ledger.is_certain(name, NETWORK) and name not in session.reconfigured


def _reconfigure(session: Session, chance: random.Random, own: Member) -> None:
    before: Json = session.ledger.acknowledged(own.name, NETWORK)
    pool = "admin" if "admin_subnet" in before else "management"
    sample = member(chance.choice(COMMON), sample=chance.choice(REACH[_kind(before)])).bootstrap_values
    network = {field: sample[f"{pool}_{end}"] for field, end in PARTS.items()}
    form = {"bootstrap_address": own.bootstrap_address, "sysadmin_password": base64_text(SYSADMIN_PASSWORD)}
    answered, _ = session.ask(
        f"network of {own.name} to {network['management_subnet']}",
        lambda operator: operator.update_subcloud(own.name, network | form),
    )
    if answered is Answered.REFUSED:
        return
    after = before | {f"{pool}_{end}": network[field] for field, end in PARTS.items()}
    if f"{pool}_floating_address" in before:
        after[f"{pool}_floating_address"] = network["management_start_ip"]
    news = ((NETWORK, after), (ADDRESS, own.bootstrap_address))
    # What was accepted is done later; and a site that leads the group by its copy may have its own way.
    session.reconfigured.add(own.name)
    for name, value in news:
        session.ledger.note(own.name, name, value, Answered.UNKNOWN)
    if answered is Answered.ACKNOWLEDGED and _has_come(session, own, after):
        session.reconfigured.discard(own.name)
        for name, value in news:
            session.ledger.begin(own.name, name, value)


def _kind(network: Json) -> str:
    if "admin_subnet" in network:
        return DUPLEX
    first, *others = network["management_subnet"].split(",")
    return SIMPLEX_DUAL if ":" in first else DUPLEX_DUAL if others else SIMPLEX


def _has_come(session: Session, own: Member, network: Json) -> bool:
    """Wait until a member shows a network; False when it does not yet, or A does not say."""

    def is_there() -> bool:
        with session.world.at_a.twin() as operator:
            answered, shown = attempt(lambda: operator.one("subclouds", own.name))
        return answered is Answered.ACKNOWLEDGED and network_of(payload_of(shown)) == network

    try:
        wait_until("the network to be there", is_there, within=END_SECONDS)
    except OverdueError:
        session.say(f"the network of {own.name} has not come yet")
        return False
    return True


def _manage(session: Session, own: Member) -> None:
    session.ask(
        f"{own.name} managed",
        lambda operator: operator.update_subcloud(own.name, {"management-state": "managed"}),
    )


def manage_again(session: Session) -> None:
    """Once things are quiet: manage what a disturbance left unmanaged, and is in no group."""
    session.reconfigured.clear()
    for own in session.world.members:
        shown = session.world.at_a.one("subclouds", own.name)
        if shown["management-state"] == "unmanaged" and shown["peer_group_id"] is None:
            _manage(session, own)
