"""What the calls beside the resources answer: versions, health, the identity service, the platform."""

from __future__ import annotations

from dcapi.api.description.responses import (
    A_UUID,
    FLAG,
    ISO_TIME,
    TEXT,
    URL,
    JsonSchema,
    list_of,
    named,
    or_null,
    record,
    words,
)
from dcapi.api.identity_bodies import INTERFACES
from dcapi.services.health import DEGRADED, NOT_READY, READY, SOMETIMES, WORDS

LINKS = list_of(record({"rel": TEXT, "href": URL}))
VERSION = record({"status": TEXT, "id": TEXT, "updated": TEXT, "links": LINKS})
DOMAIN = record({"id": TEXT, "name": TEXT})

_TOKEN = record(
    {
        "methods": list_of(TEXT),
        "user": record(
            {"id": TEXT, "name": TEXT, "domain": DOMAIN, "password_expires_at": or_null(ISO_TIME)}
        ),
        "audit_ids": list_of(TEXT),
        "issued_at": ISO_TIME,
        "expires_at": ISO_TIME,
        "project": record({"id": TEXT, "name": TEXT, "domain": DOMAIN}),
        "is_domain": FLAG,
        "roles": list_of(named("Named")),
        "catalog": list_of(named("CatalogueEntry")),
    },
    sometimes=["catalog"],
)

_ENDPOINT = record(
    {"id": TEXT, "interface": words(INTERFACES), "region": TEXT, "region_id": TEXT, "url": URL}
)

_SYSTEM = record(
    {
        "uuid": A_UUID,
        "name": TEXT,
        "distributed_cloud_role": TEXT,
        "software_version": TEXT,
        "region_name": TEXT,
        "timezone": TEXT,
        **dict.fromkeys(("system_type", "system_mode", "description", "location", "contact"), or_null(TEXT)),
        **dict.fromkeys(("latitude", "longitude"), or_null(TEXT)),
        "capabilities": {"type": "object"},
        "links": LINKS,
    }
)

COMPONENTS: dict[str, JsonSchema] = {
    "Versions": record({"versions": list_of(VERSION)}),
    "Version": record({"version": VERSION}),
    "PlatformVersion": record({"version": record({"status": TEXT, "id": TEXT, "links": LINKS})}),
    "IdentityVersion": record(
        {
            "version": record(
                {
                    "id": TEXT,
                    "status": TEXT,
                    "updated": ISO_TIME,
                    "links": LINKS,
                    "media-types": list_of(record({"base": TEXT, "type": TEXT})),
                }
            )
        }
    ),
    "Named": record({"id": TEXT, "name": TEXT}),
    "CatalogueEntry": record({"id": TEXT, "type": TEXT, "name": TEXT, "endpoints": list_of(_ENDPOINT)}),
    "Token": record({"token": _TOKEN}),
    "Systems": record({"isystems": list_of(_SYSTEM)}),
    "Life": record({"status": words(["ok"])}),
    "Readiness": record(
        {
            "status": words([READY, DEGRADED, NOT_READY]),
            "checks": record(
                {part: words(list(said)) for part, said in WORDS.items()}, sometimes=list(SOMETIMES)
            ),
        }
    ),
}
