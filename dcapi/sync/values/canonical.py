"""Ways in which sites write one value: what is shown otherwise is not changed for that. Pure."""

from __future__ import annotations

import base64
import ipaddress
from typing import Any

ADMIN_PASSWORD_KEY = "admin_password"  # noqa: S105 (a name, no password)

# No address or network is longer, whatever its spelling; nor are two, one of each IP version.
LONGEST_ADDRESS = 128


def canonical(value: Any) -> Any:
    """A value as it is written for comparison: addresses and networks in their canonical form, 1.0 as 1."""
    if isinstance(value, str) and len(value) <= LONGEST_ADDRESS and (":" in value or "." in value):
        return _canonical_address(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _canonical_address(text: str) -> str:
    parts = [_canonical_part(part.strip()) for part in text.split(",", 2)]
    # Of a list of other things not a blank is changed.
    return text if None in parts else ",".join(map(str, parts))


def _canonical_part(text: str) -> str | None:
    for read in (ipaddress.ip_address, ipaddress.ip_network):
        try:
            return str(read(text))
        except ValueError:
            continue
    return None


def spellings(key: str, secret: Any) -> tuple[Any, ...]:
    """What may have been sent of a secret that a peer shows: some encode ``admin_password`` once more."""
    if key != ADMIN_PASSWORD_KEY or not isinstance(secret, str):
        return (secret,)
    decoded = _decoded(secret)
    return (secret, _encoded(secret)) if decoded is None else (secret, _encoded(secret), decoded)


def _encoded(text: str) -> str:
    # Halves of surrogate pairs are no text, and no password of anybody.
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:  # no base64, no UTF-8, or no ASCII to begin with
        return None
