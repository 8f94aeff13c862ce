"""What is said first of a request with several faults: each is repaired in turn, until it is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask

from tests.integration.bad_input.world import digest
from tests.integration.phased.phases import CONFIG, URL, Phased, new_parts
from tests.integration.subclouds.fleet import done, refused
from tests.integration.subclouds.verbs import busy_text
from tests.subcloud_forms import ADDRESS, PASSWORD, bootstrap_values, form, install_values

pytestmark = pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)

Changes = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What is said of a request, and what sets that right: parts of the form, columns of the row."""

    text: str
    parts: Changes = field(default_factory=dict)
    row: Changes = field(default_factory=dict)
    code: int = 400


NO_PASSWORD = Fault("subcloud sysadmin_password required", {"sysadmin_password": "no base64!"})
NO_BASE64 = Fault(
    "Failed to decode subcloud sysadmin_password, verify the password is base64 encoded",
    {"sysadmin_password": PASSWORD},
)
NO_ADDRESS = Fault(
    "The bootstrap-address was not provided and it was not previously available. Please provide it in the "
    "request or update the subcloud with install-values and try again.",
    {"bootstrap-address": ADDRESS},
)
PRESTAGING = Fault(busy_text("prestage_status", "prestaging"), row={"prestage_status": None}, code=409)
BACKING_UP = Fault(busy_text("backup_status", "backing-up"), row={"backup_status": None}, code=409)
WRONG_RELEASE = "Error: invalid release version parameter. 24/09 is not a supported release version (24.09)"
INSTALL_FAULTS = (
    Fault(WRONG_RELEASE, {"release": "25.09"}),
    Fault("Mandatory install value bootstrap_interface not present", {"install_values": install_values()}),
    Fault("subcloud bmc_password required", {"bmc_password": "no base64!"}),
    Fault(
        "Failed to decode subcloud bmc_password, verify the password is base64 encoded",
        {"bmc_password": PASSWORD, "install_values": install_values(software_version="23.01")},
    ),
    Fault(
        "The software_version value 23.01 in the install values yaml file does not match with the "
        "specified/current software version of 25.09. Please correct or remove this parameter from the yaml "
        "file and try again.",
        {"install_values": install_values()},
    ),
)
NO_INTERFACE = install_values(bootstrap_interface=None)


def given(**changes: Any) -> Fault:
    """The name in the values is another one's: what sets it right leaves the next fault."""
    text = "The bootstrap-values 'name' value (pier) must match the current subcloud name (quay-1)"
    return Fault(text, {"bootstrap_values": bootstrap_values(**changes)})


OF_ANOTHER: Changes = {"management_subnet": "10.70.2.0/24", "management_gateway_address": "10.70.2.1"}
OF_ANOTHER |= {"management_start_address": "10.70.2.2", "management_end_address": "10.70.2.90"}
VALUE_FAULTS = (
    given(system_mode=None),
    Fault("system_mode required", {"bootstrap_values": bootstrap_values(**OF_ANOTHER)}),
    Fault(
        "Management address range overlaps with that of subcloud quay-2",
        {"bootstrap_values": bootstrap_values()},
    ),
)
NOTHING_STORED: Changes = {"deploy_values": None, "data_install": None, "secrets": None}
ANOTHER_STATUS = {"deploy_status": "reconfiguring-network"}


@dataclass(frozen=True)
class Order:
    """What a row is set to first, and the faults in their order."""

    verb: str
    row: Changes
    faults: tuple[Fault, ...]
    first: Changes = field(default_factory=dict)


def either(statuses: str, repaired: str) -> Fault:
    return Fault(f"Subcloud deploy status must be either: {statuses}", row={"deploy_status": repaired})


