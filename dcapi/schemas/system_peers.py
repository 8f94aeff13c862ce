"""Requests about system peers. The limits of the heartbeat interval are settings."""

from __future__ import annotations

from functools import cache
from typing import Any

from dcapi.models.states import Administrative
from dcapi.schemas.base import PatchSchema, RequestSchema
from dcapi.schemas.fields import (
    SHORTER_LENGTH,
    Base64Text,
    Checked,
    Choice,
    HttpUrl,
    IpAddresses,
    Name,
    PlainText,
    Uuid,
    WholeNumber,
)
from dcapi.settings import Settings

POLICIES = ("alarm", "rehome", "delegate")

DEFAULTS: dict[str, Any] = {
    "administrative_state": Administrative.ENABLED.value,
    "heartbeat_interval": 60,
    "heartbeat_failure_threshold": 3,
    "heartbeat_failure_policy": "alarm",
    "heartbeat_maintenance_timeout": 600,
}


# What the error texts call these fields; the others go by their names.
CALLED = {"peer_uuid": "uuid", "peer_name": "name"}


def create_schema(settings: Settings) -> RequestSchema:
    """The schema of a request that creates a system peer."""
    return _create_class(settings.HEARTBEAT_INTERVAL_MIN, settings.HEARTBEAT_INTERVAL_MAX)()


def patch_schema(settings: Settings) -> PatchSchema:
    """The schema of a request that changes a system peer."""
    return _patch_class(settings.HEARTBEAT_INTERVAL_MIN, settings.HEARTBEAT_INTERVAL_MAX)()


@cache
def _create_class(shortest: int, longest: int) -> type[RequestSchema]:
    kinds = _kinds(shortest, longest)
    made = {name: _field(name, *kinds[name], **_create_options(name)) for name in kinds}
    return RequestSchema.from_dict(made, name="SystemPeerCreate")  # type: ignore[arg-type, return-value]


@cache
def _patch_class(shortest: int, longest: int) -> type[PatchSchema]:
    kinds = _kinds(shortest, longest)
    made = {name: _field(name, *kinds[name]) for name in kinds}
    return PatchSchema.from_dict(made, name="SystemPeerPatch")  # type: ignore[arg-type, return-value]


def _create_options(name: str) -> dict[str, Any]:
    return {"default": DEFAULTS[name]} if name in DEFAULTS else {"required": True}


def _field(name: str, kind: type[Checked], kind_options: dict[str, Any], **options: Any) -> Checked:
    return kind(f"Invalid peer {CALLED.get(name, name)}", **kind_options, **options)


def _kinds(shortest: int, longest: int) -> dict[str, tuple[type[Checked], dict[str, Any]]]:
    """Field → its kind and limits, in the order in which wrong ones are reported."""
    return {
        "peer_uuid": (Uuid, {}),
        "peer_name": (Name, {}),
        "manager_endpoint": (HttpUrl, {}),
        "manager_username": (PlainText, {"shortest": 1, "longest": SHORTER_LENGTH}),
        "manager_password": (Base64Text, {}),
        "peer_controller_gateway_address": (IpAddresses, {}),
        "administrative_state": (Choice, {"words": Administrative}),
        "heartbeat_interval": (WholeNumber, {"lowest": shortest, "highest": longest}),
        "heartbeat_failure_threshold": (WholeNumber, {"lowest": 1, "highest": 30}),
        "heartbeat_failure_policy": (Choice, {"words": POLICIES}),
        "heartbeat_maintenance_timeout": (WholeNumber, {"lowest": 300, "highest": 36000}),
    }
