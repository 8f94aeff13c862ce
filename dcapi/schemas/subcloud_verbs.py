"""Requests about what goes on with a subcloud: its prestaging, and what it tells of itself.

Source: "Subclouds" and "Verbs of a subcloud" in the wire contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from dcapi.models.secret_values import take_out
from dcapi.models.states import EndpointSync
from dcapi.schemas.base import PatchSchema, load
from dcapi.schemas.fields import Base64Text, Boolean, Choice, Given
from dcapi.schemas.subclouds import not_base64
from dcapi.services.inventory.inputs import Prestaging

# Characters of a refused value that its refusal repeats.
LONGEST_SHOWN = 100


def shown(value: Any) -> str:
    """A refused value as its refusal repeats it: without secrets, and not for long."""
    return str(take_out(value)[0])[:LONGEST_SHOWN]


class ForceOption(Boolean):
    """Whether to go on all the same; the error says what was sent instead."""

    def checked(self, value: Any) -> bool:
        try:
            return super().checked(value)
        except ValidationError as error:
            raise ValidationError(f"{self.text}: {shown(value)}") from error


class ShownChoice(Choice):
    """One of a few words; the error says what was sent instead, in place of ``{}``."""

    def checked(self, value: Any) -> str:
        try:
            return super().checked(value)
        except ValidationError as error:
            raise ValidationError(self.text.replace("{}", shown(value))) from error


class PrestagingSchema(PatchSchema):
    """The fields of a prestaging. Its release is judged with the subcloud's, by name."""

    sysadmin_password = Base64Text(
        not_base64("sysadmin_password"), required=True, missing_text="sysadmin_password is required."
    )
    release = Given("Invalid release")
    force = ForceOption("Invalid value for force option")
    for_install = Boolean("Invalid for_install value")
    for_sw_deploy = Boolean("Invalid for_sw_deploy value")


class EndpointStatusSchema(PatchSchema):
    """What a subcloud tells of an endpoint of its own."""

    endpoint = ShownChoice(
        "updating endpoint {} status is not allowed",
        ("dc-cert",),
        required=True,
        missing_text="endpoint required",
    )
    # The original's words, its typing error too.
    status = ShownChoice("status {} in invalid.", EndpointSync, required=True, missing_text="status required")


def prestaging(body: Mapping[str, Any]) -> Prestaging:
    """Read the body of a prestaging; raises BadRequest."""
    return Prestaging(**load(PrestagingSchema(), body))
