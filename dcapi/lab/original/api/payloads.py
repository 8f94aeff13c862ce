"""Values of a subcloud as an original keeps them for a takeover."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from typing import Any

from dcapi.lab.operator import Json

NEVER_KEPT = frozenset({"sysadmin_password", "ansible_ssh_pass", "ansible_become_pass"})
# Parts of a form that are files, or what to do with a subcloud.
NO_FIELDS = frozenset(
    {"bootstrap_values", "install_values", "bootstrap_address", "peer_group", "management-state", "migrate"}
)
ADDRESS_ENDS = ("_address", "_subnet")


def saved_values(bootstrap_values: Json, form: Mapping[str, str]) -> Json:
    """Bootstrap values and the fields of the form, addresses in canonical form.

    The administrator's password is encoded, once more each time that it comes.
    """
    values = {key: _canonical(key, value) for key, value in bootstrap_values.items()}
    if values.get("admin_password"):
        values["admin_password"] = base64.b64encode(str(values["admin_password"]).encode()).decode()
    return {key: value for key, value in (values | form_keys(form)).items() if key not in NEVER_KEPT}


def form_keys(form: Mapping[str, str]) -> Json:
    """The fields of a form that are kept beside the values."""
    return {key: value for key, value in form.items() if key not in NO_FIELDS}


def _canonical(key: str, value: Any) -> Any:
    """An address or network, or one of each IP version with a comma between."""
    if not isinstance(value, str) or not key.endswith(ADDRESS_ENDS):
        return value
    try:
        return ",".join(_canonical_part(part.strip()) for part in value.split(","))
    except ValueError:
        return value


def _canonical_part(text: str) -> str:
    return str(ipaddress.ip_network(text) if "/" in text else ipaddress.ip_address(text))
