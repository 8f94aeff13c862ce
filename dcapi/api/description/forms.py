"""The forms of subclouds as they are described: the fields that the views load, and beside them the parts
that are read apart from those."""

from __future__ import annotations

from collections.abc import Collection

from marshmallow import EXCLUDE

from dcapi.api.description.fields import A_FILE, BOOLEAN_WORD, PRINTABLE, RELEASE, FormSchema, JsonSchema
from dcapi.models.bootstrap_forms import SYSTEM_MODES
from dcapi.models.network_values import (
    ADMIN_GATEWAY,
    ADMIN_KEYS,
    FORM_KEYS,
    MANAGEMENT_GATEWAY,
    REQUIRED_KEYS,
)
from dcapi.schemas.phased_deploy import PhaseSchema
from dcapi.schemas.subclouds import NewSubcloudSchema, PeerSubcloudChangeSchema, RedeploymentSchema

YAML = "application/yaml"
# Part → what its content is, for the parts that are documents.
DOCUMENTS = {"bootstrap_values": YAML, "install_values": YAML, "deploy_config": f"{YAML}, text/plain"}


class NewSubcloudForm(FormSchema, NewSubcloudSchema):
    """A new subcloud."""


class SubcloudChangeForm(FormSchema, PeerSubcloudChangeSchema):
    """A change of a subcloud, with what only another site may say of it."""


class PhaseForm(FormSchema, PhaseSchema):
    """A verb of a deployment in phases."""


def phase_form(parts: Collection[str]) -> PhaseForm:
    """The fields that a verb takes as texts; ``parts`` are the names of all that it takes."""
    keys = {name: field.data_key or name for name, field in PhaseForm().load_fields.items()}
    return PhaseForm(only=[name for name, key in keys.items() if key in parts])


class DeployFilesForm(FormSchema):
    """An upload of deploy files, all of whose parts are read apart; parts of other names are ignored."""

    class Meta:
        unknown = EXCLUDE


class RedeploymentForm(FormSchema, RedeploymentSchema):
    """A redeployment."""


def _text(description: str) -> JsonSchema:
    return {"type": "string", "pattern": PRINTABLE, "description": description}


def _file(description: str) -> JsonSchema:
    return {**A_FILE, "description": description}


_FROM_THE_VALUES = "Takes precedence over the key of this name in the bootstrap values."
_BOOTSTRAP_FILE = _file("Bootstrap values: YAML as described by BootstrapValues. A text field will do too.")
_INSTALL_FILE = _file("Install values: YAML as described by InstallValues. A text field will do too.")

NEW_SUBCLOUD_PARTS: dict[str, JsonSchema] = {
    "bootstrap_values": _BOOTSTRAP_FILE,
    "install_values": _INSTALL_FILE,
    "deploy_config": _file("The configuration that is deployed last. Must be a file."),
    "cloud_init_config": _file("Of an enrolment: a tar with what the node runs as it starts first."),
    **{key: _text(_FROM_THE_VALUES) for key in ("system_mode", *FORM_KEYS)},
}

REDEPLOYMENT_PARTS: dict[str, JsonSchema] = {
    **{part: NEW_SUBCLOUD_PARTS[part] for part in DOCUMENTS},
    "bootstrap_address": _text("The same as bootstrap-address."),
}

# The fields of a new subcloud that count where it is created alone.
NEW_PHASED_FIELDS = ("name", "bootstrap_address", "description", "location", "group", "bmc_password")
_RELEASE_OF_FORM: JsonSchema = {
    "type": "string",
    "pattern": f"^$|{RELEASE}",
    "description": "Without it the release of this site.",
}
NEW_PHASED_PARTS: dict[str, JsonSchema] = {
    **{name: NEW_SUBCLOUD_PARTS[name] for name in (*DOCUMENTS, "system_mode", *FORM_KEYS)},
    "release": _RELEASE_OF_FORM,
}
PHASE_PARTS: dict[str, JsonSchema] = {
    **{part: NEW_SUBCLOUD_PARTS[part] for part in DOCUMENTS},
    "cloud_init_config": NEW_SUBCLOUD_PARTS["cloud_init_config"],
    "on_site": {
        "type": "string",
        "pattern": f"^$|{BOOLEAN_WORD}",
        "description": "true: the node starts at its place, and nothing is done through its BMC.",
    },
    "release": {**_RELEASE_OF_FORM, "description": "Without it that of the subcloud."},
    "sysadmin_password": _text("Required. Base64 of the password; it is never stored for later."),
}

DEPLOY_FILE_PARTS: dict[str, JsonSchema] = {
    "deploy_playbook": _file(
        "A playbook, or a zip with it and its roles. Required, unless prestage_images is sent alone."
    ),
    "deploy_overrides": _file("Overrides for the chart: YAML."),
    "deploy_chart": _file("The chart. Required, unless prestage_images is sent alone."),
    "prestage_images": _file("A list of images for prestaging."),
    "release": _RELEASE_OF_FORM,
}

# Values of a JSON body that are judged with the subcloud's own.
PRESTAGING_VALUES: dict[str, JsonSchema] = {
    "release": {
        "type": ["string", "null"],
        "pattern": "^([0-9]{2}\\.[0-9]{2})?$",
        "description": "MM.mm, such as 24.09. Without it the release of this site.",
    }
}

SUBCLOUD_CHANGE_PARTS: dict[str, JsonSchema] = {
    "bootstrap_values": _BOOTSTRAP_FILE,
    "install_values": _INSTALL_FILE,
    "bootstrap-address": _text("Only from another site: the same as bootstrap_address."),
    "region_name": _text("Only from another site: ignored."),
}

_NETWORK_TEXT: JsonSchema = {
    "type": "string",
    "description": "One value, or two of different IP versions: `a,b`, the primary one first.",
}

# What is judged of bootstrap values; everything else in them is kept and used as it is.
BOOTSTRAP_VALUES: JsonSchema = {
    "type": "object",
    "description": (
        f"What makes a node a system. Give either {MANAGEMENT_GATEWAY} or all of {', '.join(ADMIN_KEYS)}. "
        "Keys of the form of a new subcloud count here too."
    ),
    "properties": {
        "name": {"type": "string"},
        "system_mode": {"type": "string", "enum": list(SYSTEM_MODES)},
        **dict.fromkeys(FORM_KEYS, _NETWORK_TEXT),
        "admin_password": {"type": "string"},
    },
    "required": ["name", "system_mode", *REQUIRED_KEYS],
    "anyOf": [{"required": [MANAGEMENT_GATEWAY]}, {"required": [ADMIN_GATEWAY]}],
}

# What the schema of install values cannot say.
INSTALL_VALUES: JsonSchema = {
    "description": (
        "How the software comes onto the first node. bmc_address, nexthop_gateway and the network are of the "
        "IP version of bootstrap_address, and bmc_address of that of the primary OAM subnet. network_address "
        "needs nexthop_gateway and network_mask. software_version must be the release that is installed; it "
        "is filled in where it is missing. Not judged in a secondary subcloud from another site."
    ),
}