INSTALLABLE = "create-complete, pre-install-failed, install-failed, install-complete, install-aborted"
BOOTABLE = (
    "install-complete, pre-bootstrap-failed, bootstrap-failed, bootstrap-aborted, bootstrap-complete, "
    "create-complete"
)
CONFIGURABLE = (
    "complete, pre-config-failed, config-failed, bootstrap-complete, enroll-complete, config-aborted"
)
RESUMABLE = (
    "create-complete, install-complete, pre-install-failed, install-failed, install-aborted, "
    "bootstrap-complete, pre-bootstrap-failed, bootstrap-failed, bootstrap-aborted, pre-config-failed, "
    "config-failed, config-aborted"
)
RESUME_INITIAL = Fault(
    "The subcloud can only be resumed during initial deployment.", row={"initial_deployment": True}
)
ORDERS = (
    Order(
        "install",
        ANOTHER_STATUS | NOTHING_STORED | {"prestage_status": "prestaging", "initial_deployment": False},
        (
            Fault("Body required", {"release": "24/09", "install_values": NO_INTERFACE}),
            either(INSTALLABLE, "install-failed"),
            PRESTAGING,
            Fault(
                "The deploy install command can only be used during initial deployment.",
                row={"initial_deployment": True},
            ),
            *INSTALL_FAULTS,
            NO_PASSWORD,
            NO_BASE64,
        ),
    ),
    Order(
        "bootstrap",
        ANOTHER_STATUS | NOTHING_STORED | {"prestage_status": "prestaging"},
        (
            either(BOOTABLE, "bootstrap-failed"),
            PRESTAGING,
            Fault(
                "Required bootstrap-values file was not provided and it was not previously available",
                {"bootstrap_values": bootstrap_values(name="pier")},
            ),
            NO_PASSWORD,
            NO_BASE64,
            NO_ADDRESS,
            *VALUE_FAULTS,
        ),
    ),
    Order(
        "configure",
        ANOTHER_STATUS | NOTHING_STORED | {"backup_status": "backing-up", "peer_group_id": 1},
        (
            Fault("Body required", {"unknown": "x", "bootstrap-address": "quay"}),
            Fault(f"Subcloud deploy status must be {CONFIGURABLE}", row={"deploy_status": "config-failed"}),
            BACKING_UP,
            Fault(
                "Subcloud can only be configured in its primary site.",
                {"bootstrap-address": None},
                {"peer_group_id": None},
            ),
            Fault(
                "Required deploy_config file was not provided and it was not previously available.",
                {"deploy_config": CONFIG},
            ),
            NO_PASSWORD,
            NO_BASE64,
            NO_ADDRESS,
        ),
    ),
    Order(
        "complete",
        ANOTHER_STATUS | {"prestage_status": "prestaging"},
        (
            Fault(
                "Subcloud deploy can only be completed when its deploy status is: bootstrap-complete, "
                "enroll-complete",
                row={"deploy_status": "bootstrap-complete"},
            ),
            PRESTAGING,
        ),
    ),
    Order(
        "abort",
        ANOTHER_STATUS | {"prestage_status": "prestaging", "initial_deployment": False},
        (
            Fault(
                "Subcloud deploy status must be in one of the following states: installing, bootstrapping, "
                "configuring",
                row={"deploy_status": "bootstrapping"},
            ),
            Fault(
                "The subcloud can only be aborted during initial deployment.",
                row={"initial_deployment": True},
            ),
        ),
    ),
    Order(
        "resume",
        ANOTHER_STATUS | NOTHING_STORED | {"backup_status": "backing-up", "initial_deployment": False},
        (
            either(RESUMABLE, "config-failed"),
            BACKING_UP,
            RESUME_INITIAL,
            Fault(
                "Only deploy phase left is deploy config. Required deploy_config file was not provided and "
                "it was not previously available. If manually configuring the subcloud, please run "
                "'dcmanager subcloud deploy complete'",
                {"deploy_config": CONFIG},
            ),
            Fault(
                "Install was already executed and install-values is not required", {"install_values": None}
            ),
            Fault(
                "Bootstrap was already executed and bootstrap-values is not required",
                {"bootstrap_values": None},
            ),
            Fault(
                "Required bootstrap-values file was not provided and it was not previously available",
                {"bootstrap_values": bootstrap_values(name="pier")},
                {"deploy_status": "bootstrap-failed"},
            ),
            NO_PASSWORD,
            NO_BASE64,
            NO_ADDRESS,
            *VALUE_FAULTS,
        ),
        {
            "bootstrap_values": bootstrap_values(name="pier"),
            "install_values": install_values(),
            "bmc_password": PASSWORD,
        },
    ),
    Order(
        "resume",
        NOTHING_STORED | {"initial_deployment": False},
        (
            RESUME_INITIAL,
            *INSTALL_FAULTS[:-1],
            Fault(
                "Required bootstrap-values file was not provided and it was not previously available",
                {"bootstrap_values": bootstrap_values(name="pier")},
            ),
            NO_PASSWORD,
            NO_BASE64,
            # What a phase itself asks for is judged at last.
            INSTALL_FAULTS[-1],
            *VALUE_FAULTS,
        ),
        {"install_values": NO_INTERFACE, "release": "24/09"},
    ),
)


