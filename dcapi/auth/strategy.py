"""The ways to find out who calls, by the name that DCAPI_AUTH_STRATEGY gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dcapi.auth.context import Caller
from dcapi.auth.embedded import EmbeddedIdentity
from dcapi.auth.users import prepare_identity
from dcapi.errors import SettingsError
from dcapi.instance import InstanceFolder
from dcapi.settings import Settings


class Strategy(Protocol):
    def caller_of(self, token: str) -> Caller:
        """Who the token of X-Auth-Token stands for; raises Unauthorized for one that counts for nothing."""

    def checks(self) -> dict[str, str]:
        """Part of ``/readyz`` → its word: whether callers can be known now. Nobody is asked for it."""


def _keystone(_folder: InstanceFolder, settings: Settings) -> Strategy:
    try:
        from dcapi.auth.keystone import Keystone  # what it takes is optional, and slow to import
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"DCAPI_AUTH_STRATEGY=keystone needs requirements-keystone.txt: {error.name} is not installed"
        ) from error
    return Keystone(settings)


STRATEGIES: dict[str, Callable[[InstanceFolder, Settings], Strategy]] = {
    "embedded": EmbeddedIdentity,
    "keystone": _keystone,
}


def make_strategy(settings: Settings) -> Strategy:
    """The strategy that the settings name; raises SettingsError when it cannot work with them."""
    return STRATEGIES[settings.AUTH_STRATEGY](InstanceFolder.of(settings), settings)


def prepare_callers(folder: InstanceFolder, settings: Settings) -> None:
    """Make what the strategy needs once for a site; raises SettingsError when it cannot work."""
    if settings.AUTH_STRATEGY == "embedded":
        prepare_identity(folder, settings)
    else:
        make_strategy(settings)
