"""Where callers log in."""

from __future__ import annotations

from dcapi.settings import Settings


def login_url(settings: Settings, public_url: str) -> str:
    """The identity service for callers: this site's own, whose URL is ``public_url``, or Keystone."""
    if settings.AUTH_STRATEGY == "embedded":
        return f"{public_url}/v3"
    return v3_url(settings.KEYSTONE_PUBLIC_URL or settings.KEYSTONE_AUTH_URL)


def v3_url(url: str) -> str:
    """The URL of Keystone's API v3, whether or not its address was given with the version."""
    return f"{url.rstrip('/').removesuffix('/v3').rstrip('/')}/v3"
