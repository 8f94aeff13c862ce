"""The calls of a site itself: to log in, and to see what it is and how it is."""

from __future__ import annotations

from dcapi.api.description.operation import HTML, Operation, Table, json_body
from dcapi.api.description.responses import TEXT, named
from dcapi.schemas.identity import LoginSchema, PasswordChangeSchema

NOT_HERE = "Callers of this site log in elsewhere."
TOO_MANY_LOGINS = "Too many wrong passwords in a row, or too many logins at once."

IDENTITY: Table = {
    "GET /v3": Operation(
        "Show the version of the identity service", named("IdentityVersion"), errors={404: NOT_HERE}
    ),
    "POST /v3/auth/tokens": Operation(
        "Log in",
        named("Token"),
        code=201,
        bodies=json_body(
            LoginSchema,
            example={
                "auth": {
                    "identity": {
                        "methods": ["password"],
                        "password": {
                            "user": {
                                "name": "admin",
                                "domain": {"name": "Default"},
                                "password": "first-secret",
                            }
                        },
                    },
                    "scope": {"project": {"name": "admin", "domain": {"name": "Default"}}},
                }
            },
        ),
        parameters=("NoCatalogue",),
        headers=("SubjectToken",),
        errors={
            401: "Wrong user, password or project, or a token that is not valid.",
            404: NOT_HERE,
            429: TOO_MANY_LOGINS,
        },
    ),
    "GET /v3/auth/tokens": Operation(
        "Show a token",
        named("Token"),
        parameters=("SubjectToken", "NoCatalogue"),
        headers=("SubjectToken",),
        errors={404: f"The token is invalid or has expired. Or: {NOT_HERE}"},
    ),
    "DELETE /v3/auth/tokens": Operation(
        "Revoke a token: one's own, or as an admin any",
        None,
        code=204,
        parameters=("SubjectToken",),
        errors={
            403: "The token is another user's, and the caller is no admin.",
            404: f"The token is invalid or has expired. Or: {NOT_HERE}",
        },
    ),
    "POST /v3/users/{reference}/password": Operation(
        "Change a user's password, which ends the user's tokens",
        None,
        code=204,
        description="It takes no token: who knows the password may change it.",
        bodies=json_body(
            PasswordChangeSchema,
            example={"user": {"original_password": "first-secret", "password": "second-secret"}},
        ),
        errors={
            401: "Wrong user or original password.",
            404: NOT_HERE,
            429: TOO_MANY_LOGINS,
        },
    ),
}

SITE: Table = {
    "GET /": Operation("List the versions of the API", named("Versions")),
    "GET /v1.0": Operation("Show the version of the API", named("Version")),
    "GET /v1": Operation("Show the version of the platform's API", named("PlatformVersion")),
    "GET /v1/isystems": Operation("Show which system this is", named("Systems")),
    "GET /healthz": Operation("Report that the process answers", named("Life")),
    "GET /readyz": Operation(
        "Report whether the process can do its work",
        named("Readiness"),
        also={
            503: "It cannot: a part whose word is not ok does not work. Where only audit, keystone or "
            "playbooks does not, the code is 200 and the status degraded."
        },
    ),
    "GET /v1.0/openapi.json": Operation("Show this description", {"type": "object"}),
    "GET /docs": Operation("Show this description as a page", TEXT, media_type=HTML),
    "GET /docs/style.css": Operation("The style sheet of that page", TEXT, media_type="text/css"),
}
