"""The deployers by the name that the setting DEPLOYER gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dcapi.deploy import ansible, simulated
from dcapi.deploy.guarded import GuardedDeployer
from dcapi.deploy.port import Deployer
from dcapi.errors import SettingsError
from dcapi.settings import Settings

DEPLOYERS: Mapping[str, Callable[[Settings], Deployer]] = {
    "simulated": simulated.from_settings,
    "ansible": ansible.from_settings,
}


def deployer_of(settings: Settings) -> Deployer:
    """The deployer of a site, whose phases fail where it raises.

    Raises SettingsError when there is none of that name.
    """
    try:
        make = DEPLOYERS[settings.DEPLOYER]
    except KeyError as error:
        raise SettingsError(
            f"DCAPI_DEPLOYER: {settings.DEPLOYER!r} is not one of {', '.join(DEPLOYERS)}"
        ) from error
    return GuardedDeployer(make(settings))
