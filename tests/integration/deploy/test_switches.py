"""Real playbooks: no key of a caller's values is a switch of the ansible that is installed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module

import pytest

from dcapi.deploy.playbooks.names import LEFT_OUT, may_name_variable
from dcapi.deploy.port import Done, Phase
from tests.integration.deploy.playbooks import (
    Workshop,
    destination_of,
    dump_variables,
    encoded,
    needs_ansible,
    played,
    touch,
)

pytestmark = needs_ansible

TEMPLATE = "{{ 6 * 7 }}"


def internal_names() -> Iterator[str]:
    constants = import_module("ansible.constants")
    yield from constants.INTERNAL_STATIC_VARS
    yield from constants.COMMON_CONNECTION_VARS
    yield from (name for names in constants.MAGIC_VARIABLE_MAPPING.values() for name in names)


def reserved_names() -> Iterator[str]:
    yield from import_module("ansible.vars.reserved").get_reserved_names()


def setting_names() -> Iterator[str]:
    """The variables from which ansible reads its settings."""
    constants = import_module("ansible.constants")
    for setting in constants.config.get_configuration_definitions().values():
        yield from (variable["name"] for variable in setting.get("vars") or ())


@pytest.mark.parametrize("names", [internal_names, reserved_names, setting_names])
def test_no_name_that_the_installed_ansible_goes_by_is_a_variable(names: Callable[[], Iterator[str]]) -> None:
    found = set(names())
    assert len(found) > 10
    assert {name for name in found if may_name_variable(name)} == set()


def test_a_debug_key_of_ansible_writes_no_file_of_the_callers_choice(workshop: Workshop) -> None:
    harm = workshop.folder / "harm"
    key, config = "_ansible_ansiballz_coverage_config", {"config": "", "output": str(harm)}
    seen = workshop.folder / "seen.json"
    workshop.write(
        Phase.BOOTSTRAP, touch(harm.with_name("trace")), dump_variables(seen, key, "bootstrap_values")
    )
    values = {key: config, "system_mode": "simplex"}
    assert played(workshop.deployer(), Phase.BOOTSTRAP, destination_of(bootstrap_values=values)) == Done()
    assert json.loads(seen.read_text()) == {key: "(none)", "bootstrap_values": values}
    assert list(workshop.folder.rglob("harm*")) == []


def test_a_playbook_runs_whatever_its_values_are_called(workshop: Workshop) -> None:
    seen = workshop.folder / "seen.json"
    workshop.write(Phase.BOOTSTRAP, dump_variables(seen, "bootstrap_values", "inventory_hostname", "free"))
    nested = [dict.fromkeys(("__ansible_vault", "__ansible_unsafe", "hosts"), TEMPLATE)]
    values = {
        **dict.fromkeys(LEFT_OUT, TEMPLATE),
        "__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n00",
        "free": nested,
        "admin_password": encoded(TEMPLATE),
    }
    assert played(workshop.deployer(), Phase.BOOTSTRAP, destination_of(bootstrap_values=values)) == Done()
    assert json.loads(seen.read_text()) == {
        "bootstrap_values": {**values, "admin_password": TEMPLATE},
        "inventory_hostname": "localhost",
        "free": nested,
    }
