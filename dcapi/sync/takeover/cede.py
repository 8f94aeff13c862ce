"""Asks the other sites to give a subcloud away before this one takes it over."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import NamedTuple

from dcapi.models.states import REHOMING_STATES, Deploy, Management, PeerKind, RehomeStep
from dcapi.peers.address import PeerAddress
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.peers.port import PeerPort
from dcapi.peers.remote import RemoteSubcloud
from dcapi.runtime import Runtime
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import client_of

logger = logging.getLogger(__name__)


class RehomedThere(Exception):
    """Another site takes the subcloud over itself and gives way to nobody; the message says which one."""


class OtherSite(NamedTuple):
    """A site that may manage the subcloud; ``known_away``: its heartbeats are not answered."""

    peer: PeerAddress
    known_away: bool = False
    kind: PeerKind = PeerKind.OURS


def ask_others(
    runtime: Runtime,
    hold: Hold,
    others: Iterable[OtherSite],
    region_name: str,
    step: RehomeStep,
) -> str | None:
    """Let every other site stop to manage a subcloud; returns why one did not, None when all did.

    A site that has no such subcloud manages none. One of ours that does not answer is asked again; when it is
    known to be away, or at the last try, the subcloud is taken over without it: that is what migrating is
    for. An original in ``others`` has answered the claim: until it says that it let go, it did not. Raises
    RehomedThere.
    """
    for other in others:
        client = client_of(runtime, other.peer, hold)
        try:
            if other.kind is PeerKind.ORIGINAL:
                _cede_by_original(client, other.peer.name, region_name)
            else:
                _cede(client, region_name)
        except PeerRefused as error:
            return error.message
        except PeerUnavailable as error:
            is_patient = not other.known_away and step is not RehomeStep.CEDING_LAST
            if is_patient or other.kind is PeerKind.ORIGINAL:
                return error.message
            logger.warning("%s is taken over without asking: %s", region_name, error.message)
    return None


def _cede(client: PeerPort, region_name: str) -> None:
    there = client.subcloud(region_name)
    if there is None or _is_let_go(there):
        return
    try:
        client.cede_subcloud(region_name)
    except PeerRefused as error:
        # Some sites refuse to unmanage what is unmanaged: it is theirs no more all the same.
        if there.management_state != Management.UNMANAGED:
            raise
        logger.info("%s is unmanaged there already: %s", region_name, error.message)


def _is_let_go(there: RemoteSubcloud) -> bool:
    """Whether nobody there looks after it. A site that does not say may well manage it."""
    return there.management_state == Management.UNMANAGED and there.deploy_status != Deploy.COMPLETE


def _cede_by_original(client: PeerPort, peer_name: str, region_name: str) -> None:
    """It asks nobody who else takes a subcloud, so what it has begun with is left to it."""
    there = client.subcloud(region_name)
    if there is None:
        return
    managed = there.management_state != Management.UNMANAGED
    if there.deploy_status in REHOMING_STATES or (not managed and _waits_for(client, there)):
        raise RehomedThere(f"Site {peer_name} is rehoming it.")
    if managed or there.deploy_status == Deploy.COMPLETE:
        client.cede_subcloud(region_name, managed=managed)


def _waits_for(client: PeerPort, there: RemoteSubcloud) -> bool:
    """Whether an unmanaged subcloud is rehomed there and has yet to come online."""
    if there.deploy_status != Deploy.COMPLETE:
        return False
    return any(group.id == there.peer_group_id and group.is_migrating for group in client.groups())
