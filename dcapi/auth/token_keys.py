"""The keys of this site's tokens: one signs, those before it verify until the last of their tokens ran out.

They stand in token.key of the instance folder: the key that signs in the first line, in each other one a key
and the moment when it was replaced. All processes take up a change of the file with their next token.
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass, field

from dcapi.errors import SettingsError
from dcapi.instance import FollowedFile, InstanceFolder

log = logging.getLogger(__name__)

TOKEN_KEY_FILE = "token.key"  # noqa: S105 (a name, no password)

# Bytes of a key: as many as its hash has, below which it is the weakest part of a signature (RFC 2104).
SHORTEST_KEY = 32


@dataclass(frozen=True)
class TokenKey:
    """A key; ``replaced_at``, in seconds since the epoch, is when another one began to sign."""

    text: str = field(repr=False)
    replaced_at: float | None = None

    def verifies(self, now: float, lifetime: float) -> bool:
        """Whether there may be tokens of it that have not run out; they last ``lifetime`` seconds."""
        return self.replaced_at is None or now < self.replaced_at + lifetime


class TokenKeys:
    """The keys as the file has them now."""

    def __init__(self, folder: InstanceFolder) -> None:
        """The first process that wants a key makes it. Raises SettingsError for a file of no use."""
        self._folder = folder
        self._path = folder.path / TOKEN_KEY_FILE
        self._file = FollowedFile(self._path, self._parsed)
        folder.make_once(TOKEN_KEY_FILE, _new_key)
        self._known = self._file.read()
        self._broken = False

    def now(self) -> tuple[TokenKey, ...]:
        """The keys, the one that signs first.

        A file that is gone or broken is for the next start to complain about: what is known goes on working.
        """
        try:
            self._known = self._file.read()
            self._broken = False
        except (OSError, SettingsError) as error:
            if not self._broken:
                log.warning("the keys of tokens that are known stay in use: %s", error)
            self._broken = True
        return self._known

    def rotate(self, lifetime: float) -> None:
        """Let a new key sign, and forget those whose tokens, which last ``lifetime`` seconds, have run out.

        Raises SettingsError for a file of no use, which stays as it is.
        """
        with self._folder.locked(TOKEN_KEY_FILE):
            now = time.time()
            before, *older = self._file.read()
            kept = [TokenKey(before.text, now), *(key for key in older if key.verifies(now, lifetime))]
            lines = [_new_key(), *(f"{key.text} {key.replaced_at}" for key in kept)]
            self._folder.replace(TOKEN_KEY_FILE, "\n".join(lines))

    def _parsed(self, content: bytes) -> tuple[TokenKey, ...]:
        try:
            first, *others = content.decode().strip().split("\n")
            keys = (TokenKey(first.strip()), *map(_replaced, others))
        except ValueError as error:
            raise SettingsError(f"{self._path} holds no keys: delete it to have a new one made") from error
        shortest = min(len(key.text.encode()) for key in keys)
        if shortest < SHORTEST_KEY:
            raise SettingsError(
                f"{self._path} holds a key of {shortest} bytes, and {SHORTEST_KEY} are the least: delete the "
                "file to have a new one made, which ends all tokens"
            )
        return keys


def _new_key() -> str:
    return secrets.token_urlsafe(48)


def _replaced(line: str) -> TokenKey:
    """Raises ValueError for a line that does not end in a moment."""
    text, _, replaced_at = line.strip().rpartition(" ")
    return TokenKey(text.strip(), float(replaced_at))
