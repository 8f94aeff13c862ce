"""Another management network for a subcloud: what it takes, and the work that brings it about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from dcapi.deploy.port import Phase
from dcapi.errors import BadRequest, Unprocessable
from dcapi.models import PeerGroupAssociation, Subcloud
from dcapi.models.network_values import (
    CONTROLLER_GATEWAY,
    OAM_FLOATING,
    completed,
    is_given,
    says_the_same,
    shown_pool,
)
from dcapi.models.secret_values import deploy_values, rehome_data
from dcapi.models.shown_span import show
from dcapi.models.states import NO_ERRORS, SECONDARY_STATES, Deploy, Management, TaskName
from dcapi.models.taken_networks import TakenNetworks
from dcapi.runtime import Runtime
from dcapi.services.deploying.phase_task import Details, PhaseTask
from dcapi.services.inventory import management, networks
from dcapi.services.inventory.activity import refuse_while_busy
from dcapi.services.inventory.inputs import SubcloudChange
from dcapi.services.inventory.stored_values import TEXT_FIELDS, stored_payload, write_texts
from dcapi.services.inventory.subcloud_answers import Answer, subcloud_answer
from dcapi.sync import changes
from dcapi.sync.values.member import ADDRESS_KEY, SAVED_PAYLOAD

# Field of the request → the column that shows it, and the key in bootstrap values without their prefix.
FIELDS: Mapping[str, tuple[str, str]] = {
    "management_subnet": ("management_subnet", "subnet"),
    "management_gateway_ip": ("management_gateway_ip", "gateway_address"),
    "management_start_ip": ("management_start_ip", "start_address"),
    "management_end_ip": ("management_end_ip", "end_address"),
}
OPTIONS = ", ".join(f"--{name.replace('_', '-')}" for name in FIELDS)

# What a request may carry for it, and what else it may change by the way.
OWN_FIELDS = frozenset({"network", "bootstrap_address", "sysadmin_password"})
BESIDE = frozenset(TEXT_FIELDS)

# Beside the saved payload: what a subcloud was before its first try, for as long as none has ended well.
STATUS_BEFORE = "status_before"


def begin(session: Session, runtime: Runtime, row: Subcloud, change: SubcloudChange) -> Answer:
    """Accept a reconfiguration of a locked subcloud.

    Raises BadRequest, Unprocessable and Conflict. Source: "Network reconfiguration" in the wire contract.
    """
    _start(session, runtime, row, change)
    concerned = _write_beside(session, row, change)
    message = changes.info_message(concerned)
    ids = [association.id for association in concerned]
    session.flush()
    answer = subcloud_answer(row)
    session.commit()
    TASK.hint(runtime, answer["id"])
    changes.hint(runtime, ids, delay=changes.TELL_DELAY)
    return answer if message is None else {**answer, "info_message": message}


def _start(session: Session, runtime: Runtime, row: Subcloud, change: SubcloudChange) -> None:
    """Let the work on a locked row begin when the caller commits."""
    network = _checked(row, change)
    values = _bootstrap_values(row, network)
    networks.check_networks(values, TakenNetworks(session, but=row))
    status_before = _status_before(row)
    payload = {
        "bootstrap_address": change.bootstrap_address,
        "bootstrap_values": values,
        "sysadmin_password": change.sysadmin_password,
    }
    details = {
        "options": network,
        "bootstrap_address": change.bootstrap_address,
        "status_before": status_before,
    }
    TASK.start(session, runtime, row.id, details=details, payload=payload)
    # The task ends with a try that fails, and the next one has to know it too.
    _note(row, status_before)
    row.deploy_status = Deploy.RECONFIGURING_NETWORK
    row.error_description = NO_ERRORS


def _write_beside(session: Session, row: Subcloud, change: SubcloudChange) -> list[PeerGroupAssociation]:
    """Write the texts that the request brings too; returns the associations that this concerns, moved."""
    changed = write_texts(row, change)
    return changes.group_changed(session, {row.peer_group_id}) if changed and row.peer_group_id else []


def _checked(row: Subcloud, change: SubcloudChange) -> dict[str, str]:
    network = dict(change.network or {})
    refuse_while_busy(row)
    if row.deploy_status in SECONDARY_STATES:
        raise BadRequest(management.IS_SECONDARY)
    if change.management_state is not None:
        raise Unprocessable("Management state and network reconfiguration must be updated separately")
    others = sorted(change.given() - OWN_FIELDS - BESIDE)
    if others:
        raise Unprocessable(f"{', '.join(others)} and network reconfiguration must be updated separately")
    if row.management_state == Management.MANAGED:
        raise Unprocessable("A subcloud must be unmanaged to perform network reconfiguration")
    management.check_is_ours(row)
    if change.bootstrap_address is None:
        raise Unprocessable("The bootstrap_address parameter is required for network reconfiguration")
    if network.keys() != FIELDS.keys():
        raise Unprocessable(
            f"The following parameters are necessary for subcloud network reconfiguration: {OPTIONS}"
        )
    _check_new(row, network)
    if change.sysadmin_password is None:
        raise BadRequest("subcloud sysadmin_password required")
    return network


def _check_new(row: Subcloud, network: Mapping[str, str]) -> None:
    stored = {**_shown(row), **completed(stored_payload(row))}
    for name, (_, end) in FIELDS.items():
        key = f"{_prefix(row)}_{end}"
        if says_the_same(key, network[name], stored[key]):
            raise Unprocessable(f"{name} already in use by the subcloud.")


def _shown(row: Subcloud) -> dict[str, Any]:
    """What the row shows of its values, for one of which none are stored."""
    shown = {f"{_prefix(row)}_{key}": getattr(row, column) for column, key in FIELDS.values()}
    return {**shown, CONTROLLER_GATEWAY: row.systemcontroller_gateway_ip, OAM_FLOATING: row.oam_floating_ip}


def _status_before(row: Subcloud) -> str:
    """The state before, and before those reconfigurations that failed."""
    if row.deploy_status != Deploy.NETWORK_RECONFIGURATION_FAILED:
        return row.deploy_status
    noted: str = (deploy_values.read(row) or {}).get(STATUS_BEFORE, Deploy.COMPLETE)
    return noted


def _note(row: Subcloud, status_before: str | None) -> None:
    """Note the state before beside the stored values; None takes it away."""
    stored = deploy_values.read(row) or {}
    others = {key: value for key, value in stored.items() if key != STATUS_BEFORE}
    noted = {} if status_before is None else {STATUS_BEFORE: status_before}
    deploy_values.write(row, {**others, **noted} or None)


def _prefix(row: Subcloud) -> str:
    return shown_pool(stored_payload(row))


def _bootstrap_values(row: Subcloud, network: Mapping[str, str]) -> dict[str, Any]:
    stored = stored_payload(row)
    return {**_shown(row), **stored, **_values_of(stored, network)}


def _values_of(stored: Mapping[str, Any], network: Mapping[str, str]) -> dict[str, str]:
    """The new values; an address that floats over the network of one node is its first one again."""
    pool = shown_pool(stored)
    floating = f"{pool}_floating_address"
    moved = {floating: network["management_start_ip"]} if is_given(stored, floating) else {}
    return {**{f"{pool}_{key}": network[name] for name, (_, key) in FIELDS.items()}, **moved}


class NetworkReconfiguration(PhaseTask):
    name = TaskName.RECONFIGURE_NETWORK
    phase = Phase.RECONFIGURE

    def is_under_way(self) -> ColumnElement[bool]:
        return Subcloud.deploy_status == Deploy.RECONFIGURING_NETWORK

    def finish(self, session: Session, row: Subcloud, details: Details) -> list[int]:
        network: dict[str, str] = details["options"]
        for values in (rehome_data, deploy_values):
            stored = values.read(row)
            if stored is not None and stored.get(SAVED_PAYLOAD):
                saved = stored[SAVED_PAYLOAD]
                new = {**_values_of(saved, network), ADDRESS_KEY: details["bootstrap_address"]}
                values.write(row, {**stored, SAVED_PAYLOAD: {**saved, **new}})
        show(session, row, _bootstrap_values(row, network))
        row.deploy_status = details["status_before"]
        _note(row, None)
        concerned = changes.group_changed(session, {row.peer_group_id}) if row.peer_group_id else []
        return [association.id for association in concerned]

    def fail(self, row: Subcloud, details: Details, reason: str) -> None:  # noqa: ARG002
        row.deploy_status = Deploy.NETWORK_RECONFIGURATION_FAILED
        row.error_description = reason


TASK = NetworkReconfiguration()
