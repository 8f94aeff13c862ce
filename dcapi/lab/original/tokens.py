"""The tokens of a site's identity service."""

from __future__ import annotations

import secrets
import time

TOKEN_SECONDS = 3600.0


class Tokens:
    """Tokens that a site gave out, with their ends; they outlive a restart as those of Keystone do."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}

    def give(self) -> str:
        token = secrets.token_urlsafe(24)
        self._ends[token] = time.time() + TOKEN_SECONDS
        return token

    def end_of(self, token: str) -> float | None:
        """When a token ends, None for one that is not valid."""
        end = self._ends.get(token)
        return None if end is None or end <= time.time() else end

    def revoke_all(self) -> None:
        """Let every token have run out."""
        self._ends.clear()
