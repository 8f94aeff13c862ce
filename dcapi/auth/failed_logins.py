"""Slows down whoever guesses a password, without locking out whoever knows it.

After ``FREE`` failures in a row, tries of that user are let through one at a time, with a wait after each
that doubles up to ``LONGEST_WAIT``. Meanwhile every try is refused at once and unseen, the right password
too, so that the refusal tells nothing. All names are counted alike, whether there is such a user or not.

An address that the user has logged in from has a count of its own: whoever guesses elsewhere cannot keep it
from logging in. A count is forgotten ``FORGOTTEN_AFTER`` its last failure. The number of rows is bounded; to
push a count out takes so many failures under other names that to wait is quicker.

Nothing here fails a login: when the database does not take part, a try goes uncounted, and the log says so.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dcapi.errors import TooManyRequests, Unauthorized
from dcapi.models import failed_login as rows
from dcapi.models.engine import read_only
from dcapi.parts import UnitOfWork

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Failures in a row that cost no wait.
FREE = 10
# Seconds of the first wait and of the longest.
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
# Seconds after the last failure; to stop guessing for so long gains less than to go on.
FORGOTTEN_AFTER = 3600.0
# Seconds after the last login from it for which an address counts as the user's, and after which a login
# renews that.
KNOWN_FOR = 30 * 86400.0
RENEWED_AFTER = 86400.0
# Rows of the table.
MOST = 10_000

TOO_MANY = "Too many failed logins in a row: the next try of this user is possible in {} s"


@dataclass(frozen=True)
class _Count:
    """What was found at the start of a try: the row that counts for it, and whether that is the address's."""

    key: str
    of_address: bool
    failures: int = 0
    waits_until: float = 0.0
    known_at: float = 0.0


def wait_after(failures: int) -> float:
    """Seconds until the next try after so many failures in a row."""
    if failures < FREE:
        return 0.0
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - FREE, 16)))


class FailedLogins:
    """Counts the failures of each user over all processes and hosts of a site."""

    def __init__(self, unit_of_work: UnitOfWork, secret: str) -> None:
        """``secret`` keys the digests in the database, which show no names: some people type their password
        where the name belongs."""
        self._unit_of_work = unit_of_work
        self._secret = secret.encode()

    @contextmanager
    def counted(self, user: str, address: str) -> Iterator[None]:
        """Let one try through, and count how it ends: Unauthorized is a failure, no error a success.

        ``address`` is where the try comes from, empty when that is not known. Raises TooManyRequests when
        the user has to wait.
        """
        keys = self._key(user), self._key(user, address)
        count = self._tried(lambda session: _find(session, *keys, bool(address))) or _Count(keys[0], False)
        self._admit(count)
        try:
            yield
        except Unauthorized:
            if self._tried(lambda session: _add_failure(session, count.key)):
                self._tried(_prune)
            raise
        if count.failures or (address and count.known_at < time.time() - RENEWED_AFTER):
            self._tried(lambda session: _succeed(session, count, keys[1] if address else None))

    def _key(self, *parts: str) -> str:
        text = "\0".join(("failed-login", *parts)).encode(errors="surrogatepass")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()

    def _admit(self, count: _Count) -> None:
        """Raises TooManyRequests unless a try may be made now, which the next one then has to wait for."""
        if count.failures < FREE:
            return
        now = time.time()
        left = count.waits_until - now
        wait = wait_after(count.failures + 1)
        if 0 < left <= LONGEST_WAIT:
            raise _too_many(left)
        if self._tried(lambda session: _claim(session, count.key, wait, now)) is False:
            raise _too_many(wait)

    def _tried(self, work: Callable[[Session], Result]) -> Result | None:
        """What the work returns, None when the database does not do it."""
        try:
            with self._unit_of_work() as session:
                return work(session)
        except SQLAlchemyError as error:
            log.warning("failed logins are not counted now: %s", type(error).__name__)
            return None


def _too_many(seconds: float) -> TooManyRequests:
    whole = max(1, math.ceil(seconds))
    return TooManyRequests(TOO_MANY.format(whole), retry_after=whole)


def _find(session: Session, of_user: str, of_address: str, with_address: bool) -> _Count:
    now = time.time()
    found = rows.find(read_only(session), [of_user, of_address])
    row = found.get(of_address) if with_address else None
    known = row is not None and row.known_at >= now - KNOWN_FOR
    if not known:
        row = found.get(of_user)
    key = of_address if known else of_user
    if row is None:
        return _Count(key, known)
    failures = row.failures if row.failed_at >= now - FORGOTTEN_AFTER else 0
    return _Count(key, known, failures, row.waits_until, row.known_at)


def _claim(session: Session, key: str, wait: float, now: float) -> bool:
    claimed = rows.claim(session, key, wait, now, LONGEST_WAIT)
    session.commit()
    return claimed


def _add_failure(session: Session, key: str) -> int:
    now = time.time()
    failures = rows.add_failure(session, key, now, now - FORGOTTEN_AFTER)
    wait = wait_after(failures)
    if wait:
        rows.let_wait(session, key, now + wait)
    session.commit()
    return failures


def _succeed(session: Session, count: _Count, address_key: str | None) -> None:
    if not count.of_address:
        rows.forget(session, count.key)
    if address_key is not None:
        rows.remember(session, address_key, time.time())
    session.commit()


def _prune(session: Session) -> None:
    now = time.time()
    rows.prune(session, now - FORGOTTEN_AFTER, now - KNOWN_FOR, MOST)
    session.commit()
