"""Deploying a subcloud once more, from its installation on."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, Conflict
from dcapi.models import Subcloud
from dcapi.models.network_values import CONTROLLER_GATEWAY, address_of
from dcapi.models.secret_values import data_install, deploy_config, deploy_values, rehome_data, take_out
from dcapi.models.states import (
    BUSY_STATES,
    COPY_STATES,
    NO_ERRORS,
    Availability,
    Deploy,
    Management,
)
from dcapi.parts import Parts
from dcapi.services import deployment, subcloud_management, subcloud_networks
from dcapi.services.subcloud_requests import NewSubcloud, Redeployment, Values
from dcapi.services.subcloud_values import BMC_PASSWORD, same, saved_payload, stored_payload, with_secrets
from dcapi.sync.member import ADDRESS_KEY, SAVED_PAYLOAD


def redeploy(
    session: Session, parts: Parts, row: Subcloud, wanted: Redeployment, taken: Iterable[str]
) -> bool:
    """Let a locked subcloud be deployed again when the caller commits; ``taken`` are the others' subnets.

    Returns whether something changed that secondaries get. Raises BadRequest and Conflict. Source:
    ``redeploy`` in the wire contract.
    """
    _check(row)
    new = _completed(row, wanted)
    subcloud_networks.check_required(new.bootstrap_values)
    subcloud_networks.check_networks(new.bootstrap_values, taken)
    changed = _store(row, new)
    deployment.start(session, parts, row, new)
    row.deploy_status = Deploy.PRE_INSTALL
    row.deploy_due_at = time.time()
    row.error_description = NO_ERRORS
    return changed


def _check(row: Subcloud) -> None:
    if row.deploy_status in COPY_STATES:
        raise BadRequest(subcloud_management.IS_SECONDARY)
    if row.management_state == Management.MANAGED or row.availability_status == Availability.ONLINE:
        raise BadRequest("Cannot re-deploy an online and/or managed subcloud")
    subcloud_management.check_is_ours(row)
    if row.deploy_status in BUSY_STATES:
        raise Conflict(f"Subcloud {row.name} is {row.deploy_status}: wait until that has ended")


def _completed(row: Subcloud, wanted: Redeployment) -> NewSubcloud:
    """What is deployed: the values of the request, and those stored where it gives none."""
    stored = stored_payload(row)
    install = _install_values(row, wanted)
    given = with_secrets("bootstrap_values", wanted.bootstrap_values, stored)
    values = given or {key: value for key, value in stored.items() if key != ADDRESS_KEY}
    missing = [
        name for name, value in (("bootstrap_values", values), ("install_values", install)) if not value
    ]
    if missing:
        raise BadRequest(f"Subcloud {row.name} has no stored {' and '.join(missing)}: send them")
    if values.get("name") not in (None, row.name):
        name = take_out(values["name"])[0]
        raise BadRequest(f"name invalid: the bootstrap values are of {name}, not of {row.name}")
    if wanted.sysadmin_password is None:
        raise BadRequest("subcloud sysadmin_password required")
    address = wanted.bootstrap_address or stored.get(ADDRESS_KEY) or (install or {}).get("bootstrap_address")
    return NewSubcloud(
        name=row.name,
        bootstrap_values=values,
        bootstrap_address=address,
        install_values=install,
        deploy_config=deploy_config.read(row) if wanted.deploy_config is None else wanted.deploy_config,
        sysadmin_password=wanted.sysadmin_password,
        release=wanted.release,
    )


def _install_values(row: Subcloud, wanted: Redeployment) -> Values | None:
    before: Values | None = data_install.read(row)
    values: Values | None = with_secrets("install_values", wanted.install_values, before) or before
    if values is None or wanted.bmc_password is None:
        return values
    return {**values, BMC_PASSWORD: wanted.bmc_password}


def _store(row: Subcloud, new: NewSubcloud) -> bool:
    """Put the values into the row; returns whether one differs that secondaries get."""
    payload = saved_payload(new.bootstrap_values, row.name, new.bootstrap_address)
    changed = not same(data_install.read(row), new.install_values)
    data_install.write(row, new.install_values)
    deploy_values.write(row, {SAVED_PAYLOAD: payload})
    deploy_config.write(row, new.deploy_config)
    rehome = rehome_data.read(row)
    if rehome is not None:
        changed = changed or not same(rehome.get(SAVED_PAYLOAD), payload)
        rehome_data.write(row, {**rehome, SAVED_PAYLOAD: payload})
    if new.release is not None and new.release != row.software_version:
        row.software_version = new.release
        changed = True
    _show_networks(row, new.bootstrap_values)
    return changed


def _show_networks(row: Subcloud, values: Values) -> None:
    network = subcloud_networks.shown_network(values)
    row.management_subnet, row.management_gateway_ip = network.subnet, network.gateway
    row.management_start_ip, row.management_end_ip = network.start, network.end
    gateway = address_of(values, CONTROLLER_GATEWAY)
    row.systemcontroller_gateway_ip = str(gateway)
    row.oam_floating_ip = str(address_of(values, "external_oam_floating_address"))
