"""Parameters, headers and error answers that calls share, as components of the document."""

from __future__ import annotations

from typing import Any

from dcapi.api.description.fields import BOOLEAN_WORD, RELEASE
from dcapi.api.description.responses import TEXT, named
from dcapi.api.errors import MEANINGS
from dcapi.api.request_ids import HEADER as REQUEST_ID
from dcapi.auth.context import SITE_USER_AGENT

REFERENCE = "reference"

# First part of a path below the version → what a reference in it is.
REFERENCES: dict[str, str] = {
    "system-peers": "Id, UUID or name of the system peer.",
    "subcloud-peer-groups": "Id or name of the subcloud peer group.",
    "peer-group-associations": "Id of the association.",
    "subclouds": "Id or name of the subcloud; from another site its region name, and to delete its name.",
    "subcloud-groups": "Id or name of the subcloud group.",
    "subcloud-deploy": "The release.",
    "phased-subcloud-deploy": "Id or name of the subcloud.",
    "users": "Id of the user.",
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "FromAnotherSite": {
        "name": "User-Agent",
        "in": "header",
        "description": f"{SITE_USER_AGENT} says that the request comes from another site.",
        "schema": {**TEXT, "examples": [SITE_USER_AGENT]},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "wait=SECONDS (RFC 7240) delays the answer until the outcome is there.",
        "schema": {**TEXT, "examples": ["wait=10"]},
    },
    "Verb": {
        "name": "verb",
        "in": "path",
        "required": True,
        "description": "What to do.",
        "schema": {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
    },
    "Force": {
        "name": "force",
        "in": "query",
        "description": "true deletes only here, whatever the peer has.",
        "schema": {**TEXT, "examples": ["true"]},
    },
    "ForceSubcloud": {
        "name": "force",
        "in": "query",
        "description": "true ends what is being done with the subcloud, and deletes it all the same.",
        "schema": {**TEXT, "examples": ["true"]},
    },
    **{
        component: {
            "name": name,
            "in": "query",
            "description": f"true deletes {what}; without either everything of the release is deleted.",
            "schema": {"type": "string", "pattern": BOOLEAN_WORD, "examples": ["true"]},
        }
        for component, name, what in (
            ("DeploymentFiles", "deployment_files", "playbook, overrides and chart"),
            ("PrestageImages", "prestage_images", "the list of images"),
        )
    },
    "NoCatalogue": {
        "name": "nocatalog",
        "in": "query",
        "description": "If present, whatever its value, the answer has no catalogue.",
        "schema": TEXT,
        "allowEmptyValue": True,
    },
    "SubjectToken": {
        "name": "X-Subject-Token",
        "in": "header",
        "required": True,
        "description": "The token that is asked about.",
        "schema": TEXT,
    },
}

HEADERS: dict[str, dict[str, Any]] = {
    "RequestId": {
        "description": "The id of the request, as in the log.",
        "required": True,
        "schema": {"type": "string", "pattern": "^req-[0-9a-f-]{36}$"},
    },
    "PreferenceApplied": {"description": "Present if the request waited.", "schema": TEXT},
    "SubjectToken": {"description": "The token.", "required": True, "schema": TEXT},
    "WhereToLogIn": {"description": "Where to log in.", "required": True, "schema": TEXT},
    "RetryAfter": {"description": "Seconds.", "schema": TEXT},
    "Allow": {"description": "The methods of this address.", "required": True, "schema": TEXT},
}

# Header of an answer → its component; by status those that errors bear beside the request id.
HEADER_NAMES = {
    REQUEST_ID: "RequestId",
    "Preference-Applied": "PreferenceApplied",
    "X-Subject-Token": "SubjectToken",
    "WWW-Authenticate": "WhereToLogIn",
    "Retry-After": "RetryAfter",
    "Allow": "Allow",
}
ERROR_HEADERS: dict[int, tuple[str, ...]] = {
    401: ("WhereToLogIn",),
    405: ("Allow",),
    429: ("RetryAfter",),
    503: ("RetryAfter",),
}


def headers(*components: str) -> dict[str, Any]:
    """The headers of an answer: its request id, and these components."""
    wanted = {"RequestId", *components}
    return {
        name: {"$ref": f"#/components/headers/{component}"}
        for name, component in HEADER_NAMES.items()
        if component in wanted
    }


def error_response(code: int, description: str, *, identity: bool) -> dict[str, Any]:
    """An error answer: JSON for who names it, else a page; the identity service knows its own JSON alone."""
    content: dict[str, Any] = {
        "application/json": {"schema": named("IdentityError" if identity else "Error")},
    }
    if not identity:
        content["text/html"] = {"schema": TEXT}
    return {
        "description": description or MEANINGS[code][1],
        "headers": headers(*ERROR_HEADERS.get(code, ())),
        "content": content,
    }


# What references of these resources look like; of all others anything does.
FORMS = {"peer-group-associations": "^[0-9]+$", "subcloud-deploy": RELEASE}


def reference_parameter(resource: str) -> dict[str, Any]:
    """The variable part of a path."""
    return {
        "name": REFERENCE,
        "in": "path",
        "required": True,
        "description": REFERENCES[resource],
        "schema": {"type": "string", "minLength": 1, "pattern": FORMS.get(resource, "^[^/]+$")},
    }
