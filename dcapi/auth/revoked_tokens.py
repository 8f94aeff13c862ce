"""Tokens that were revoked one by one: a file in the instance folder, which all processes of a site follow.

A line for each, with its audit id and its end, below a first line that tells one file from another. Most of
the time a line is added and read; when most of them ran out long ago, the file is written anew.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress

from dcapi.auth.tokens import Claims
from dcapi.errors import Unavailable
from dcapi.instance import InstanceFolder, Stamp, stamp_of

REVOKED_TOKENS_FILE = "revoked-tokens"

# Lines of tokens that ran out long ago are left where they are, unless they are more than these and most.
MOST_OLD_LINES = 100
# Seconds for which a line stays after its token's end: once a clock that is ahead is set back, the token is
# good again.
KEPT_SECONDS = 86_400.0

NOT_NOTED = "The token cannot be revoked now: the instance folder cannot be written"
NOT_READ = "Whether a token was revoked cannot be read now"


class RevokedTokens:
    """Knows which tokens were revoked, here or by another process."""

    def __init__(self, folder: InstanceFolder) -> None:
        self._folder = folder
        self._path = folder.path / REVOKED_TOKENS_FILE
        self._lock = threading.Lock()
        self._stamp: Stamp | None = None
        # The first line, bytes that were read, and from them: audit id → end in seconds since the epoch.
        self._head = b""
        self._read = 0
        self._ends: dict[str, float] = {}

    def holds(self, claims: Claims) -> bool:
        """Whether this token was revoked; raises Unavailable when that cannot be read."""
        try:
            with suppress(FileNotFoundError):
                stamp = stamp_of(self._path)
                if stamp != self._stamp:
                    with self._lock:
                        self._catch_up(stamp)
        except OSError as error:
            raise Unavailable(NOT_READ) from error
        return claims.audit_id in self._ends

    def revoke(self, claims: Claims) -> None:
        """Let this token count no more, whatever process is asked; raises Unavailable when that fails."""
        try:
            with self._folder.locked(REVOKED_TOKENS_FILE), self._lock:
                with suppress(FileNotFoundError):
                    self._catch_up(stamp_of(self._path))
                self._note(claims)
        except OSError as error:
            raise Unavailable(NOT_NOTED) from error

    def _note(self, claims: Claims) -> None:
        oldest = time.time() - KEPT_SECONDS
        kept = {audit_id: end for audit_id, end in self._ends.items() if end > oldest}
        if not self._path.exists() or len(self._ends) > 2 * len(kept) + MOST_OLD_LINES:
            lines = [f"# {secrets.token_hex(16)}\n", *(_line(*entry) for entry in kept.items())]
            self._folder.replace(REVOKED_TOKENS_FILE, "".join(lines))
        self._folder.append(REVOKED_TOKENS_FILE, _line(claims.audit_id, claims.expires_at))

    def _catch_up(self, stamp: Stamp) -> None:
        """Read what was added, or all of a file that was written anew."""
        with self._path.open("rb") as file:
            head = file.readline()
            if head != self._head:
                self._head, self._read, self._ends = head, len(head), {}
            file.seek(self._read)
            # A line without its end is still being written.
            whole, end, _ = file.read().rpartition(b"\n")
        self._ends |= dict(_entry(line) for line in whole.decode(errors="replace").split("\n") if " " in line)
        self._read += len(whole) + len(end)
        self._stamp = stamp


def _line(audit_id: str, end: float) -> str:
    # What a process that died left unfinished ends before it.
    return f"\n{audit_id} {end}\n"


def _entry(line: str) -> tuple[str, float]:
    audit_id, _, end = line.partition(" ")
    try:
        return audit_id, float(end)
    except ValueError:
        return audit_id, 0.0
