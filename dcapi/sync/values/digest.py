"""The digest of what is sent of a member: by it a later run or audit sees what changed. Pure.

It keeps the shape of the values, with a short hash in the place of each one. So what a peer adds, hides or
writes in another way can be told from what somebody changed there, and a changed password from all of that.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any

from dcapi.models.secret_values import is_masked, is_secret
from dcapi.sync.values.canonical import LONGEST_ADDRESS, canonical, spellings

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


def read_digest(digest: str | None) -> dict[str, Any]:
    """The outlines in a digest; none when there is no digest, or one of another kind."""
    try:
        found = json.loads(digest or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def outline(value: Any, key: str = "") -> Outline:
    """The outline of a value under ``key``; values that differ in their spelling alone have the same one.

    This is what equal means: 1 and 1.0 are, and two spellings of an address; 1, true, ``"1"`` and ``"True"``
    are four values. A secret is equal to itself alone.
    """
    if is_secret(key, value):
        return _secret_hash(value)
    if isinstance(value, dict):
        return {name: outline(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [outline(inner) for inner in value]
    return _plain_hash(value)


def _plain_hash(value: Any) -> str:
    is_long = isinstance(value, str) and len(value) > LONGEST_ADDRESS
    return hash_of(value) if is_long else _short_hash(value)


# The values of members hold the same few addresses again and again, and both sites have most of them.
@lru_cache(maxsize=8192, typed=True)
def _short_hash(value: Any) -> str:
    return hash_of(canonical(value))


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values of this site say the same, whatever spelling and order of keys they have."""
    return outline(left) == outline(right)


def shows_leaf(key: str, sent: str, there: Any) -> bool:
    """Whether a peer shows a secret or a plain value as it was sent; a secret may be hidden or encoded."""
    if not sent.startswith(SECRET_MARK):
        return not isinstance(there, dict | list) and sent == _plain_hash(there)
    try:
        return is_hidden(there) or sent in map(_secret_hash, spellings(key, there))
    except RecursionError:  # nothing that was sent is nested so deep
        return False


def is_hidden(secret: Any) -> bool:
    """Whether a peer does not show what stands in the place of a secret."""
    return secret is None or is_masked(secret)


def _secret_hash(secret: Any) -> str:
    return SECRET_MARK + hash_of(secret)


def hash_of(value: Any) -> str:
    """The hash of a value as it is, whatever other ways there are to write it."""
    return hashlib.blake2b(_ENCODER.encode(value).encode(), digest_size=HASH_BYTES).hexdigest()
