"""Asks the other sites to give a subcloud away before this one takes it over."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from dcapi.jobs.hold import Hold
from dcapi.models.states import Deploy, Management, RehomeStep
from dcapi.parts import Parts
from dcapi.peers.address import PeerAddress
from dcapi.peers.errors import SUBCLOUD, PeerRefused, PeerUnavailable
from dcapi.peers.port import PeerPort

logger = logging.getLogger(__name__)


def ask_others(
    parts: Parts,
    hold: Hold,
    others: Iterable[tuple[PeerAddress, bool]],
    region_name: str,
    step: RehomeStep,
) -> str | None:
    """Let every other site stop to manage a subcloud; returns why one did not, None when all did.

    A site that has no such subcloud manages none. One that does not answer is asked again; when it is known
    to be away, or at the last try, the subcloud is taken over without it: that is what migrating is for.
    """
    for address, known_away in others:
        client = parts.peers.client(address)
        client.before_request = lambda client=client: hold.ensure(client.request_limit)  # type: ignore[misc]
        try:
            _cede(client, region_name)
        except PeerRefused as error:
            return error.message
        except PeerUnavailable as error:
            if not known_away and step is not RehomeStep.CEDING_LAST:
                return error.message
            logger.warning("%s is taken over without asking: %s", region_name, error.message)
    return None


def _cede(client: PeerPort, region_name: str) -> None:
    try:
        there = client.subcloud(region_name)
    except PeerRefused as error:
        if error.not_found(SUBCLOUD):
            return
        raise
    managed = there["management-state"] != Management.UNMANAGED
    if not managed and there["deploy-status"] != Deploy.COMPLETE:
        return
    try:
        client.cede_subcloud(region_name)
    except PeerRefused as error:
        # Some sites refuse to unmanage what is unmanaged: it is theirs no more all the same.
        if managed:
            raise
        logger.info("%s is unmanaged there already: %s", region_name, error.message)
