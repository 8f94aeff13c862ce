"""Asking other sites to let a member go, before it is taken over."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from dcapi.lab.operator import Json
from dcapi.lab.original.client import CALL_ERRORS, connect
from dcapi.lab.original.life import Life

TRIES = 3
PAUSE_SECONDS = 1.0


class Reply(Enum):
    """What came of one try at one peer."""

    NOTHING_TO_ASK_FOR = auto()
    LET_GO = auto()
    UNREADABLE = auto()
    REFUSED = auto()


@dataclass
class Handover:
    """The requests of one migration for one member."""

    life: Life
    region_name: str
    # One refused request is enough: the member is not taken over, whatever a later try brings.
    spoiled: bool = field(default=False, init=False)

    def ask(self, peer_ids: list[int]) -> bool:
        """Ask the peers one after the other until one lets the member go; says whether to take it over."""
        for peer_id in peer_ids:
            if self._ask_peer(peer_id) == Reply.LET_GO:
                break
        return not self.spoiled

    def _ask_peer(self, peer_id: int) -> Reply:
        reply = Reply.UNREADABLE
        for number in range(TRIES):
            if number and reply == Reply.UNREADABLE:
                self.life.pause(PAUSE_SECONDS)
            reply = self._try(peer_id)
            if reply in (Reply.NOTHING_TO_ASK_FOR, Reply.LET_GO):
                break
            self.spoiled |= reply == Reply.REFUSED
        return reply

    def _try(self, peer_id: int) -> Reply:
        try:
            client = connect(self.life, peer_id)
            there = client.subcloud(self.region_name, migrating=True)
            wanted = _form(there)
        except CALL_ERRORS:
            return Reply.UNREADABLE
        if wanted is None:
            return Reply.NOTHING_TO_ASK_FOR
        try:
            answer = client.update_subcloud(self.region_name, wanted)
        except CALL_ERRORS:
            return Reply.REFUSED
        return Reply.LET_GO if isinstance(answer, dict) else Reply.REFUSED


def _form(there: Json | None) -> Json | None:
    """What to ask of the site that has a member so; None when there is nothing to ask for."""
    if there is None:
        return None
    if there["management-state"] == "managed":
        return {"management-state": "unmanaged", "migrate": "true"}
    return None if there["deploy-status"] == "rehome-pending" else {"migrate": "true"}
