"""The request that reports the sync status of a subcloud's endpoint."""

from __future__ import annotations

from dcapi.models.states import EndpointSync
from dcapi.schemas.base import RequestSchema
from dcapi.schemas.fields import Choice

# The only endpoint whose status is reported; the others follow from what this site does.
REPORTED_ENDPOINTS = ("dc-cert",)


class EndpointStatus(RequestSchema):
    endpoint = Choice(
        "Invalid endpoint: only dc-cert is reported",
        REPORTED_ENDPOINTS,
        required=True,
        missing_text="endpoint required",
    )
    status = Choice("Invalid status", EndpointSync, required=True, missing_text="status required")
