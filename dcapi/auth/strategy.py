"""The ways to find out who calls, by the name that DCAPI_AUTH_STRATEGY gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dcapi.auth.context import Caller
from dcapi.auth.embedded import EmbeddedIdentity
from dcapi.instance import InstanceFolder
from dcapi.settings import Settings


class Strategy(Protocol):
    def caller_of(self, token: str) -> Caller:
        """Who the token of X-Auth-Token stands for; raises Unauthorized for one that counts for nothing."""


STRATEGIES: dict[str, Callable[[InstanceFolder, Settings], Strategy]] = {
    "embedded": EmbeddedIdentity.of,
}


def make_strategy(settings: Settings) -> Strategy:
    """The strategy that the settings name."""
    return STRATEGIES[settings.AUTH_STRATEGY](InstanceFolder.of(settings), settings)
