"""What can be asked about a subcloud, as checked values: no form, no file, nothing of the request is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from dcapi.deploy.port import NamedFile

Values = dict[str, Any]


@dataclass(frozen=True)
class Enrolment:
    """How a node that runs already is taken over. Errors are said in their turn."""

    # It starts at its place with what it needs: nothing is done through its BMC.
    on_site: bool = False
    on_site_error: str | None = None
    # Scripts for its first start.
    archive: NamedFile | None = field(default=None, repr=False)
    archive_error: str | None = None


@dataclass(frozen=True)
class NewSubcloud:
    """A subcloud to be created; passwords are base64 as the wire has them, and in no ``repr``."""

    name: str
    bootstrap_values: Values = field(repr=False)
    bootstrap_address: str | None = None
    region_name: str | None = None
    description: str | None = None
    location: str | None = None
    # Reference of a subcloud group: an id of digits, or a name.
    group: str | None = None
    release: str | None = None
    # With ``bmc_password`` inside.
    install_values: Values | None = field(default=None, repr=False)
    deploy_config: str | None = field(default=None, repr=False)
    sysadmin_password: str | None = field(default=None, repr=False)
    secondary: bool = False
    # It runs already, under another site, and is brought over here.
    migrate: bool = False
    # Another site asks for it.
    from_peer: bool = False
    # It runs already, and is joined after its creation.
    enrolment: Enrolment | None = None
    # It is created alone: its other phases are asked for one by one.
    in_phases: bool = False


@dataclass(frozen=True)
class SubcloudChange:
    """A change of a subcloud; None means that a field was not given, "" that it is to be emptied."""

    description: str | None = None
    location: str | None = None
    group: str | None = None
    management_state: str | None = None
    force: bool | None = None
    # Reference of a peer group, or ``none`` to leave the one that the subcloud is in.
    peer_group: str | None = None
    bootstrap_values: Values | None = field(default=None, repr=False)
    bootstrap_address: str | None = None
    install_values: Values | None = field(default=None, repr=False)
    bmc_password: str | None = field(default=None, repr=False)
    release: str | None = None
    # As it was sent: it is judged when it is known that the subcloud can be renamed.
    name: str | bytes | None = None
    migrate: bool | None = None
    # Fields of a network reconfiguration that were given, in the spelling of the request.
    network: Mapping[str, str] | None = None
    sysadmin_password: str | None = field(default=None, repr=False)

    def given(self) -> frozenset[str]:
        """Names of the fields that the request carries."""
        return frozenset(item.name for item in fields(self) if getattr(self, item.name) is not None)


@dataclass(frozen=True)
class DeployRequest:
    """What a subcloud, or one phase of it, is deployed with; None: with what is stored."""

    description: str | None = None
    location: str | None = None
    bootstrap_values: Values | None = field(default=None, repr=False)
    bootstrap_address: str | None = None
    install_values: Values | None = field(default=None, repr=False)
    bmc_password: str | None = field(default=None, repr=False)
    deploy_config: str | None = field(default=None, repr=False)
    release: str | None = None
    sysadmin_password: str | None = field(default=None, repr=False)
    # What is wrong with the password: it is said in its turn, after what else has to be there.
    password_error: str | None = field(default=None, repr=False)
    # Bootstrap values that were sent as texts beside the file; they win over it.
    bootstrap_texts: Values = field(default_factory=dict, repr=False)
    enrolment: Enrolment | None = None


@dataclass(frozen=True)
class Prestaging:
    """What a prestaging is asked to do."""

    sysadmin_password: str = field(repr=False)
    # As it was sent: what is wrong with it is said with the subcloud's name.
    release: object = None
    force: bool = False
    for_install: bool = False
    for_sw_deploy: bool = False
