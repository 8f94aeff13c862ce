"""Values of callers reach no switch of ansible: which of their keys name a variable of a playbook."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.deploy.playbooks.names import OWN_NAMES, may_name_variable
from dcapi.deploy.playbooks.values import secrets_of, variables_of
from dcapi.deploy.port import Phase
from tests.unit.deploy.test_playbook_texts import PATHS, encoded, target

SWITCHES = (
    "_ansible_ansiballz_coverage_config",
    "_ansible_coverage_remote_output",
    "_anything",
    "__ansible_vault",
    "ansible_connection",
    "ansible_python_interpreter",
    "ansible_ssh_pass",
    "ansiblefoo",
    "inventory_hostname",
    "hostvars",
    "groups",
    "vars",
    "environment",
    "omit",
    "lookup",
    "name",
)
NO_NAMES = (
    "",
    "not-a-name",
    "7up",
    "rd.net.timeout.ipv6dad",
    "größe",
    "a b",
    "system_mode\n",
    "none",
    "True",
)
VARIABLES = (
    "system_mode",
    "management_subnet",
    "admin_password",
    "location",
    "my_ansible_port",
    "Ansible",
    "x_",
)


def variables(phase: Phase = Phase.BOOTSTRAP, /, **changes: Any) -> dict[str, Any]:
    return variables_of(phase, target(**changes), PATHS)


@pytest.mark.parametrize("key", SWITCHES)
@pytest.mark.parametrize("place", ["bootstrap_values", "options", "install_values"])
def test_a_switch_of_ansible_is_no_variable_wherever_it_was_sent(place: str, key: str) -> None:
    assert variables(**{place: {key: "harm"}}) == {**variables(**{place: {}}), **values_of(place, key)}


def values_of(place: str, key: str) -> dict[str, Any]:
    """Where the key stands nevertheless: an option is one of this service's own."""
    return {} if place == "options" else {place: {key: "harm"}}


@pytest.mark.parametrize("key", NO_NAMES)
def test_a_key_that_cannot_name_a_variable_is_left_out(key: str) -> None:
    assert not may_name_variable(key)
    assert variables(bootstrap_values={key: 1})["bootstrap_values"] == {key: 1}


@pytest.mark.parametrize("key", VARIABLES)
def test_any_other_key_is_a_variable_and_among_the_values(key: str) -> None:
    found = variables(bootstrap_values={key: "gull"})
    assert (found[key], found["bootstrap_values"]) == ("gull", {key: "gull"})


def test_what_this_service_tells_itself_comes_from_no_caller() -> None:
    password = encoded("Gull*1")
    of_phases = (variables(phase, sysadmin_password=password) for phase in Phase)
    told = {key for found in of_phases for key in found}
    own = {key for key in told if not key.startswith("ansible")} - {"admin_password"}
    assert own == OWN_NAMES
    lies = dict.fromkeys(OWN_NAMES, "a lie")
    found = variables(bootstrap_values=lies, options=lies)
    assert "sysadmin_password" not in found
    assert "a lie" not in [value for key, value in found.items() if key != "bootstrap_values"]


def test_passwords_among_the_values_are_plain_text_there_too() -> None:
    values = {"admin_password": encoded("Bollard*7"), "_deep": {"bmc_password": "Winch 3"}}
    found = variables(bootstrap_values=values)
    assert found["bootstrap_values"] == {"admin_password": "Bollard*7", "_deep": {"bmc_password": "Winch 3"}}
    assert {"Bollard*7", "Winch 3"} <= set(secrets_of(target(bootstrap_values=values)))
