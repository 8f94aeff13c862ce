"""Deploying a subcloud once more, from its installation on."""

from __future__ import annotations

from sqlalchemy.orm import Session

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.bootstrap_forms import check_required
from dcapi.models.secret_values import data_install
from dcapi.models.states import COPY_STATES, Availability, Management
from dcapi.models.taken_networks import TakenNetworks
from dcapi.runtime import Runtime
from dcapi.services.deploying import deployment
from dcapi.services.deploying.deployment_values import completed, given_values, install_values
from dcapi.services.deploying.phases import deployment_phases
from dcapi.services.inventory import management, networks
from dcapi.services.inventory.activity import refuse_while_busy
from dcapi.services.inventory.inputs import DeployRequest, Values
from dcapi.services.inventory.stored_values import check_name, stored_payload, without_address

IS_VCSR = "Redeploy is not supported for vCSR-enrolled subclouds"


def redeploy(session: Session, runtime: Runtime, row: Subcloud, wanted: DeployRequest) -> bool:
    """Let a locked subcloud be deployed again when the caller commits.

    Returns whether something changed that secondaries get. Raises BadRequest and Conflict. Source:
    ``redeploy`` in the wire contract.
    """
    _check(row)
    given = given_values(row, wanted)
    values = without_address(stored_payload(row)) if given is None else given
    _check_given(row, wanted, values)
    check_required(values)
    # What an older version accepted goes on being deployed.
    networks.check_networks(values, TakenNetworks(session, but=row), in_full=given is not None)
    new = completed(row, wanted, values, install_values(row, wanted, values))
    phases = deployment_phases(installs=True, configures=new.deploy_config is not None)
    return deployment.begin(session, runtime, row, new, phases)


def _check(row: Subcloud) -> None:
    if row.vcsr:
        raise BadRequest(IS_VCSR)
    if row.deploy_status in COPY_STATES:
        raise BadRequest(management.IS_SECONDARY)
    if row.management_state == Management.MANAGED or row.availability_status == Availability.ONLINE:
        raise BadRequest("Cannot re-deploy an online and/or managed subcloud")
    management.check_is_ours(row)
    refuse_while_busy(row)


def _check_given(row: Subcloud, wanted: DeployRequest, values: Values) -> None:
    """Raises BadRequest unless everything is there, given or stored, and of this subcloud."""
    lacks = {
        "bootstrap_values": wanted.bootstrap_values is None and not values,
        "install_values": not (wanted.install_values or data_install.read(row)),
    }
    missing = [name for name, is_missing in lacks.items() if is_missing]
    if missing:
        raise BadRequest(f"Subcloud {row.name} has no stored {' and '.join(missing)}: send them")
    check_name(row, wanted.bootstrap_values or {})
    if wanted.sysadmin_password is None:
        raise BadRequest("subcloud sysadmin_password required")
