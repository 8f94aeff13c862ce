"""Where a peer's services are: URLs that may be called, and the catalogue that comes with a token."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

# What no URL of a service holds, and what parsers read differently.
STRANGE = re.compile(r"[\x00-\x20\x7f-\uffff\\?#]")
VERSION = re.compile(r"(?<!/)/v\d+(\.\d+)?$")


@dataclass(frozen=True)
class Service:
    """A service as the wire contract names it, and the version of it that is spoken."""

    kind: str
    region: str
    version: str


MANAGER = Service("dcmanager", "SystemController", "v1.0")
PLATFORM = Service("platform", "RegionOne", "v1")


def bad_url(url: Any) -> str:
    """Why a URL cannot be called; empty when it can: http or https, a host, no user, no query."""
    if not isinstance(url, str) or not url or STRANGE.search(url):
        return "it is not a plain URL"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is not a plain URL"
    if parts.scheme not in ("http", "https"):
        return "it is neither http nor https"
    if "@" in parts.netloc:
        return "it names a user"
    return "" if host else "it names no host"


def find_public_url(catalogue: Any, service: Service) -> Any:
    """The public URL of a service in the region it should be in, None when the catalogue has none.

    Entries of other shapes are passed over: a catalogue holds much that is no concern of ours.
    """
    for entry in _dicts(catalogue):
        if entry.get("type") != service.kind:
            continue
        for endpoint in _dicts(entry.get("endpoints")):
            regions = (endpoint.get("region_id"), endpoint.get("region"))
            if endpoint.get("interface") in ("public", "publicURL") and service.region in regions:
                return endpoint.get("url")
    return None


def versioned(url: str, service: Service) -> str:
    """The root of a service's API, whether or not its endpoint ends in a version."""
    return f"{VERSION.sub('', url.rstrip('/'))}/{service.version}"


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
