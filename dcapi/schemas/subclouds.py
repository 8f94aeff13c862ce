"""What can be asked about subclouds: forms with files, read into the requests that the services take.

Source: "POST parts" and "PATCH parts" of subclouds in the wire contract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from dcapi.errors import BadRequest
from dcapi.models.limits import RELEASE, is_clean
from dcapi.models.secret_values import take_out
from dcapi.models.states import EndpointSync, Management
from dcapi.schemas import bootstrap_values, install_values
from dcapi.schemas.base import PatchSchema, RequestSchema, load
from dcapi.schemas.fields import (
    NAME_LENGTH,
    Base64Text,
    Boolean,
    Checked,
    Choice,
    FileOrText,
    IpAddress,
    PlainText,
    SubcloudName,
    is_name,
    is_subcloud_name,
)
from dcapi.schemas.yaml_values import load_yaml
from dcapi.services.subcloud_requests import NewSubcloud, Prestaging, Redeployment, SubcloudChange

Values = dict[str, Any]

# Parts that are documents; no key of the bootstrap values stands for one of them.
DOCUMENTS = frozenset({"bootstrap_values", "install_values", "deploy_config"})

# What another site may write for a value that it does not have.
NOTHING_WORDS = frozenset({"null", "None"})
# Texts that the empty string empties, and that mean what they say.
EMPTIED = frozenset({"description", "location"})

NAME_RULE = "must be lower case letters, digits and hyphens, in segments joined by dots"
NAME_INVALID = f"name invalid: {NAME_RULE}"
NAME_OF_DIGITS = "name must contain alphabetic characters"
REGION_OF_DIGITS = re.compile(r"[0-9]{32}")

NETWORK_FIELDS = frozenset(
    {"management_subnet", "management_gateway_ip", "management_start_ip", "management_end_ip"}
)


def _not_base64(name: str) -> str:
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
        if isinstance(value, str) and (
            is_name(value) or is_subcloud_name(value) or REGION_OF_DIGITS.fullmatch(value)
        ):
            return value
        raise self.wrong()


class Release(Checked):
    """A software version."""

    def checked(self, value: Any) -> str:
        if not isinstance(value, str) or not RELEASE.fullmatch(value):
            raise ValidationError(self.text)
        return value


class ForceOption(Boolean):
    """Whether to go on all the same; the error says what was sent instead."""

    def checked(self, value: Any) -> bool:
        try:
            return super().checked(value)
        except ValidationError as error:
            raise ValidationError(f"{self.text}: {take_out(value)[0]}"[:200]) from error


class NewSubcloudSchema(RequestSchema):
    """The fields of a new subcloud, from parts of the form and from keys of the bootstrap values."""

    name = SubcloudName(NAME_INVALID, digits_text=NAME_OF_DIGITS, required=True, missing_text="name required")
    bootstrap_address = IpAddress(
        "bootstrap-address invalid: Invalid address - not a valid IP address", data_key="bootstrap-address"
    )
    description = PlainText("Invalid description", keeps_empty=True)
    location = PlainText("Invalid location", keeps_empty=True)
    group = GroupReference("Invalid group", data_key="group_id")
    release = Release("Invalid release")
    region_name = RegionName("Invalid region_name")
    secondary = Boolean("Invalid secondary value")
    migrate = Boolean("Invalid migrate value")
    sysadmin_password = Base64Text(_not_base64("sysadmin_password"))
    bmc_password = Base64Text(_not_base64("bmc_password"))

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

    description = PlainText("Invalid description", keeps_empty=True)
    location = PlainText("Invalid location", keeps_empty=True)
    management_state = Choice("Invalid management-state", Management, data_key="management-state")
    force = Boolean("Invalid force value")
    group = GroupReference("Invalid group", data_key="group_id")
    peer_group = GroupReference("Invalid peer group")
    bootstrap_address = IpAddress("bootstrap_address invalid: Invalid address - not a valid IP address")
    bootstrap_values = FileOrText("Invalid bootstrap_values")
    install_values = FileOrText("Invalid install_values")
    bmc_password = Base64Text(_not_base64("bmc_password"))
    migrate = Boolean("Invalid migrate value")
    name: Checked = SubcloudName(f"Invalid name: {NAME_RULE}, and not of digits alone")
    sysadmin_password = Base64Text(_not_base64("sysadmin_password"))
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
    """The fields of a redeployment; its documents are read beside them, and all may be those stored."""

    may_be_empty = True

    bootstrap_address = IpAddress("bootstrap_address invalid: Invalid address - not a valid IP address")
    bootstrap_values = FileOrText("Invalid bootstrap_values")
    install_values = FileOrText("Invalid install_values")
    deploy_config = FileOrText("Invalid deploy_config")
    release = Release("Invalid release")
    sysadmin_password = Base64Text(_not_base64("sysadmin_password"))
    bmc_password = Base64Text(_not_base64("bmc_password"))


class PrestagingSchema(PatchSchema):
    """The fields of a prestaging."""

    sysadmin_password = Base64Text(
        _not_base64("sysadmin_password"), required=True, missing_text="sysadmin_password is required."
    )
    release = Release("Invalid release")
    force = ForceOption("Invalid value for force option")
    for_install = Boolean("Invalid for_install value")
    for_sw_deploy = Boolean("Invalid for_sw_deploy value")


class EndpointStatusSchema(PatchSchema):
    """What a subcloud tells of an endpoint of its own."""

    endpoint = Choice("Invalid endpoint: only dc-cert can be updated", ("dc-cert",), required=True)
    status = Choice("Invalid status", EndpointSync, required=True)


def new_subcloud(parts: Mapping[str, str | bytes], *, from_peer: bool, yaml_limit: int) -> NewSubcloud:
    """Read the parts of a POST; raises BadRequest. ``yaml_limit`` bounds each document, in bytes."""
    if not parts:
        raise BadRequest("Body required")
    parts = _meant(parts) if from_peer else parts
    documents = _Documents(parts, limit=yaml_limit)
    file_values = documents.mapping("bootstrap_values") or {}
    schema = NewPeerSubcloudSchema() if from_peer else NewSubcloudSchema()
    fields = load(schema, _fields_of(parts, file_values))
    values = bootstrap_values.merged(file_values, _only_texts(parts))
    bootstrap_values.check_new(values)
    _check_kind(fields, parts)
    checked = not (from_peer and fields.get("secondary", False))
    return NewSubcloud(
        **{key: fields[key] for key in fields if key != "bmc_password"},
        bootstrap_values=bootstrap_values.kept_form(values, from_peer=from_peer),
        install_values=documents.install_values(fields.get("bmc_password"), checked=checked),
        deploy_config=documents.text("deploy_config"),
    )


def _fields_of(parts: Mapping[str, str | bytes], file_values: Values) -> Values:
    """The fields of a new subcloud: keys of the bootstrap values count too, and parts of the form win."""
    beside = {key: value for key, value in file_values.items() if key not in DOCUMENTS}
    given = {key: value for key, value in parts.items() if value != "" or key in EMPTIED}
    return {**beside, **{key: value for key, value in given.items() if key not in DOCUMENTS}}


def _meant(parts: Mapping[str, str | bytes]) -> dict[str, str | bytes]:
    """The parts that another site filled, without those where it wrote that it has nothing."""
    return {key: value for key, value in parts.items() if key in EMPTIED or not _is_nothing(value)}


def _is_nothing(content: str | bytes) -> bool:
    text = content.decode(errors="replace") if isinstance(content, bytes) else content
    return text.strip() in NOTHING_WORDS


def _only_texts(parts: Mapping[str, str | bytes]) -> dict[str, str]:
    """The text parts; a file under a key of the bootstrap values is refused."""
    for key in bootstrap_values.FORM_KEYS:
        if isinstance(parts.get(key), bytes):
            raise BadRequest(f"{key} invalid: must be a text")
    return {key: value for key, value in parts.items() if isinstance(value, str)}


def _check_kind(fields: Values, parts: Mapping[str, str | bytes]) -> None:
    """What a secondary subcloud cannot have, and what every other one needs."""
    if fields.get("secondary"):
        if fields.get("migrate"):
            raise BadRequest("A secondary subcloud cannot be created with migrate")
        if parts.get("deploy_config"):
            raise BadRequest("A secondary subcloud cannot be created with deploy_config")
        return
    if fields.get("migrate") and parts.get("deploy_config"):
        raise BadRequest("A subcloud that is migrated is configured already: it takes no deploy_config")
    if not fields.get("sysadmin_password"):
        raise BadRequest("subcloud sysadmin_password required")


def subcloud_change(parts: Mapping[str, str | bytes], *, from_peer: bool, yaml_limit: int) -> SubcloudChange:
    """Read the parts of a PATCH; raises BadRequest. ``yaml_limit`` bounds each document, in bytes."""
    if not parts:
        raise BadRequest("Body required")
    schema = PeerSubcloudChangeSchema() if from_peer else SubcloudChangeSchema()
    fields = load(schema, _one_spelling(_meant(parts)) if from_peer else parts)
    if "force" in fields and fields.get("management_state") != Management.MANAGED:
        raise BadRequest("Invalid option: force")
    documents = _Documents(fields, limit=yaml_limit)
    values = documents.mapping("bootstrap_values")
    if values is not None:
        bootstrap_values.check_changed(values)
        values = bootstrap_values.kept_form(values, from_peer=from_peer)
    install = documents.install_values(fields.get("bmc_password"), checked=not from_peer)
    network = {key: fields[key] for key in NETWORK_FIELDS if key in fields} or None
    dropped = NETWORK_FIELDS | _meaningless(fields, network) | {"bootstrap_values", "install_values"}
    kept = {key: value for key, value in fields.items() if key not in dropped}
    change = SubcloudChange(**kept, bootstrap_values=values, install_values=install, network=network)
    if not change.given():
        raise BadRequest("nothing to update")
    return change


def _meaningless(fields: Values, network: Values | None) -> set[str]:
    """Parts that ask for nothing: a migration that is declined, a password that nothing needs."""
    return {
        *(["migrate"] if fields.get("migrate") is False else []),
        *(["sysadmin_password"] if network is None else []),
    }


def redeployment(parts: Mapping[str, str | bytes], *, yaml_limit: int) -> Redeployment:
    """Read the parts of a redeployment; raises BadRequest. ``yaml_limit`` bounds each document, in bytes."""
    fields = load(RedeploymentSchema(), parts)
    documents = _Documents(fields, limit=yaml_limit)
    values = documents.mapping("bootstrap_values")
    if values is not None:
        bootstrap_values.check_changed(values)
        values = bootstrap_values.kept_form(values, from_peer=False)
    dropped = {"bootstrap_values", "install_values", "deploy_config"}
    return Redeployment(
        **{key: value for key, value in fields.items() if key not in dropped},
        bootstrap_values=values,
        install_values=documents.install_values(fields.get("bmc_password"), checked=True),
        deploy_config=documents.text("deploy_config"),
    )


def prestaging(body: Mapping[str, Any]) -> Prestaging:
    """Read the body of a prestaging; raises BadRequest."""
    return Prestaging(**load(PrestagingSchema(), body))


def _one_spelling(parts: Mapping[str, str | bytes]) -> dict[str, str | bytes]:
    """The parts with the bootstrap address under one name: other sites spell it either way."""
    spelled = {key: value for key, value in parts.items() if key != "bootstrap-address"}
    if not spelled.get("bootstrap_address") and "bootstrap-address" in parts:
        spelled["bootstrap_address"] = parts["bootstrap-address"]
    return spelled


class _Documents:
    """The documents in a form, each a file or a text."""

    def __init__(self, parts: Mapping[str, Any], *, limit: int) -> None:
        self._parts = parts
        self._limit = limit

    def mapping(self, name: str) -> Values | None:
        """The values that a YAML document holds; None when it was not given."""
        content = self._parts.get(name)
        return None if content in (None, "") else load_yaml(content, name, max_length=self._limit)

    def text(self, name: str) -> str | None:
        """A document that must be a file, as it is, of whatever form; None when it was not given."""
        content = self._parts.get(name)
        if not content:
            return None
        if not isinstance(content, bytes):
            raise BadRequest(f"Invalid {name}: must be a file")
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise BadRequest(f"Invalid {name}: not UTF-8 text") from error
        if "\0" in text or len(text) > self._limit:
            raise BadRequest(f"Invalid {name}: not text, or longer than {self._limit} characters")
        return text

    def install_values(self, bmc_password: str | None, *, checked: bool) -> Values | None:
        """Install values with their password, checked or as they are; None when they were not given."""
        values = self.mapping("install_values")
        if values is None:
            return None
        if checked:
            return install_values.check_install_values(values, bmc_password)
        return install_values.with_password(values, bmc_password)
