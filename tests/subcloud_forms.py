"""Subclouds as operators and other sites describe them, and the forms that carry them."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

Values = dict[str, Any]

PASSWORD = base64.b64encode(b"Harbour*crane 9").decode()
ADDRESS = "10.71.9.20"


def bootstrap_values(number: int = 1, **changes: Any) -> Values:
    """Bootstrap values of a one-node IPv4 subcloud, its networks chosen by its number; None drops a key."""
    values = {
        "system_mode": "simplex",
        "name": f"quay-{number}",
        "description": f"Quay {number}, north side",
        "location": "Turku",
        "management_subnet": f"10.70.{number}.0/24",
        "management_start_address": f"10.70.{number}.2",
        "management_end_address": f"10.70.{number}.90",
        "management_gateway_address": f"10.70.{number}.1",
        "external_oam_subnet": "10.71.9.0/24",
        "external_oam_gateway_address": "10.71.9.1",
        "external_oam_floating_address": ADDRESS,
        "systemcontroller_gateway_address": "10.69.0.1",
        "admin_password": "Bollard*7",
        "docker_registries": {"defaults": {"url": "registry.quays.example:9001", "password": "Winch 3"}},
        **changes,
    }
    return {key: value for key, value in values.items() if value is not None}


def admin_network(number: int = 1) -> Values:
    """An IPv6 admin network, and the management network without the gateway that it takes the place of."""
    return {
        "management_gateway_address": None,
        "admin_subnet": f"fd70:{number}::/64",
        "admin_start_address": f"fd70:{number}::2",
        "admin_end_address": f"fd70:{number}::90",
        "admin_gateway_address": f"fd70:{number}::1",
        "systemcontroller_gateway_address": "fd69::1",
    }


def dual_stack(number: int = 1) -> Values:
    """A management network of both IP versions, the one of IPv4 first."""
    return {
        "management_subnet": f"10.70.{number}.0/24,fd70:{number}::/64",
        "management_start_address": f"10.70.{number}.2,fd70:{number}::2",
        "management_end_address": f"10.70.{number}.90,fd70:{number}::90",
        "management_gateway_address": f"10.70.{number}.1,fd70:{number}::1",
    }


def install_values(**changes: Any) -> Values:
    """Install values; None drops a key."""
    values = {
        "bootstrap_interface": "eno7",
        "bootstrap_address": ADDRESS,
        "bootstrap_address_prefix": 24,
        "bmc_address": "10.72.0.20",
        "bmc_username": "mate",
        "install_type": 1,
        "persistent_size": 45000,
        **changes,
    }
    return {key: value for key, value in values.items() if value is not None}


def install_network(**changes: Any) -> Values:
    """The network of an installation; None drops a key."""
    values = {
        "nexthop_gateway": "10.71.9.1",
        "network_address": "10.71.9.0",
        "network_mask": "255.255.255.0",
        **changes,
    }
    return {key: value for key, value in values.items() if value is not None}


def form(**parts: Any) -> dict[str, Any]:
    """Options of a request with a multipart body.

    Mappings become YAML files, bytes files, everything else texts; ``__`` in a name stands for a hyphen.
    """
    return {
        "data": {name.replace("__", "-"): _part(name, value) for name, value in parts.items()},
        "content_type": "multipart/form-data",
    }


def _part(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        value = json.dumps(value).encode()  # every JSON object is YAML
    return (io.BytesIO(value), f"{name}.yaml") if isinstance(value, bytes) else str(value)


def new_form(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A form that creates the subcloud of this number; None drops a part."""
    parts = {
        "bootstrap_values": bootstrap_values(number),
        "bootstrap__address": ADDRESS,
        "sysadmin_password": PASSWORD,
        **changes,
    }
    return form(**{name: value for name, value in parts.items() if value is not None})


def secondary_form(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A form that creates a secondary subcloud, as another site sends it."""
    return new_form(number, **{"secondary": "true", "sysadmin_password": None, **changes})
