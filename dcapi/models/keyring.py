"""The keys that encrypt secrets at rest: where they come from, and how a process hears of new ones."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

logger = logging.getLogger(__name__)

# In the instance folder, unless the keys come from the settings.
SECRETS_KEY_FILE = "secrets.key"

Stamp = tuple[int, int, int]


def keys_in(text: str) -> list[str]:
    """The keys in a text that holds them separated by commas."""
    return [key.strip() for key in text.split(",") if key.strip()]


def fingerprint(key: str) -> str:
    """A digest that tells keys apart and shows nothing of them."""
    return hashlib.sha256(b"dcapi key fingerprint:" + key.encode()).hexdigest()


class Keyring:
    """Fernet keys; the first one encrypts, all decrypt.

    Keys that stand in a file are read again when the file has changed: before anything is encrypted, and when
    something cannot be decrypted. So a key that is put into the file counts in every process at once.
    """

    def __init__(self, keys: Sequence[str], file: Path | None = None) -> None:
        """``file``: where the keys stand, if they may change there. Raises ValueError for a broken key."""
        self._file = file
        # Says by fingerprint which key the database's secrets have, None where nobody can.
        self._of_database: Callable[[], str | None] = lambda: None
        self._stamp = self._stamp_now()
        self._use(keys)

    @classmethod
    def of_file(cls, file: Path) -> Keyring:
        """The keys in this file. Raises ValueError and OSError."""
        return cls(keys_in(file.read_text()), file)

    def follow_only(self, of_database: Callable[[], str | None]) -> None:
        """Take keys that are all others only if the database knows one of them, by its fingerprint."""
        self._of_database = of_database

    def encrypt(self, text: bytes) -> bytes:
        self._follow_file()
        return self._keys.encrypt(text)

    def decrypt(self, token: bytes) -> bytes:
        """Raises InvalidToken when none of the keys encrypted this."""
        try:
            return self._keys.decrypt(token)
        except InvalidToken:
            if not self._follow_file():
                raise
        return self._keys.decrypt(token)

    def is_current(self, token: bytes) -> bool:
        """Whether the first key encrypted this."""
        try:
            self._first.decrypt(token)
        except InvalidToken:
            return False
        return True

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys as they are now in the file, if there is one."""
        self._follow_file()
        return self._texts

    def _use(self, keys: Sequence[str]) -> None:
        made = [Fernet(key) for key in keys]
        self._keys, self._first, self._texts = MultiFernet(made), made[0], tuple(keys)

    def _stamp_now(self) -> Stamp | None:
        if self._file is None:
            return None
        found = self._file.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _follow_file(self) -> bool:
        """Take the keys that are in the file by now; returns whether it had changed.

        A file that is gone or broken is for the next start to complain about: what is known goes on working.
        """
        try:
            stamp = self._stamp_now()
            if self._file is None or stamp == self._stamp:
                return False
            keys = keys_in(self._file.read_text())
            # A key of before among them: a rotation. None: perhaps two of them since, or another site's file.
            if set(keys).isdisjoint(self._texts) and not self._are_of_database(keys):
                return False
            self._stamp = stamp
            self._use(keys)
        except (OSError, ValueError):
            logger.warning("%s holds no usable keys: the ones that are known stay in use", self._file)
            return False
        return True

    def _are_of_database(self, keys: Sequence[str]) -> bool:
        known = self._of_database()
        if known is None or known in {fingerprint(key) for key in keys}:
            return True
        logger.warning(
            "%s holds other keys than the database's: the ones that are known stay in use", self._file
        )
        return False
