"""What is kept of a subcloud's values, and when a change of them is one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.secret_values import data_install, rehome_data
from dcapi.services.inventory.inputs import NewSubcloud, SubcloudChange
from dcapi.services.inventory.stored_values import saved_payload, write_change, write_new
from tests.subcloud_forms import ADDRESS, bootstrap_values, install_values


def secondary() -> Subcloud:
    row = Subcloud(name="quay-1")
    new = NewSubcloud(
        name="quay-1",
        bootstrap_values=bootstrap_values(),
        bootstrap_address=ADDRESS,
        install_values=install_values(bmc_password="c2VhbA=="),
        secondary=True,
    )
    write_new(row, new)
    return row


def deployed(address: str | None = ADDRESS) -> Subcloud:
    row = Subcloud(name="quay-1")
    write_new(row, NewSubcloud("quay-1", bootstrap_values(), bootstrap_address=address))
    return row


def payload_of(row: Subcloud) -> Any:
    return rehome_data.read(row)["saved_payload"]


def test_saved_payload_has_values_name_and_address_but_no_password() -> None:
    values = bootstrap_values(
        sysadmin_password="a", ansible_ssh_pass="b", ansible_become_pass="c", name="old"
    )
    assert saved_payload(values, "quay-1", ADDRESS) == {**bootstrap_values(), "bootstrap-address": ADDRESS}


def test_no_name_is_filled_into_values_without_one() -> None:
    row = secondary()
    nameless: dict[str, Any] = {"name": None}
    assert write_change(row, SubcloudChange(bootstrap_values=bootstrap_values(**nameless)))
    assert payload_of(row) == {**bootstrap_values(**nameless), "bootstrap-address": ADDRESS}


def test_a_secondary_subcloud_keeps_its_values_with_the_passwords_apart() -> None:
    row = secondary()
    assert payload_of(row) == {**bootstrap_values(), "bootstrap-address": ADDRESS}
    assert data_install.read(row) == {**install_values(), "bmc_password": "c2VhbA=="}
    assert "Bollard" not in str(row.rehome_data)
    assert "Winch" not in str(row.rehome_data)
    assert "c2VhbA" not in str(row.data_install)


def test_a_deployed_subcloud_has_no_rehome_data_at_first() -> None:
    row = deployed()
    assert row.rehome_data is None
    assert json.loads(row.deploy_values or "")["saved_payload"]["name"] == "quay-1"


def test_new_values_replace_all_old_ones() -> None:
    row = secondary()
    values = bootstrap_values(2, name="quay-9", admin_password=None)
    assert write_change(row, SubcloudChange(bootstrap_values=values))
    assert payload_of(row) == {**values, "name": "quay-1", "bootstrap-address": ADDRESS}


def test_a_new_address_leaves_the_values_alone() -> None:
    row = secondary()
    assert write_change(row, SubcloudChange(bootstrap_address="10.71.9.99"))
    assert payload_of(row) == {**bootstrap_values(), "bootstrap-address": "10.71.9.99"}


def test_what_a_subcloud_was_deployed_with_completes_its_first_rehome_data() -> None:
    row = deployed()
    assert write_change(row, SubcloudChange(bootstrap_address="10.71.9.99"))
    assert payload_of(row) == {**bootstrap_values(), "bootstrap-address": "10.71.9.99"}


@pytest.mark.parametrize(
    ("row", "change"),
    [
        (Subcloud(name="quay-1"), SubcloudChange(bootstrap_address=ADDRESS)),
        (Subcloud(name="quay-1"), SubcloudChange(bootstrap_values=bootstrap_values())),
        (deployed(address=None), SubcloudChange(bootstrap_values=bootstrap_values())),
    ],
)
def test_half_of_the_bootstrap_fields_is_refused_without_the_other(
    row: Subcloud, change: SubcloudChange
) -> None:
    with pytest.raises(BadRequest, match="send both bootstrap_values and bootstrap_address"):
        write_change(row, change)


UNCHANGED = [
    SubcloudChange(bootstrap_values=bootstrap_values()),
    SubcloudChange(bootstrap_address=ADDRESS),
    SubcloudChange(bootstrap_values=dict(reversed(bootstrap_values().items())), bootstrap_address=ADDRESS),
    SubcloudChange(install_values={**install_values(), "bmc_password": "c2VhbA=="}),
    SubcloudChange(bmc_password="c2VhbA=="),
    SubcloudChange(description="anything else"),
]


@pytest.mark.parametrize("change", UNCHANGED)
def test_values_that_say_the_same_change_nothing(change: SubcloudChange) -> None:
    row = secondary()
    before = (row.rehome_data, row.data_install, row.secrets)
    assert not write_change(row, change)
    assert (row.rehome_data, row.data_install, row.secrets) == before


CHANGED = [
    SubcloudChange(bootstrap_values=bootstrap_values(admin_password="Bollard*8")),
    SubcloudChange(bootstrap_values=bootstrap_values(dns_servers=["10.71.9.5"])),
    SubcloudChange(bootstrap_values=bootstrap_values(docker_registries=None)),
    SubcloudChange(install_values={**install_values(), "bmc_password": "c2VhbDI="}),
    SubcloudChange(install_values={**install_values(hw_settle=5), "bmc_password": "c2VhbA=="}),
    SubcloudChange(bmc_password="c2VhbDI="),
]


@pytest.mark.parametrize("change", CHANGED)
def test_values_that_differ_anywhere_are_a_change(change: SubcloudChange) -> None:
    row = secondary()
    assert write_change(row, change)
    assert not write_change(row, change)


def test_a_bmc_password_without_install_values_has_nothing_to_belong_to() -> None:
    with pytest.raises(BadRequest, match="send install_values"):
        write_change(deployed(), SubcloudChange(bmc_password="c2VhbA=="))
