"""Deploying a subcloud once more, from its installation on."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.bootstrap_forms import check_required
from dcapi.models.secret_values import data_install, deploy_config, deploy_values, rehome_data
from dcapi.models.shown_span import show
from dcapi.models.states import COPY_STATES, Availability, Management
from dcapi.models.taken_networks import TakenNetworks
from dcapi.runtime import Runtime
from dcapi.services.deploying import deployment
from dcapi.services.deploying.phases import deployment_phases
from dcapi.services.inventory import installation, management, networks
from dcapi.services.inventory.activity import refuse_while_busy
from dcapi.services.inventory.inputs import NewSubcloud, Redeployment, Values
from dcapi.services.inventory.stored_values import (
    BMC_PASSWORD,
    check_name,
    check_size,
    saved_payload,
    stored_payload,
    with_secrets,
    without_address,
    write_texts,
)
from dcapi.sync.values.digest import same
from dcapi.sync.values.member import SAVED_PAYLOAD, bootstrap_address


def redeploy(session: Session, runtime: Runtime, row: Subcloud, wanted: Redeployment) -> bool:
    """Let a locked subcloud be deployed again when the caller commits.

    Returns whether something changed that secondaries get. Raises BadRequest and Conflict. Source:
    ``redeploy`` in the wire contract.
    """
    _check(row)
    new = _completed(row, wanted)
    check_required(new.bootstrap_values)
    # What an older version accepted goes on being deployed.
    is_new = wanted.bootstrap_values is not None
    networks.check_networks(new.bootstrap_values, TakenNetworks(session, but=row), in_full=is_new)
    new = replace(new, install_values=_install_values(row, wanted, new))
    changed = _store(session, row, new)
    deployment.enter(row, deployment_phases(installs=True, configures=new.deploy_config is not None))
    deployment.start(session, runtime, row, new)
    return changed


def _check(row: Subcloud) -> None:
    if row.deploy_status in COPY_STATES:
        raise BadRequest(management.IS_SECONDARY)
    if row.management_state == Management.MANAGED or row.availability_status == Availability.ONLINE:
        raise BadRequest("Cannot re-deploy an online and/or managed subcloud")
    management.check_is_ours(row)
    refuse_while_busy(row)


def _completed(row: Subcloud, wanted: Redeployment) -> NewSubcloud:
    """What is deployed: the values of the request, and those stored where it gives none.

    But for the install values, which are judged beside these.
    """
    stored, install = stored_payload(row), data_install.read(row)
    given = with_secrets("bootstrap_values", wanted.bootstrap_values, stored)
    if given is None:
        given = without_address(stored)
    _check_given(row, wanted, given, wanted.install_values or install)
    return NewSubcloud(
        name=row.name,
        # A stored name may be one of before.
        bootstrap_values=given | {"name": row.name},
        bootstrap_address=bootstrap_address(
            stored, install, asked=wanted.bootstrap_address, install_asked=wanted.install_values
        ),
        description=wanted.description,
        location=wanted.location,
        deploy_config=deploy_config.read(row) if wanted.deploy_config is None else wanted.deploy_config,
        sysadmin_password=wanted.sysadmin_password,
        release=wanted.release,
    )


def _check_given(row: Subcloud, wanted: Redeployment, values: Values, install: Values | None) -> None:
    """Raises BadRequest unless everything is there, given or stored, and of this subcloud."""
    lacks = {
        "bootstrap_values": wanted.bootstrap_values is None and not values,
        "install_values": not install,
    }
    missing = [name for name, is_missing in lacks.items() if is_missing]
    if missing:
        raise BadRequest(f"Subcloud {row.name} has no stored {' and '.join(missing)}: send them")
    check_name(row, wanted.bootstrap_values or {})
    if wanted.sysadmin_password is None:
        raise BadRequest("subcloud sysadmin_password required")


def _install_values(row: Subcloud, wanted: Redeployment, new: NewSubcloud) -> Values:
    """The install values that are given, judged; or those stored, of which the release is installed now."""
    stored: Values = data_install.read(row) or {}
    release = new.release or row.software_version
    if wanted.install_values is not None:
        sent = with_secrets("install_values", wanted.install_values, stored)
        return installation.fitted(sent, new.bootstrap_values, release)
    changed = {} if wanted.bmc_password is None else {BMC_PASSWORD: wanted.bmc_password}
    return installation.of_release({**stored, **changed}, release)


def _store(session: Session, row: Subcloud, new: NewSubcloud) -> bool:
    """Put the values into the row; returns whether one differs that secondaries get. Raises BadRequest."""
    payload = saved_payload(new.bootstrap_values, row.name, new.bootstrap_address)
    changed = not same(data_install.read(row), new.install_values)
    data_install.write(row, new.install_values)
    deploy_values.write(row, {SAVED_PAYLOAD: payload})
    deploy_config.write(row, new.deploy_config)
    rehome = rehome_data.read(row)
    if rehome is not None:
        changed = changed or not same(rehome.get(SAVED_PAYLOAD), payload)
        rehome_data.write(row, {**rehome, SAVED_PAYLOAD: payload})
    check_size(row)
    if new.release is not None and new.release != row.software_version:
        row.software_version = new.release
        changed = True
    changed = write_texts(row, new) or changed
    show(session, row, new.bootstrap_values)
    return changed
