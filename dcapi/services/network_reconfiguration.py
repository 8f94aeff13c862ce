"""Another management network for a subcloud: what it takes, and the work that brings it about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from dcapi.deploy.port import Phase
from dcapi.errors import BadRequest, Unprocessable
from dcapi.models import PeerGroupAssociation, Subcloud
from dcapi.models.secret_values import deploy_values, rehome_data
from dcapi.models.states import BUSY_STATES, NO_ERRORS, Deploy, Management
from dcapi.parts import Parts
from dcapi.services import subcloud_management, subcloud_networks
from dcapi.services.phase_work import Payload, PhaseWork
from dcapi.services.subcloud_answers import Answer, subcloud_answer
from dcapi.services.subcloud_requests import SubcloudChange
from dcapi.services.subcloud_values import stored_payload
from dcapi.sync import changes
from dcapi.sync.member import ADDRESS_KEY, SAVED_PAYLOAD

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
BESIDE = frozenset({"description", "location"})

# Beside the saved payload: what a subcloud was before its first try, for as long as none has ended well.
STATUS_BEFORE = "status_before"


def begin(
    session: Session, parts: Parts, row: Subcloud, change: SubcloudChange, taken: Iterable[str]
) -> Answer:
    """Accept a reconfiguration of a locked subcloud; ``taken`` are the subnets of the others.

    Raises BadRequest, Unprocessable and Conflict. Source: "Network reconfiguration" in the wire contract.
    """
    _start(session, parts, row, change, taken)
    concerned = _write_beside(session, row, change)
    message = changes.info_message(concerned)
    ids = [association.id for association in concerned]
    session.flush()
    answer = subcloud_answer(row)
    session.commit()
    WORK.hint(parts, answer["id"])
    changes.hint(parts, ids, delay=changes.TELL_DELAY)
    return answer if message is None else {**answer, "info_message": message}


def _start(
    session: Session, parts: Parts, row: Subcloud, change: SubcloudChange, taken: Iterable[str]
) -> None:
    """Let the work on a locked row begin when the caller commits."""
    network = _checked(row, change)
    values = _bootstrap_values(row, network)
    subcloud_networks.check_pool(values, _prefix(row), taken)
    status_before = _status_before(row)
    payload = {
        "bootstrap_address": change.bootstrap_address,
        "bootstrap_values": values,
        "sysadmin_password": change.sysadmin_password,
        "options": network,
        "status_before": status_before,
    }
    WORK.start(session, parts, row, payload)
    # The payload dies with a try that fails, and the next one has to know it too.
    _note(row, status_before)
    row.deploy_status = Deploy.RECONFIGURING_NETWORK
    row.error_description = NO_ERRORS


def _write_beside(session: Session, row: Subcloud, change: SubcloudChange) -> list[PeerGroupAssociation]:
    """Write the texts that the request brings too; returns the associations that this concerns, moved."""
    given = {name: getattr(change, name) for name in BESIDE if getattr(change, name) is not None}
    news = {name: value for name, value in given.items() if value != (getattr(row, name) or "")}
    for name, value in news.items():
        setattr(row, name, value)
    return changes.group_changed(session, {row.peer_group_id}) if news and row.peer_group_id else []


def _checked(row: Subcloud, change: SubcloudChange) -> dict[str, str]:
    network = dict(change.network or {})
    if row.deploy_status in (Deploy.SECONDARY, Deploy.SECONDARY_FAILED):
        raise BadRequest(subcloud_management.IS_SECONDARY)
    if change.management_state is not None:
        raise Unprocessable("Management state and network reconfiguration must be updated separately")
    others = sorted(change.given() - OWN_FIELDS - BESIDE)
    if others:
        raise Unprocessable(f"{', '.join(others)} and network reconfiguration must be updated separately")
    if row.management_state == Management.MANAGED:
        raise Unprocessable("A subcloud must be unmanaged to perform network reconfiguration")
    subcloud_management.check_is_ours(row)
    if row.deploy_status in BUSY_STATES:
        raise Unprocessable(f"Subcloud {row.name} is {row.deploy_status}: wait until that has ended")
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
    shown = {name: subcloud_networks.canonical(name, value) for name, value in network.items()}
    for name, (column, _) in FIELDS.items():
        if shown[name] == getattr(row, column):
            raise Unprocessable(f"{name} already in use by the subcloud.")


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
    return "admin" if subcloud_networks.uses_admin_network(stored_payload(row)) else "management"


def _bootstrap_values(row: Subcloud, network: Mapping[str, str]) -> dict[str, Any]:
    return {**stored_payload(row), **_values_of(_prefix(row), network)}


def _values_of(prefix: str, network: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}_{key}": network[name] for name, (_, key) in FIELDS.items()}


class NetworkReconfiguration(PhaseWork):
    name = "reconfigure-network"
    phase = Phase.RECONFIGURE
    due_at = "deploy_due_at"

    def is_under_way(self) -> ColumnElement[bool]:
        return Subcloud.deploy_status == Deploy.RECONFIGURING_NETWORK

    def finish(self, session: Session, row: Subcloud, payload: Payload) -> list[int]:
        network: dict[str, str] = payload["options"]
        for values in (rehome_data, deploy_values):
            stored = values.read(row)
            if stored is not None and stored.get(SAVED_PAYLOAD):
                new = _values_of(_prefix(row), network) | {ADDRESS_KEY: payload["bootstrap_address"]}
                values.write(row, {**stored, SAVED_PAYLOAD: {**stored[SAVED_PAYLOAD], **new}})
        for name, (column, _) in FIELDS.items():
            setattr(row, column, subcloud_networks.canonical(name, network[name]))
        row.deploy_status = payload["status_before"]
        _note(row, None)
        concerned = changes.group_changed(session, {row.peer_group_id}) if row.peer_group_id else []
        return [association.id for association in concerned]

    def fail(self, row: Subcloud, payload: Payload | None, reason: str) -> None:  # noqa: ARG002
        row.deploy_status = Deploy.NETWORK_RECONFIGURATION_FAILED
        row.error_description = reason


WORK = NetworkReconfiguration()
