"""What is kept of a subcloud's values, and when a change of them is one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.secret_values import data_install, rehome_data
from dcapi.services.subcloud_requests import NewSubcloud, SubcloudChange
from dcapi.services.subcloud_values import same, saved_payload, write_change, write_new
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


def test_a_payload_has_the_values_the_name_and_the_address_and_no_password_of_the_system() -> None:
    values = bootstrap_values(
        sysadmin_password="a", ansible_ssh_pass="b", ansible_become_pass="c", name="old"
    )
    assert saved_payload(values, "quay-1", ADDRESS) == {**bootstrap_values(), "bootstrap-address": ADDRESS}


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
def test_half_of_what_is_needed_is_refused_when_the_other_half_is_not_known(
    row: Subcloud, change: SubcloudChange
) -> None:
    with pytest.raises(BadRequest, match="both bootstrap_values and bootstrap_address are needed"):
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
    with pytest.raises(BadRequest, match="install_values are needed"):
        write_change(deployed(), SubcloudChange(bmc_password="c2VhbA=="))


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("FD01:0::1", "fd01::1", True),
        ("fd01:0::/64", "fd01::/64", True),
        ({"a": ["FD01:0::1"]}, {"a": ["fd01::1"]}, True),
        ({"a_password": "FD01:0::1"}, {"a_password": "fd01::1"}, False),
        (True, "True", False),
        (1, True, False),
        (1, 1.0, True),
        ("1", 1, False),
        ({"a": None}, {}, False),
        ([1, 2], [2, 1], False),
        (None, {}, False),
    ],
)
def test_values_are_compared_by_what_they_mean(left: Any, right: Any, equal: bool) -> None:
    assert same(left, right) is equal