def sent(parts: Changes) -> Changes:
    return form(**{name: part for name, part in parts.items() if part is not None})


def walk(app: Flask, order: Order, ask: Callable[..., Any], set_row: Callable[..., None]) -> None:
    parts = dict(order.first)
    for fault in order.faults:
        before = digest(app)
        answer = ask(**sent(parts))
        assert (answer.status_code, answer.json.get("description")) == (fault.code, fault.text)
        assert digest(app) == before, fault.text
        parts |= fault.parts
        if fault.row:
            set_row(**fault.row)
    done(ask(**sent(parts)))


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.verb)
def test_a_verb_is_judged_in_the_order_of_the_contract(phased: Phased, app: Flask, order: Order) -> None:
    fleet = phased.fleet
    fleet.secondary_group()
    phased.created()
    phased.created(2)
    fleet.set_subcloud(1, **order.row)
    path = f"{URL}/1/{order.verb}"
    walk(
        app,
        order,
        lambda **options: fleet.operator.patch(path, **options),
        lambda **values: fleet.set_subcloud(1, **values),
    )


CREATION = (
    Fault(
        "Missing required parameter(s): bootstrap_values, bootstrap-address", {"bootstrap-address": ADDRESS}
    ),
    Fault("Missing required parameter(s): bootstrap_values", {"bootstrap_values": b"[1"}),
    Fault(
        "secondary is not allowed here: use POST /v1.0/subclouds",
        {"secondary": "false", "bootstrap_values": bootstrap_values(3, name=None)},
    ),
    Fault("name required", {"bootstrap_values": bootstrap_values(3, system_mode=None)}),
    Fault("system_mode required", {"bootstrap_values": bootstrap_values(3, name="quay-2", **OF_ANOTHER)}),
    Fault(WRONG_RELEASE, {"release": "25.09"}),
    Fault("Invalid group", {"group_id": "Default"}),
    Fault(
        "Subcloud with name=quay-2 already exists",
        {"bootstrap_values": bootstrap_values(3, **OF_ANOTHER)},
        code=409,
    ),
    Fault(
        "Management address range overlaps with that of subcloud quay-2",
        {"bootstrap_values": bootstrap_values(3)},
    ),
)
FIRST = {"secondary": "true", "group_id": "nowhere", "release": "24/09"}


def test_a_creation_is_judged_in_the_order_of_the_contract(phased: Phased, app: Flask) -> None:
    phased.created(2)
    ask = phased.fleet.operator.post
    headers = {"Prefer": "wait=0"}
    order = Order("create", {}, CREATION, FIRST)
    walk(app, order, lambda **options: ask(URL, headers=headers, **options), phased.fleet.set_subcloud)


@pytest.mark.parametrize("kind", ["secondary", "migrate"])
def test_a_creation_is_of_no_other_kind_by_its_file_either(phased: Phased, kind: str) -> None:
    parts = new_parts(bootstrap_values=bootstrap_values(**{kind: True}))
    text = f"{kind} is not allowed here: use POST /v1.0/subclouds"
    refused(phased.fleet.operator.post(URL, **form(**parts)), 400, text)


@pytest.mark.parametrize("verb", ["install", "resume"])
def test_stored_install_values_have_to_be_whole(phased: Phased, verb: str) -> None:
    phased.created(install_values=install_values(), bmc_password=PASSWORD)
    phased.fleet.set_subcloud(1, data_install='{"bootstrap_interface": "eno7"}', secrets=None)
    parts: Changes = {"sysadmin_password": PASSWORD, "install_values": None, "bmc_password": None}
    refused(phased.ask(verb, **parts), 400, "Failed to get bootstrap_address from data_install")


def test_nothing_is_installed_without_install_values(phased: Phased) -> None:
    phased.created()
    without: Changes = {"install_values": None, "bmc_password": None}
    refused(phased.ask("install", **without), 400, "Failed to read data install from db")
