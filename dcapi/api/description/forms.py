"""The forms of subclouds as they are described: the fields that the views load, and beside them the parts
that are read apart from those."""

from __future__ import annotations

from dcapi.api.description.fields import A_FILE, PRINTABLE, FormSchema, JsonSchema
from dcapi.models.network_values import (
    ADDRESS_KEYS,
    ADMIN_GATEWAY,
    ADMIN_KEYS,
    MANAGEMENT_GATEWAY,
    REQUIRED_KEYS,
    SUBNET_KEYS,
)
from dcapi.schemas.bootstrap_values import SYSTEM_MODES
from dcapi.schemas.subclouds import NewSubcloudSchema, PeerSubcloudChangeSchema, RedeploymentSchema

YAML = "application/yaml"
# Part → what its content is, for the parts that are documents.
DOCUMENTS = {"bootstrap_values": YAML, "install_values": YAML, "deploy_config": f"{YAML}, text/plain"}


class NewSubcloudForm(FormSchema, NewSubcloudSchema):
    """A new subcloud."""


class SubcloudChangeForm(FormSchema, PeerSubcloudChangeSchema):
    """A change of a subcloud, with what only another site may say of it."""


class RedeploymentForm(FormSchema, RedeploymentSchema):
    """A redeployment."""


def _text(description: str) -> JsonSchema:
    return {"type": "string", "pattern": PRINTABLE, "description": description}


def _file(description: str) -> JsonSchema:
    return {**A_FILE, "description": description}


_FROM_THE_VALUES = "Wins over the key of this name in the bootstrap values."
_BOOTSTRAP_FILE = _file("Bootstrap values: YAML as described by BootstrapValues. A text is taken too.")
_INSTALL_FILE = _file("Install values: YAML as described by InstallValues. A text is taken too.")

NEW_SUBCLOUD_PARTS: dict[str, JsonSchema] = {
    "bootstrap_values": _BOOTSTRAP_FILE,
    "install_values": _INSTALL_FILE,
    "deploy_config": _file("The configuration that is deployed last. Must be a file."),
    **{key: _text(_FROM_THE_VALUES) for key in ("system_mode", *SUBNET_KEYS, *ADDRESS_KEYS)},
}

REDEPLOYMENT_PARTS = {part: NEW_SUBCLOUD_PARTS[part] for part in DOCUMENTS}

SUBCLOUD_CHANGE_PARTS: dict[str, JsonSchema] = {
    "bootstrap_values": _BOOTSTRAP_FILE,
    "install_values": _INSTALL_FILE,
    "bootstrap-address": _text("From another site alone: the same as bootstrap_address."),
    "region_name": _text("From another site alone: is ignored."),
}

_NETWORK_TEXT: JsonSchema = {"type": "string"}

# What is judged of bootstrap values; everything else in them is kept and used as it is.
BOOTSTRAP_VALUES: JsonSchema = {
    "type": "object",
    "description": (
        f"What makes a system out of a node. Either {MANAGEMENT_GATEWAY} is there, or all of "
        f"{', '.join(ADMIN_KEYS)}. Keys of the form of a new subcloud count here as well."
    ),
    "properties": {
        "name": {"type": "string"},
        "system_mode": {"type": "string", "enum": list(SYSTEM_MODES)},
        **dict.fromkeys((*SUBNET_KEYS, *ADDRESS_KEYS), _NETWORK_TEXT),
        "admin_password": {"type": "string"},
    },
    "required": ["name", "system_mode", *REQUIRED_KEYS],
    "anyOf": [{"required": [MANAGEMENT_GATEWAY]}, {"required": [ADMIN_GATEWAY]}],
}
