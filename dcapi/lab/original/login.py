"""A login at a peer, as it is kept between calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from dcapi.lab.operator import Json

# Service → (type, region) in the catalogue, and the version that is spoken.
MANAGER = ("dcmanager", "SystemController", "v1.0")
PLATFORM = ("platform", "RegionOne", "v1")
IDENTITY = ("identity", "RegionOne", "v3")
Service = tuple[str, str, str]

# A login that ends within so many seconds is made anew.
ENDS_SOON = 60.0


@dataclass(frozen=True)
class Login:
    """A token, when it ends, and where it leads."""

    token: str = field(repr=False)
    expires_at: str
    catalogue: list[Json] = field(repr=False)

    @property
    def ends_soon(self) -> bool:
        end = datetime.fromisoformat(self.expires_at.replace("Z", "+00:00"))
        return (end - datetime.now(UTC)).total_seconds() < ENDS_SOON

    def root(self, service: Service) -> str | None:
        """Root of a service's API: its public endpoint, which may end in the version or not."""
        kind, region, version = service
        for entry in self.catalogue:
            for endpoint in entry["endpoints"] if entry["type"] == kind else ():
                if endpoint["interface"] == "public" and region in (
                    endpoint.get("region"),
                    endpoint.get("region_id"),
                ):
                    return f"{endpoint['url'].rstrip('/').removesuffix('/' + version)}/{version}"
        return None
