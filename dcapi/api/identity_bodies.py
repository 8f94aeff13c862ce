"""What the embedded identity service answers with, key by key as Keystone's API v3 does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dcapi.auth.embedded import DOMAIN_ID, DOMAIN_NAME, Token, stable_id

DOMAIN = {"id": DOMAIN_ID, "name": DOMAIN_NAME}

SYSTEM_CONTROLLER = "SystemController"
REGION_ONE = "RegionOne"

INTERFACES = ("public", "internal", "admin")

# (service type, name, regions, path): clients ask for identity in either region, for the others in theirs.
SERVICES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("identity", "keystone", (REGION_ONE, SYSTEM_CONTROLLER), "/v3"),
    ("dcmanager", "dcmanager", (SYSTEM_CONTROLLER,), "/v1.0"),
    ("platform", "sysinv", (REGION_ONE,), "/v1"),
)


def version_body(site_url: str) -> dict[str, Any]:
    """The version document; ``site_url`` has no slash at its end, and is where clients will log in."""
    version = {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{site_url}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }
    return {"version": version}


def token_body(token: Token, site_url: str | None) -> dict[str, Any]:
    """A token as its holder sees it, with a catalogue that leads to ``site_url`` (None: without one)."""
    body: dict[str, Any] = {
        "methods": list(token.claims.methods),
        "user": {
            "id": token.user.id,
            "name": token.user.name,
            "domain": DOMAIN,
            "password_expires_at": None,
        },
        "audit_ids": list(token.claims.audit_ids),
        "issued_at": _wire_time(token.claims.issued_at),
        "expires_at": _wire_time(token.claims.expires_at),
        "project": {**_named("project", token.claims.project_name), "domain": DOMAIN},
        "is_domain": False,
        "roles": [_named("role", role) for role in sorted(token.roles)],
    }
    if site_url is not None:
        body["catalog"] = catalogue(site_url)
    return {"token": body}


def catalogue(site_url: str) -> list[dict[str, Any]]:
    """This site's services and where they are."""
    return [
        {
            "id": stable_id("service", kind),
            "type": kind,
            "name": name,
            "endpoints": [
                _endpoint(kind, region, interface, f"{site_url}{path}")
                for region in regions
                for interface in INTERFACES
            ],
        }
        for kind, name, regions, path in SERVICES
    ]


def _endpoint(kind: str, region: str, interface: str, url: str) -> dict[str, str]:
    return {
        "id": stable_id("endpoint", f"{kind} {region} {interface} {url}"),
        "interface": interface,
        "region": region,
        "region_id": region,
        "url": url,
    }


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"id": stable_id(kind, name), "name": name}


def _wire_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
