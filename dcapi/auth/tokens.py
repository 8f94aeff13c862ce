"""Tokens of the embedded identity service: signed claims that expire, good wherever the key is."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache

from itsdangerous import BadData, URLSafeSerializer

from dcapi.auth.token_keys import TokenKey
from dcapi.errors import Unauthorized

# Signed along: tokens of another form of the claims are not ours. Raise the number when the claims change.
FORM = "dcapi-token-1"

NOT_VALID = "The token is invalid or has expired"


@dataclass(frozen=True)
class Claims:
    """What a token says. Times are seconds since the epoch; the fingerprint is the user's as of then."""

    user_name: str
    fingerprint: str = field(repr=False)
    project_name: str
    methods: tuple[str, ...]
    audit_ids: tuple[str, ...]
    issued_at: float
    expires_at: float

    @property
    def audit_id(self) -> str:
        """What names this one token, without being good for anything."""
        return self.audit_ids[0]


class Tokens:
    """Signs claims and reads them back; keeps nothing."""

    def __init__(self, keys: Callable[[], Sequence[TokenKey]], lifetime: int) -> None:
        """``keys`` gives the keys as they are now, the one that signs first; ``lifetime`` is in seconds."""
        self._keys = keys
        self.lifetime = lifetime

    @property
    def key(self) -> str:
        """The key that signs now."""
        return self._keys()[0].text

    def claims(self, user_name: str, fingerprint: str, project_name: str, method: str) -> Claims:
        """Claims of a login now."""
        now = time.time()
        return Claims(
            user_name, fingerprint, project_name, (method,), (_audit_id(),), now, now + self.lifetime
        )

    def successor(self, parent: Claims, project_name: str) -> Claims:
        """Claims of a token that was asked for with another one: it lives no longer than that one."""
        return Claims(
            user_name=parent.user_name,
            fingerprint=parent.fingerprint,
            project_name=project_name,
            methods=tuple(dict.fromkeys(("token", *parent.methods))),
            audit_ids=(_audit_id(), parent.audit_ids[-1]),
            issued_at=time.time(),
            expires_at=parent.expires_at,
        )

    def sign(self, claims: Claims) -> str:
        """The token's text, fit for a header."""
        signed = _serializer(self.key).dumps(asdict(claims))
        return signed if isinstance(signed, str) else signed.decode()

    def read(self, text: str) -> Claims:
        """The claims of a token signed here that has not expired; raises Unauthorized for any other text."""
        try:
            values = self._verifying().loads(text)
        except BadData as error:
            raise Unauthorized(NOT_VALID) from error
        if time.time() >= values["expires_at"]:
            raise Unauthorized(NOT_VALID)
        lists = {name: tuple(values[name]) for name in ("methods", "audit_ids")}
        return Claims(**(values | lists))

    def _verifying(self) -> URLSafeSerializer:
        now = time.time()
        return _serializer(*(key.text for key in self._keys() if key.verifies(now, self.lifetime)))


@lru_cache(64)
def _serializer(*keys: str) -> URLSafeSerializer:
    """Signs with the first key, and reads what any of them signed."""
    return URLSafeSerializer(
        list(reversed(keys)),
        salt=FORM,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def _audit_id() -> str:
    return secrets.token_urlsafe(16)
