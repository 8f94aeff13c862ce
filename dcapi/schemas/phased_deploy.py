"""Requests of a deployment phase by phase. Source: "Phased deployment" in the contract of deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marshmallow import ValidationError

from dcapi.errors import BadRequest
from dcapi.schemas import bootstrap_values
from dcapi.schemas.base import PatchSchema, load
from dcapi.schemas.deploy_files import Upload, release_of
from dcapi.schemas.documents import Documents
from dcapi.schemas.enrolment import enrolment_of
from dcapi.schemas.fields import Base64Text, Boolean, Given, NamedAddress, OneLine
from dcapi.schemas.subclouds import (
    PASSWORD,
    PASSWORD_REQUIRED,
    fields_of,
    new_subcloud,
    not_base64,
    one_spelling,
    only_texts,
)
from dcapi.services.inventory.inputs import DeployRequest, NewSubcloud

Parts = Mapping[str, str | bytes]

ADDRESS = "bootstrap-address"
# Attributes that count as bootstrap values, in the file or as texts of their own.
TEXTS = ("description", "location")
# Verb → the parts that count; those of other names are ignored.
VERB_PARTS: dict[str, frozenset[str]] = {
    "install": frozenset({"install_values", PASSWORD, "bmc_password", "release"}),
    "bootstrap": frozenset({"bootstrap_values", PASSWORD, ADDRESS, *TEXTS}),
    "configure": frozenset({"deploy_config", PASSWORD, ADDRESS}),
    "resume": frozenset(
        {"bootstrap_values", "install_values", "deploy_config", PASSWORD, ADDRESS, "bmc_password", "release"}
        | {*TEXTS}
    ),
    "enroll": frozenset(
        {
            "bootstrap_values",
            "install_values",
            "cloud_init_config",
            PASSWORD,
            ADDRESS,
            "bmc_password",
            "release",
            "on_site",
            *TEXTS,
        }
    ),
    "complete": frozenset(),
    "abort": frozenset(),
}
# Attributes that bootstrap values may hold.
FILE_KEYS = frozenset({*TEXTS, ADDRESS})
# What POST of subclouds does, and a creation alone does not.
OTHER_KINDS = ("secondary", "migrate", "enroll")


class PhaseSchema(PatchSchema):
    """The fields of a phase. Its documents are read beside them, and all may be those stored."""

    may_be_empty = True

    bootstrap_address = NamedAddress(ADDRESS, data_key=ADDRESS)
    description = OneLine("Invalid description", keeps_empty=True)
    location = OneLine("Invalid location", keeps_empty=True)
    release = Given("Invalid release")
    sysadmin_password = Given("Invalid sysadmin_password")
    bmc_password = Base64Text(not_base64("bmc_password"))


class KindSchema(PatchSchema):
    """What kind of subcloud a creation asks for."""

    may_be_empty = True

    secondary = Boolean("Invalid secondary value")
    migrate = Boolean("Invalid migrate value")
    enroll = Boolean("Invalid enroll value")


def new_phased_subcloud(parts: Parts, *, yaml_limit: int, software_version: str) -> NewSubcloud:
    """Read the parts of a creation; raises BadRequest. ``yaml_limit`` bounds each document, in bytes."""
    spelled = one_spelling(parts, ADDRESS)
    missing = [name for name in ("bootstrap_values", ADDRESS) if not spelled.get(name)]
    if missing:
        raise BadRequest(f"Missing required parameter(s): {', '.join(missing)}")
    _refuse_other_kinds(load(KindSchema(), parts))
    ignored = {*OTHER_KINDS, PASSWORD, "release", "on_site", "cloud_init_config"}
    counted = {name: value for name, value in spelled.items() if name not in ignored}
    new = new_subcloud(counted, from_peer=False, yaml_limit=yaml_limit, in_phases=True)
    # The file may ask for one, too.
    enrolls = new.enrolment is not None
    _refuse_other_kinds({"secondary": new.secondary, "migrate": new.migrate, "enroll": enrolls})
    return _with_release(new, parts.get("release"), software_version)


def _refuse_other_kinds(kinds: Mapping[str, object]) -> None:
    for name, is_asked in kinds.items():
        if is_asked:
            raise BadRequest(f"{name} is not allowed here: use POST /v1.0/subclouds")


def _with_release(new: NewSubcloud, given: object, software_version: str) -> NewSubcloud:
    return new if given in (None, "") else replace(new, release=release_of(given, software_version))


def deploy_request(
    verb: str,
    texts: Mapping[str, str],
    files: Mapping[str, Upload],
    *,
    yaml_limit: int,
    software_version: str,
) -> DeployRequest:
    """Read the parts of a verb; raises BadRequest. ``yaml_limit`` bounds each document, in bytes."""
    parts: Parts = {**texts, **{name: file.content for name, file in files.items()}}
    enrolment = enrolment_of(texts, files) if verb == "enroll" else None
    taken = VERB_PARTS[verb]
    takes_values = "bootstrap_values" in taken
    counted = {name: value for name, value in one_spelling(parts, ADDRESS).items() if name in taken}
    beside = {name: value for name, value in parts.items() if name in bootstrap_values.FORM_KEYS}
    documents = Documents(counted, limit=yaml_limit)
    values = documents.mapping("bootstrap_values")
    fields = _fields(counted, values or {}, software_version)
    return DeployRequest(
        **fields | {"password_error": _password_error(fields.get(PASSWORD))},
        bootstrap_values=None if values is None else bootstrap_values.kept_form(values, from_peer=False),
        bootstrap_texts=bootstrap_values.merged({}, only_texts(beside)) if takes_values else {},
        install_values=documents.install_values(
            fields.get("bmc_password"), checked=True, enrolment=enrolment
        ),
        deploy_config=documents.text("deploy_config"),
        enrolment=enrolment,
    )


def _fields(parts: Parts, values: Mapping[str, Any], software_version: str) -> dict[str, Any]:
    """The fields of a verb, from its parts and from the bootstrap values; its release is judged first."""
    if parts.get("release") not in (None, ""):
        release_of(parts["release"], software_version)
    in_file = {key: value for key, value in one_spelling(values, ADDRESS).items() if key in FILE_KEYS}
    return load(PhaseSchema(), fields_of(parts, in_file))


def _password_error(password: Any) -> str | None:
    """What is wrong with the password of the system administrator; None when it can be used."""
    if password is None:
        return PASSWORD_REQUIRED
    try:
        Base64Text(not_base64(PASSWORD)).checked(password)
    except ValidationError:
        return not_base64(PASSWORD)
    return None
