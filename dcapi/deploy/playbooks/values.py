"""What a playbook is told of a subcloud: its inventory and its variables. docs/deployers.md lists them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from dcapi.deploy.playbooks.config_secrets import config_secrets
from dcapi.deploy.playbooks.files import file_variables
from dcapi.deploy.playbooks.names import variables_in
from dcapi.deploy.port import Phase, Target
from dcapi.models.secret_values import secret_texts

Values = dict[str, Any]

# Passwords that the wire has in base64, and a playbook in plain text.
BASE64_KEYS = ("admin_password", "bmc_password", "sysadmin_password")
# How stored values name the address beside them.
ADDRESS_KEY = "bootstrap-address"

# Host names that are more than a name to ansible: two groups, and the machine of this service.
TAKEN_HOST_NAMES = frozenset({"all", "ungrouped", "localhost", "127.0.0.1"})
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
REMOTE_USER = "sysadmin"
# Phases that bring a release to the subcloud, and are told which under the platform's name for it.
INSTALLING = frozenset({Phase.CREATE, Phase.INSTALL, Phase.BOOTSTRAP})
# Phases that log in nowhere on the subcloud, and need no password of its system.
WITHOUT_PASSWORD = frozenset({Phase.CREATE, Phase.SHUTDOWN})


@dataclass(frozen=True)
class RunPaths:
    """Where a playbook finds files in the folder of its run."""

    deploy_config: str
    not_abortable: str
    # Those of uploaded files, by their parts.
    uploaded: Mapping[str, str] = field(default_factory=dict)


def inventory_of(target: Target) -> str:
    """An inventory with the subcloud as its one host."""
    address = address_of(target)
    host = {} if address is None else {"ansible_host": address}
    inventory = {"all": {"vars": {"ansible_user": REMOTE_USER}, "hosts": {host_name(target): host}}}
    return as_data(inventory)


def host_name(target: Target) -> str:
    """The subcloud's name; one that ansible would take for something else is replaced."""
    usable = HOST_NAME.fullmatch(target.name) and target.name not in TAKEN_HOST_NAMES
    return target.name if usable else f"subcloud-{target.subcloud_id}"


def address_of(target: Target) -> str | None:
    return target.bootstrap_address or target.bootstrap_values.get(ADDRESS_KEY)


def as_data(value: Values) -> str:
    """YAML of which ansible evaluates nothing: what a caller of the API sent is never a template."""
    return "!unsafe\n" + yaml.safe_dump(value, allow_unicode=True, default_flow_style=False, sort_keys=False)


def variables_of(phase: Phase, target: Target, paths: RunPaths) -> Values:
    """The variables of a playbook: bootstrap values, options of the phase, what is known of the subcloud."""
    given = {**variables_in(target.bootstrap_values), **variables_in(target.options)}
    return {
        **_decoded(given),
        **({} if phase in WITHOUT_PASSWORD else _passwords(target)),
        **_known(phase, target, paths),
        **file_variables(phase, target, paths.deploy_config, paths.uploaded),
    }


def _known(phase: Phase, target: Target, paths: RunPaths) -> Values:
    """What this service says itself; the values of callers as a whole stand in two of these variables."""
    return {
        "deployment_phase": phase.value,
        "subcloud_id": target.subcloud_id,
        "subcloud_name": target.name,
        "region_name": target.region_name,
        "software_version": target.software_version,
        **({"install_release_version": target.software_version} if phase in INSTALLING else {}),
        "bootstrap_address": address_of(target),
        "bootstrap_values": _decoded(target.bootstrap_values),
        "install_values": None if target.install_values is None else _decoded(target.install_values),
        "deploy_config_file": None if target.deploy_config is None else paths.deploy_config,
        "not_abortable_file": paths.not_abortable,
    }


def _decoded(values: Mapping[str, Any]) -> Values:
    return {key: decoded(value) if key in BASE64_KEYS else value for key, value in values.items()}


def _passwords(target: Target) -> Values:
    """The system administrator's password, under the names that ansible and its playbooks look for."""
    if target.sysadmin_password is None:
        return {}
    password = decoded(target.sysadmin_password)
    given = target.bootstrap_values.get("admin_password")
    return {
        "sysadmin_password": password,
        "ansible_ssh_pass": password,
        "ansible_become_pass": password,
        "admin_password": password if given is None else decoded(given),
    }


def decoded(value: Any) -> Any:
    """The text that stands in base64; what is none stays as it is."""
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError, TypeError):
        return value


def secrets_of(target: Target) -> list[str]:
    """Every secret text that a playbook gets, decoded ones in both forms."""
    found = set(_secret_texts(target))
    return sorted(found | {str(decoded(text)) for text in found})


def _secret_texts(target: Target) -> Iterator[str]:
    if target.sysadmin_password is not None:
        yield target.sysadmin_password
    for values in (target.bootstrap_values, target.install_values, target.options):
        if values:
            yield from secret_texts(dict(values))
    if target.deploy_config is not None:
        yield from config_secrets(target.deploy_config)
