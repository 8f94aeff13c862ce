"""Values that a site can do something with, among those that nobody would send.

What is made out of the description alone is refused almost always: it names no row that is there, and no
values that fit each other. So a part of the cases that keep to the description gets such values here.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from tests.integration.bad_input.world import FOREIGN_SITE
from tests.subcloud_forms import (
    ADDRESS,
    PASSWORD,
    admin_network,
    bootstrap_values,
    dual_stack,
    install_values,
)

Values = dict[str, Any]

# One case of so many gets none of these values.
UNTOUCHED = 3

# The first part of a path below /v1.0 → references of rows, of which most are there.
REFERENCES: dict[str, tuple[str, ...]] = {
    "system-peers": ("1", "2", "north", "south", "0b4fb1b2-6c9e-4a8e-9d5e-000000000001", "3"),
    "subcloud-peer-groups": ("1", "2", "3", "led", "copied", "loose", "4"),
    "peer-group-associations": ("1", "2", "3"),
    "subclouds": ("1", "2", "3", "4", "quay-1", "quay-2", "quay-3", "quay-4", "quays-north", "6"),
    "subcloud-groups": ("1", "2", "Default", "coast", "3"),
}


def _yaml(values: Values) -> str:
    return json.dumps(values)  # every JSON object is YAML


def documents() -> st.SearchStrategy[bytes]:
    """YAML documents: values that fit, values with something missing or wrong, and no values at all."""
    keys = st.sampled_from([*bootstrap_values(), *install_values()])
    wrong = st.one_of(st.none(), st.text(max_size=20), st.integers(), st.lists(st.integers(), max_size=2))
    changes = st.dictionaries(keys, wrong, max_size=2)
    numbers = st.integers(1, 30)
    fitting = st.builds(lambda n, changed: bootstrap_values(n, **changed), numbers, changes)
    networks = st.sampled_from([admin_network, dual_stack])
    kinds = st.builds(lambda n, network: bootstrap_values(n, **network(n)), numbers, networks)
    installing = st.builds(lambda changed: install_values(**changed), changes)
    texts = st.one_of(
        st.binary(max_size=40), st.sampled_from([b"", b"a: b", b"- 1", b"null", b"? {}", b"a: *b"])
    )
    return st.one_of(st.one_of(fitting, kinds, installing).map(lambda values: _yaml(values).encode()), texts)


def _new_subcloud(number: int) -> Values:
    kind = number % 3
    return {
        "bootstrap_values": _yaml(bootstrap_values(20 + number % 50)),
        "bootstrap-address": ADDRESS,
        **({"secondary": "true"} if kind == 0 else {"sysadmin_password": PASSWORD}),
        **({"install_values": _yaml(install_values()), "bmc_password": PASSWORD} if kind == 1 else {}),
    }


SUBCLOUD_CHANGES: tuple[Values, ...] = (
    {"management-state": "managed"},
    {"management-state": "managed", "force": "true"},
    {"management-state": "unmanaged"},
    {"peer_group": "led", "bootstrap_values": _yaml(bootstrap_values(2)), "bootstrap_address": ADDRESS},
    {"peer_group": "none"},
    {"description": "by the water", "location": ""},
    {"group_id": "coast"},
    {"install_values": _yaml(install_values()), "bmc_password": PASSWORD},
    {"name": "quay-renamed"},
    {"migrate": "true"},
    {
        "management_subnet": "10.88.0.0/24",
        "management_gateway_ip": "10.88.0.1",
        "management_start_ip": "10.88.0.2",
        "management_end_ip": "10.88.0.90",
        "bootstrap_address": ADDRESS,
        "sysadmin_password": PASSWORD,
    },
)


def _new_peer(number: int) -> Values:
    return {
        "peer_uuid": f"0b4fb1b2-6c9e-4a8e-9d5e-{number:012x}",
        "peer_name": f"peer-{number}",
        "manager_endpoint": "http://127.0.0.1:9/v3",
        "manager_username": "keeper",
        "manager_password": PASSWORD,
        "peer_controller_gateway_address": f"192.0.2.{number % 250 + 1}",
    }


def _new_association(number: int) -> Values:
    group, peer = ((1, 2), (2, 2), (3, 1), (3, 2), (1, 3), (2, 1))[number % 6]
    return {
        "peer_group_id": group,
        "system_peer_id": peer,
        "peer_group_priority": None if group == 2 else number % 9 + 1,
    }


ASSOCIATION_CHANGES: tuple[Values, ...] = (
    {"peer_group_priority": 7},
    {"sync_status": "in-sync"},
    {"sync_status": "failed"},
)
GROUP_CHANGES: tuple[Values, ...] = (
    {"peer-group-name": "renamed"},
    {"group-state": "disabled"},
    {"max-subcloud-rehoming": "20"},
    {"migration_status": "complete"},
    {"migration_status": None},
    {"group-priority": 3},
    {"system-leader-id": FOREIGN_SITE, "system-leader-name": "site-b"},
)


PEER_UUIDS = "0b4fb1b2-6c9e-4a8e-9d5e-00000000000"
AUDIT: Values = {
    "peer_group_name": "led",
    "group_priority": 1,
    "group_state": "enabled",
    "system_leader_id": FOREIGN_SITE,
    "system_leader_name": "site-b",
    "migration_status": "complete",
}
REDEPLOYMENTS: tuple[Values, ...] = (
    {"sysadmin_password": PASSWORD},
    {
        "sysadmin_password": PASSWORD,
        "bmc_password": PASSWORD,
        "install_values": _yaml(install_values()),
        "bootstrap_values": _yaml(bootstrap_values(3)),
    },
)
PRESTAGINGS: tuple[Values, ...] = (
    {"sysadmin_password": PASSWORD},
    {"sysadmin_password": PASSWORD, "force": True, "release": "25.03"},
)


def one_of(choices: tuple[Values, ...]) -> Callable[[int], Values]:
    return lambda number: choices[number % len(choices)]


# Operation → values for its body, by a number.
BODIES: dict[str, Callable[[int], Values]] = {
    "system_peers_create_peer": _new_peer,
    "peer_groups_create_group": lambda number: {"peer-group-name": f"group-{number}"},
    "peer_groups_update_group": one_of(GROUP_CHANGES),
    "peer_groups_migrate_group": lambda _: {"sysadmin_password": PASSWORD},
    "peer_groups_audit_group": lambda number: AUDIT | {"peer_uuid": f"{PEER_UUIDS}{number % 3 + 1}"},
    "associations_create_association": _new_association,
    "associations_update_association": one_of(ASSOCIATION_CHANGES),
    "subclouds_create_subcloud": _new_subcloud,
    "subclouds_update_subcloud": one_of(SUBCLOUD_CHANGES),
    "subclouds_redeploy_subcloud": one_of(REDEPLOYMENTS),
    "subclouds_prestage_subcloud": one_of(PRESTAGINGS),
    "subcloud_groups_create_group": lambda number: {
        "name": f"g-{number}",
        "description": "of many",
        "update_apply_type": "parallel",
    },
}


def fit(case: Case, *, in_a_chain: bool) -> Case:
    """The case, with values that fit in the place of some of its own, if it keeps to the description.

    In a chain it is about what an earlier call made, and stays so.
    """
    number = zlib.crc32(repr((case.path_parameters, case.body)).encode(errors="replace"))
    is_wrong = case.meta is not None and case.meta.generation.mode is GenerationMode.NEGATIVE
    if is_wrong or number % UNTOUCHED == 0:
        return case
    resource = case.path.split("/")[2] if case.path.startswith("/v1.0/") else ""
    if not in_a_chain and resource in REFERENCES and case.path_parameters:
        choices = REFERENCES[resource]
        case.path_parameters["reference"] = choices[number % len(choices)]
    make = BODIES.get(case.operation.definition.raw.get("operationId", ""))
    if make is not None and isinstance(case.body, dict):
        own = sorted(case.body)
        kept = {key: case.body[key] for key in own[number % (len(own) + 1) :][:1]}
        case.body = {**kept, **make(number)} if number % 2 else make(number)
    return case
