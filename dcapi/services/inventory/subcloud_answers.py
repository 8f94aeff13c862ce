"""Subclouds in the form of the wire. Lists are built from column tuples: a thousand rows make no objects, and
their statements name columns of the tables, because those of classes take the way through the ORM's loader.

The secrets of a row are in a column of their own, which the big list does not even read: in the texts that it
shows masks stand in their places.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from dcapi.models import Subcloud, SubcloudEndpoint
from dcapi.models.secret_values import MASK, SecretJSON, data_install, put_back, rehome_data
from dcapi.models.states import EndpointSync

Answer = dict[str, Any]

UNKNOWN_OAM_ADDRESS = "unavailable"
# Nothing here compares the configuration that was deployed with the one that runs.
DEPLOY_CONFIG_SYNC_STATUS = "unknown"

# Key on the wire → column, in the order of an answer. Source: SUBCLOUD in the wire contract.
FIELDS: tuple[tuple[str, InstrumentedAttribute[Any]], ...] = (
    ("id", Subcloud.id),
    ("name", Subcloud.name),
    ("description", Subcloud.description),
    ("location", Subcloud.location),
    ("software-version", Subcloud.software_version),
    ("management-state", Subcloud.management_state),
    ("availability-status", Subcloud.availability_status),
    ("deploy-status", Subcloud.deploy_status),
    ("backup-status", Subcloud.backup_status),
    ("backup-datetime", Subcloud.backup_datetime),
    ("error-description", Subcloud.error_description),
    ("region-name", Subcloud.region_name),
    ("management-subnet", Subcloud.management_subnet),
    ("management-start-ip", Subcloud.management_start_ip),
    ("management-end-ip", Subcloud.management_end_ip),
    ("management-gateway-ip", Subcloud.management_gateway_ip),
    ("openstack-installed", Subcloud.openstack_installed),
    ("prestage-status", Subcloud.prestage_status),
    ("prestage-versions", Subcloud.prestage_versions),
    ("systemcontroller-gateway-ip", Subcloud.systemcontroller_gateway_ip),
    ("data_install", Subcloud.data_install),
    ("data_upgrade", Subcloud.data_upgrade),
    ("created-at", Subcloud.created_at),
    ("updated-at", Subcloud.updated_at),
    ("group_id", Subcloud.group_id),
    ("peer_group_id", Subcloud.peer_group_id),
    ("rehome_data", Subcloud.rehome_data),
)
KEYS = tuple(key for key, _ in FIELDS)
TABLE = Subcloud.__table__.c
COLUMNS = tuple(TABLE[column.key] for _, column in FIELDS)
ATTRIBUTES = tuple((key, column.key) for key, column in FIELDS)

# The texts of an answer that hold JSON whose passwords are kept apart.
SECRET_TEXTS: tuple[SecretJSON, ...] = (rehome_data, data_install)


def subcloud_answer(row: Subcloud, *, with_secrets: bool = False) -> Answer:
    """SUBCLOUD for one row; without ``with_secrets`` the passwords in its texts are masked."""
    answer: Answer = {key: getattr(row, attribute) for key, attribute in ATTRIBUTES}
    return _with_secrets(answer, row.secrets) if with_secrets else answer


def single_answer(session: Session, row: Subcloud, *, with_secrets: bool = False) -> Answer:
    """SUBCLOUD with its endpoint statuses, as the call for a single one answers."""
    query = (
        select(SubcloudEndpoint.endpoint_type, SubcloudEndpoint.sync_status)
        .where(SubcloudEndpoint.subcloud_id == row.id)
        .order_by(SubcloudEndpoint.id)
    )
    endpoints = [_endpoint(kind, status) for kind, status in session.execute(query)]
    return {**subcloud_answer(row, with_secrets=with_secrets), "endpoint_sync_status": endpoints}


def detail_answer(session: Session, row: Subcloud, *, with_secrets: bool = False) -> Answer:
    """What the detail call adds to a single subcloud."""
    return {
        **single_answer(session, row, with_secrets=with_secrets),
        "oam_floating_ip": row.oam_floating_ip or UNKNOWN_OAM_ADDRESS,
        "deploy_config_sync_status": DEPLOY_CONFIG_SYNC_STATUS,
        # Clients read it in this spelling too.
        "region_name": row.region_name,
    }


def list_subclouds(session: Session) -> list[Answer]:
    """All subclouds with their endpoint statuses and what these have in common; passwords are masked."""
    endpoints = _endpoints_by_subcloud(session)
    answers = []
    for row in session.execute(select(*COLUMNS).order_by(TABLE.id)).all():
        answer: Answer = dict(zip(KEYS, row, strict=True))
        answer["endpoint_sync_status"] = of_this = endpoints.get(row[0], [])
        answer["sync_status"] = common_status({endpoint["sync_status"] for endpoint in of_this})
        answers.append(answer)
    return answers


def group_subclouds(session: Session, peer_group_id: int, *, with_secrets: bool) -> list[Answer]:
    """The members of a peer group, without endpoint statuses; their passwords are masked or not."""
    return _plain_list(session, Subcloud.peer_group_id == peer_group_id, with_secrets=with_secrets)


def subclouds_of_subcloud_group(session: Session, group_id: int) -> list[Answer]:
    """The subclouds of a subcloud group, without endpoint statuses; passwords are masked."""
    return _plain_list(session, Subcloud.group_id == group_id, with_secrets=False)


def _plain_list(session: Session, which: ColumnElement[bool], *, with_secrets: bool) -> list[Answer]:
    columns = (*COLUMNS, Subcloud.secrets) if with_secrets else COLUMNS
    rows = session.execute(select(*columns).where(which).order_by(Subcloud.id)).all()
    return [_with_secrets(_answer_of(row), row[-1] if with_secrets else None) for row in rows]


def _answer_of(row: Row[Any]) -> Answer:
    return dict(zip(KEYS, row, strict=False))


def _with_secrets(answer: Answer, secrets: Any) -> Answer:
    for text in SECRET_TEXTS:
        held = (secrets or {}).get(text.column)
        if held and answer[text.column] is not None:
            whole = put_back(orjson.loads(answer[text.column]), held)
            answer[text.column] = json.dumps(whole, ensure_ascii=False)
    return answer


def shows_mask(answer: Answer) -> bool:
    """Whether a mask stands for a secret in an answer."""
    return any(MASK in (answer[text.column] or "") for text in SECRET_TEXTS)


def _endpoints_by_subcloud(session: Session) -> dict[int, list[Answer]]:
    """Endpoint statuses of each subcloud; there are few different ones, so equal ones are one dict."""
    table = SubcloudEndpoint.__table__.c
    query = select(table.subcloud_id, table.endpoint_type, table.sync_status).order_by(table.id)
    made = cache(_endpoint)
    endpoints: defaultdict[int, list[Answer]] = defaultdict(list)
    for subcloud_id, kind, status in session.execute(query).all():
        endpoints[subcloud_id].append(made(kind, status))
    return endpoints


def common_status(statuses: set[str]) -> str:
    """The status that a subcloud has as a whole: the one of all endpoints, else ``out-of-sync``."""
    if not statuses:
        return EndpointSync.UNKNOWN
    return statuses.pop() if len(statuses) == 1 else EndpointSync.OUT_OF_SYNC


def _endpoint(kind: str, status: str) -> Answer:
    return {"endpoint_type": kind, "sync_status": status}
