"""The digest of what is sent of a member: by it a later run or audit sees what changed. Pure.

It keeps the shape of the values, with a short hash in the place of each one. So what a peer adds, hides or
writes in another way can be told from what somebody changed there, and a changed password from all of that.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from dcapi.models.secret_values import is_masked, is_secret
from dcapi.sync.spelling import canonical_text, spellings

# The shape of a JSON value: objects and lists as they are, and a hash for everything else.
Outline = dict[str, Any] | list[Any] | str

# Stands before the hash of a secret, which a peer may hide.
SECRET_MARK = "*"  # noqa: S105 (a mark, no password)
# Of one value among those that one key had: 64 bits tell them apart.
HASH_BYTES = 8

_ENCODER = json.JSONEncoder(sort_keys=True)


def written(outlines: dict[str, Outline]) -> str:
    """The digest that holds these outlines."""
    return _ENCODER.encode(outlines)


def read(digest: str | None) -> dict[str, Any]:
    """The outlines in a digest; none when there is no digest, or one of another kind."""
    try:
        found = json.loads(digest or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def outline(value: Any, key: str = "") -> Outline:
    """The outline of a value under ``key``; values that differ in their spelling alone have the same one."""
    if is_secret(key, value):
        return _secret_hash(value)
    if isinstance(value, dict):
        return {name: outline(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [outline(inner) for inner in value]
    return hash_of(_plain(value))


def shows_leaf(key: str, sent: Outline, there: Any) -> bool:
    """Whether a peer shows a value that is neither object nor list as it was sent, or hides it."""
    if isinstance(sent, str) and sent.startswith(SECRET_MARK):
        return is_hidden(there) or sent in map(_secret_hash, spellings(key, there))
    return sent == outline(there, key)


def is_hidden(secret: Any) -> bool:
    """Whether a peer does not show what stands in the place of a secret."""
    return secret is None or is_masked(secret)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return canonical_text(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _secret_hash(secret: Any) -> str:
    return SECRET_MARK + hash_of(secret)


def hash_of(value: Any) -> str:
    """The hash of a value as it is, whatever other ways there are to write it."""
    return hashlib.blake2b(_ENCODER.encode(value).encode(), digest_size=HASH_BYTES).hexdigest()
