"""Ways in which sites write one value: what is shown otherwise is not changed for that. Pure."""

from __future__ import annotations

import base64
import ipaddress
from functools import lru_cache
from typing import Any

ADMIN_PASSWORD_KEY = "admin_password"  # noqa: S105 (a name, no password)

# No address or network is longer, whatever its spelling.
LONGEST_ADDRESS = 64


def canonical(value: Any) -> Any:
    """A value as it is compared: addresses and networks in their canonical form, ``1`` unlike ``true``."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return canonical_text(value)
    return value


def canonical_text(text: str) -> str:
    """An address or a network in its canonical form, any other text as it is."""
    may_be_address = len(text) <= LONGEST_ADDRESS and (":" in text or "." in text)
    return _canonical_address(text) if may_be_address else text


# The values of a member hold the same few addresses again and again, and both sites have most of them.
@lru_cache(maxsize=8192)
def _canonical_address(text: str) -> str:
    for read in (ipaddress.ip_address, ipaddress.ip_network):
        try:
            return str(read(text))
        except ValueError:
            continue
    return text


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
