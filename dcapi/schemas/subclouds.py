"""What can be asked about subclouds: forms with files, read into the requests that the services take.

Source: "POST parts" and "PATCH parts" of subclouds in the wire contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marshmallow import ValidationError

from dcapi.errors import BadRequest
from dcapi.models.bootstrap_forms import check_required
from dcapi.models.limits import (
    NAME_LENGTH,
    RELEASE,
    RESERVED,
    SUBCLOUD_NAME_RULE,
    is_clean,
    is_region_name,
    is_reserved,
)
from dcapi.models.states import Management
from dcapi.schemas import bootstrap_values
from dcapi.schemas.base import PatchSchema, RequestSchema, load
from dcapi.schemas.documents import Documents
from dcapi.schemas.fields import (
    Base64Text,
    Boolean,
    Checked,
    Choice,
    FileOrText,
    Given,
    NamedAddress,
    OneLine,
    PlainText,
    SubcloudName,
)
from dcapi.services.inventory.inputs import DeployRequest, Enrolment, NewSubcloud, SubcloudChange

Values = dict[str, Any]

# Parts that are documents; no key of the bootstrap values stands for one of them.
DOCUMENTS = frozenset({"bootstrap_values", "install_values", "deploy_config", "cloud_init_config"})
# Fields of an enrolment.
ENROLMENT = ("enroll", "on_site", "cloud_init_config")
PASSWORD = "sysadmin_password"  # noqa: S105 (a name, no password)
PASSWORD_REQUIRED = "subcloud sysadmin_password required"  # noqa: S105 (a text about one)

# What another site may write for a value that it does not have.
NOTHING_WORDS = frozenset({"null", "None"})
# Texts that the empty string empties, and that mean what they say.
EMPTIED = frozenset({"description", "location"})

NAME_INVALID = f"name invalid: {SUBCLOUD_NAME_RULE}"
NAME_OF_DIGITS = "name must contain alphabetic characters"

ADDRESS_SPELLINGS = frozenset({"bootstrap-address", "bootstrap_address"})
NETWORK_FIELDS = frozenset(
    {"management_subnet", "management_gateway_ip", "management_start_ip", "management_end_ip"}
)


def not_base64(name: str) -> str:
    return f"Failed to decode subcloud {name}, verify the password is base64 encoded"


class GroupReference(Checked):
    """An id or a name of a group; which one is there is for the service to see."""

    def checked(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip() or len(value) > NAME_LENGTH or not is_clean(value):
            raise self.wrong()
        return value


class RegionName(Checked):
    """A region name: 32 hexadecimal digits here, whatever names a subcloud at other sites."""

    def checked(self, value: Any) -> str:
        if isinstance(value, str) and is_reserved(value):
            raise ValidationError(f"region_name {RESERVED}")
        if isinstance(value, str) and is_region_name(value):
            return value
        raise self.wrong()


class Release(Checked):
    """A software version."""

    def checked(self, value: Any) -> str:
        if not isinstance(value, str) or not RELEASE.fullmatch(value):
            raise ValidationError(self.text)
        return value


class NewSubcloudSchema(RequestSchema):
    """The fields of a new subcloud, from parts of the form and from keys of the bootstrap values."""

    name = SubcloudName(NAME_INVALID, digits_text=NAME_OF_DIGITS, required=True, missing_text="name required")
    bootstrap_address = NamedAddress("bootstrap-address", data_key="bootstrap-address")
    description = OneLine("Invalid description", keeps_empty=True)
    location = OneLine("Invalid location", keeps_empty=True)
    group = GroupReference("Invalid group", data_key="group_id")
    release = Release("Invalid release")
    region_name = RegionName("Invalid region_name")
    secondary = Boolean("Invalid secondary value")
    migrate = Boolean("Invalid migrate value")
    enroll = Boolean("Invalid enroll value")
    on_site = Boolean("Invalid on_site value")
    cloud_init_config = Given("Invalid cloud_init_config")
    sysadmin_password = Base64Text(not_base64("sysadmin_password"))
    bmc_password = Base64Text(not_base64("bmc_password"))

    def not_given(self, field: Checked, value: Any) -> bool:
        return super().not_given(field, value) or (value == "" and not field.keeps_empty)


class NewPeerSubcloudSchema(NewSubcloudSchema):
    """The same from another site, which may be older and name subclouds more freely."""

    name = SubcloudName(
        NAME_INVALID,
        digits_text=NAME_OF_DIGITS,
        foreign=True,
        required=True,
        missing_text="name required",
    )


class SubcloudChangeSchema(PatchSchema):
    """The fields of a change by an operator."""

    description = OneLine("Invalid description", keeps_empty=True)
    location = OneLine("Invalid location", keeps_empty=True)
    management_state = Choice("Invalid management-state", Management, data_key="management-state")
    force = Boolean("Invalid force value")
    group = GroupReference("Invalid group", data_key="group_id")
    peer_group = GroupReference("Invalid peer group")
    bootstrap_address = NamedAddress("bootstrap_address")
    bootstrap_values = FileOrText("Invalid bootstrap_values")
    install_values = FileOrText("Invalid install_values")
    bmc_password = Base64Text(not_base64("bmc_password"))
    migrate = Boolean("Invalid migrate value")
    # What is wrong with it is said when it is known that the subcloud can be renamed.
    name: Checked = Given("Invalid name")
    sysadmin_password = Base64Text(not_base64("sysadmin_password"))
    management_subnet = PlainText("Invalid management_subnet")
    management_gateway_ip = PlainText("Invalid management_gateway_ip")
    management_start_ip = PlainText("Invalid management_start_ip")
    management_end_ip = PlainText("Invalid management_end_ip")


class PeerSubcloudChangeSchema(SubcloudChangeSchema):
    """The fields of a change by another site."""

    release = Release("Invalid release")
    # Sent along by other sites, which mean no new name by it.
    name: Checked = PlainText("Invalid name", shortest=1)


class RedeploymentSchema(PatchSchema):
    """The fields of a redeployment, from parts of the form and from keys of the bootstrap values.

    The documents are read beside them, and all may be those stored.
    """

    may_be_empty = True

    bootstrap_address = NamedAddress("bootstrap-address", data_key="bootstrap-address")
    description = OneLine("Invalid description", keeps_empty=True)
    location = OneLine("Invalid location", keeps_empty=True)
    release = Release("Invalid release")
    sysadmin_password = Base64Text(not_base64("sysadmin_password"))
    bmc_password = Base64Text(not_base64("bmc_password"))


def new_subcloud(
    parts: Mapping[str, str | bytes],
    *,
    from_peer: bool,
    yaml_limit: int,
    in_phases: bool = False,
    enrolment: Enrolment | None = None,
) -> NewSubcloud:
    """Read the parts of a POST; raises BadRequest. ``yaml_limit`` bounds each document, in bytes.

    ``in_phases``: it is created alone, which takes no password. ``enrolment`` is what the form says of one,
    which counts if it asks for one.
    """
    parts = _meant(parts) if from_peer else parts
    documents = Documents(parts, limit=yaml_limit)
    file_values = documents.mapping("bootstrap_values") or {}
    schema = NewPeerSubcloudSchema() if from_peer else NewSubcloudSchema()
    fields = load(schema, _counted(fields_of(parts, file_values), from_peer=from_peer))
    _check_enrolment(fields)
    _check_name_in_file(fields, file_values)
    values = bootstrap_values.merged(file_values, only_texts(parts))
    check_required(values)
    _check_kind(fields, parts, needs_password=not in_phases)
    secondary = fields.get("secondary", False)
    enrolment = _asked_for(enrolment, fields)
    checked = not (from_peer and secondary)
    install = documents.install_values(fields.get("bmc_password"), checked=checked, enrolment=enrolment)
    kept = bootstrap_values.kept_form(values, from_peer=from_peer)
    return NewSubcloud(
        **{key: fields[key] for key in fields if key not in ("bmc_password", *ENROLMENT)},
        bootstrap_values=_without_password(kept) if secondary else kept,
        install_values=_without_password(install) if secondary and install is not None else install,
        deploy_config=documents.text("deploy_config"),
        from_peer=from_peer,
        in_phases=in_phases,
        enrolment=enrolment,
    )


def _asked_for(enrolment: Enrolment | None, fields: Values) -> Enrolment | None:
    """The enrolment that a creation asks for, in its form or among its values; None when it asks for none."""
    if not fields.get("enroll"):
        return None
    return replace(enrolment or Enrolment(), on_site=fields.get("on_site", False))


def fields_of(parts: Mapping[str, str | bytes], file_values: Values) -> Values:
    """The fields of a request: keys of the bootstrap values count too, and parts of the form win."""
    beside = {key: value for key, value in file_values.items() if key not in DOCUMENTS}
    return {**beside, **{key: value for key, value in parts.items() if value != "" or key in EMPTIED}}


def _counted(fields: Values, *, from_peer: bool) -> Values:
    """The fields of a new subcloud without those that mean nothing for one of its kind.

    Files are copied, so a region name counts only where the region is there already; and nobody logs in to a
    secondary one.
    """
    secondary = str(fields.get("secondary")).lower() == "true"
    ignored = {PASSWORD} if secondary else set() if from_peer else {"region_name"}
    return {key: value for key, value in fields.items() if key not in ignored}


def _without_password(values: Values) -> Values:
    return {key: value for key, value in values.items() if key != PASSWORD}


def _check_enrolment(fields: Values) -> None:
    """What is enrolled comes from no other site, and what belongs to an enrolment means nothing elsewhere."""
    if fields.get("enroll"):
        for kind in ("migrate", "secondary"):
            if fields.get(kind):
                raise BadRequest(f"{kind} with enroll is not allowed")
        return
    for name in ENROLMENT:
        if fields.get(name, False) is not False:
            raise BadRequest(f"{name} is not allowed with enroll=false")


def _check_name_in_file(fields: Values, file_values: Values) -> None:
    """What is migrated is known by its name elsewhere: two names are one too many."""
    if fields.get("migrate") and file_values.get("name") not in (None, "", fields["name"]):
        raise BadRequest("subcloud name does not match the name defined in bootstrap file")


def _meant(parts: Mapping[str, str | bytes]) -> dict[str, str | bytes]:
    """The parts that another site filled, without those where it wrote that it has nothing."""
    return {key: value for key, value in parts.items() if key in EMPTIED or not _is_nothing(value)}


def _is_nothing(content: str | bytes) -> bool:
    text = content.decode(errors="replace") if isinstance(content, bytes) else content
    return text.strip() in NOTHING_WORDS


def only_texts(parts: Mapping[str, str | bytes]) -> dict[str, str]:
    """The text parts; a file under a key of the bootstrap values is refused."""
    for key in bootstrap_values.FORM_KEYS:
        if isinstance(parts.get(key), bytes):
            raise BadRequest(f"{key} invalid: must be a text")
    return {key: value for key, value in parts.items() if isinstance(value, str)}


def _check_kind(fields: Values, parts: Mapping[str, str | bytes], *, needs_password: bool) -> None:
    """What a secondary subcloud cannot have, and what every other one needs."""
    if fields.get("secondary"):
        if fields.get("migrate"):
            raise BadRequest("A secondary subcloud cannot be created with migrate")
        if parts.get("deploy_config"):
            raise BadRequest("A secondary subcloud cannot be created with deploy_config")
        return
    if fields.get("migrate") and parts.get("deploy_config"):
        raise BadRequest("A subcloud that is migrated is configured already: it takes no deploy_config")
    if needs_password and not fields.get(PASSWORD):
        raise BadRequest(PASSWORD_REQUIRED)


def subcloud_change(parts: Mapping[str, str | bytes], *, from_peer: bool, yaml_limit: int) -> SubcloudChange:
    """Read the parts of a PATCH; raises BadRequest. ``yaml_limit`` bounds each document, in bytes."""
    fields = load(*_schema_and_parts(parts, from_peer=from_peer))
    if "force" in fields and fields.get("management_state") != Management.MANAGED:
        raise BadRequest("Invalid option: force")
    documents = Documents(fields, limit=yaml_limit)
    values = documents.mapping("bootstrap_values")
    if values is not None:
        values = bootstrap_values.kept_form(values, from_peer=from_peer)
    install = documents.install_values(fields.get("bmc_password"), checked=not from_peer)
    network = {key: fields[key] for key in NETWORK_FIELDS if key in fields} or None
    dropped = NETWORK_FIELDS | _meaningless(fields, network) | {"bootstrap_values", "install_values"}
    kept = {key: value for key, value in fields.items() if key not in dropped}
    change = SubcloudChange(**kept, bootstrap_values=values, install_values=install, network=network)
    if not change.given():
        raise BadRequest("nothing to update")
    return change


def _meaningless(fields: Values, network: object) -> set[str]:
    """Parts that ask for nothing: a migration that is declined, a password that nothing needs."""
    declined = str(fields.get("migrate")).lower() == "false"
    return {*(["migrate"] if declined else []), *([] if network else [PASSWORD])}


def asked_fields(parts: Mapping[str, str | bytes], *, from_peer: bool) -> frozenset[str]:
    """Names of the fields that the parts of a PATCH ask for, right or wrong: by them rights are judged."""
    schema, parts = _schema_and_parts(parts, from_peer=from_peer)
    asked = {
        name: parts[field.data_key or name]
        for name, field in schema.load_fields.items()
        if not schema.not_given(field, parts.get(field.data_key or name))  # type: ignore[arg-type]
    }
    return frozenset(asked.keys() - _meaningless(asked, asked.keys() & NETWORK_FIELDS))


def _schema_and_parts(
    parts: Mapping[str, str | bytes], *, from_peer: bool
) -> tuple[PatchSchema, Mapping[str, str | bytes]]:
    """The schema of a PATCH, and the parts as the caller means them."""
    if from_peer:
        return PeerSubcloudChangeSchema(), one_spelling(_meant(parts), "bootstrap_address")
    return SubcloudChangeSchema(), parts


def redeployment(parts: Mapping[str, str | bytes], *, yaml_limit: int) -> DeployRequest:
    """Read the parts of a redeployment; raises BadRequest. ``yaml_limit`` bounds each document, in bytes."""
    documents = Documents(parts, limit=yaml_limit)
    values = documents.mapping("bootstrap_values")
    spelled, in_file = (one_spelling(one, "bootstrap-address") for one in (parts, values or {}))
    fields = load(RedeploymentSchema(), fields_of(spelled, in_file))
    if values is not None:
        values = bootstrap_values.kept_form(values, from_peer=False)
    return DeployRequest(
        **fields,
        bootstrap_values=values,
        install_values=documents.install_values(fields.get("bmc_password"), checked=True),
        deploy_config=documents.text("deploy_config"),
    )


def one_spelling(parts: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The parts with the bootstrap address under one key: callers spell it either way."""
    (other,) = ADDRESS_SPELLINGS - {key}
    spelled = {name: value for name, value in parts.items() if name != other}
    if not spelled.get(key) and other in parts:
        spelled[key] = parts[other]
    return spelled
