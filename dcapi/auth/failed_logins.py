"""Slows down whoever guesses a password, without locking out whoever knows it.

Failures in a row are counted three times: for a user at an address; for an address, whoever is named there;
and for a user, once it failed at ``ENOUGH_ADDRESSES`` within an hour, so that one address alone cannot keep a
user from logging in at others. An IPv6 address counts as its /64.

After some failures (``FREE``, ``FREE_OF_ADDRESS``) tries are let through one at a time, with a wait after
each that doubles up to ``LONGEST_WAIT``. Meanwhile every try is refused at once and unseen, the right
password too, so that the refusal tells nothing. All names are counted alike, whether there is such a user or
not.

For a user at an address that it has logged in from, the count of the two alone is asked. A count is forgotten
``FORGOTTEN_AFTER`` its last failure. The number of rows is bounded; to push a count out takes so many
failures under other names that to wait is quicker.

Nothing here fails a login: when the database does not take part, or too many wait for it to, a try goes
uncounted, and the log says so.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dcapi.auth.client_address import counted_address
from dcapi.errors import DcapiError, TooManyRequests, Unauthorized
from dcapi.jobs.quota import Quota
from dcapi.models import FailedLogin
from dcapi.models import failed_login as rows
from dcapi.models.engine import read_only
from dcapi.runtime import UnitOfWork

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Failures in a row that cost no wait: of a user, and of an address, where several people may mistype.
FREE = 10
FREE_OF_ADDRESS = 30
# Addresses at which a user has to fail before it is counted over all of them.
ENOUGH_ADDRESSES = 5
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

TOO_MANY = "Too many failed logins in a row: the next try is possible in {} s"


@dataclass(frozen=True)
class _Keys:
    """The rows that a try is counted in."""

    pair: str
    address: str
    name: str


@dataclass(frozen=True)
class _Count:
    """Failures that cost a wait: the wait after the next one, and when this try may be made."""

    key: str
    next_wait: float
    waits_until: float


@dataclass(frozen=True)
class _Found:
    """What there was at the start of a try; ``known``: the user has logged in from this address."""

    known: bool = False
    known_at: float = 0.0
    failures: int = 0
    waiting: tuple[_Count, ...] = ()


def wait_after(failures: int, free: float = FREE) -> float:
    """Seconds until the next try after so many failures in a row, of which some are free."""
    if failures < free:
        return 0.0
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - free, 16)))


class FailedLogins:
    """Counts failures over all processes and hosts of a site."""

    def __init__(self, unit_of_work: UnitOfWork, secret: str, writers: Quota) -> None:
        """``secret`` keys the digests in the database, which show no names: some people type their password
        where the name belongs. ``writers``: the threads of this process that may wait to write there."""
        self._unit_of_work = unit_of_work
        self._secret = secret.encode()
        self._writers = writers

    @contextmanager
    def counted(self, user: str, address: str) -> Iterator[bool]:
        """Let one try through, and count how it ends: Unauthorized is a failure, no error a success.

        ``address`` is where the try comes from. Yields whether the user has logged in from there. Raises
        TooManyRequests when the next try has to wait.
        """
        keys = self._keys(user, counted_address(address))
        found = self._tried(lambda session: _find(session, keys))
        if found is None:
            # A database that does not answer is not asked again: each time may last seconds.
            yield False
            return
        self._admit(found)
        try:
            yield found.known
        except Unauthorized:
            if self._written(lambda session: _add_failures(session, keys, found.known)):
                self._written(_prune)
            raise
        except DcapiError:  # the try was not made
            self._give_back(found)
            raise
        if found.failures or found.known_at < time.time() - RENEWED_AFTER:
            self._written(lambda session: _succeed(session, keys.pair))

    def _keys(self, user: str, address: str) -> _Keys:
        # No address holds the character between them, so that no other pair has the same key.
        return _Keys(
            self._key("failed-login", user, address),
            self._key("failed-address", address),
            self._key("failed-name", user),
        )

    def _key(self, *parts: str) -> str:
        text = "\0".join(parts).encode(errors="surrogatepass")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()

    def _admit(self, found: _Found) -> None:
        """Raises TooManyRequests unless a try may be made now, which the next one then has to wait for."""
        if not found.waiting:
            return
        now = time.time()
        left = max(_left(count, now) for count in found.waiting)
        if left:
            raise _too_many(left)
        if self._written(lambda session: _claim(session, found.waiting, now)) is False:
            raise _too_many(max(count.next_wait for count in found.waiting))

    def _give_back(self, found: _Found) -> None:
        if found.waiting:
            self._written(lambda session: _let_go(session, [count.key for count in found.waiting]))

    def _written(self, work: Callable[[Session], Result]) -> Result | None:
        with self._writers.attempt() as entered:
            if entered:
                return self._tried(work)
        log.warning("failed logins are not counted now: too many wait for the database")
        return None

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


def _left(count: _Count, now: float) -> float:
    """Seconds until a try may be made; a longer wait than any was written while some clock was wrong."""
    left = count.waits_until - now
    return left if 0 < left <= LONGEST_WAIT else 0.0


def _find(session: Session, keys: _Keys) -> _Found:
    now = time.time()
    found = rows.find(read_only(session), [keys.pair, keys.address, keys.name])
    pair = found.get(keys.pair)
    if pair is None:
        counts = [found.get(keys.address), found.get(keys.name)]
        return _Found(waiting=_waiting(keys, counts, now))
    known = pair.known_at >= now - KNOWN_FOR
    counts = [pair] if known else [pair, found.get(keys.address), found.get(keys.name)]
    return _Found(known, pair.known_at, pair.failures, _waiting(keys, counts, now))


def _waiting(keys: _Keys, counts: list[FailedLogin | None], now: float) -> tuple[_Count, ...]:
    """Those of the counts that make this try, or the one after it, wait."""
    judged = [(row, _free(keys, row, now)) for row in counts if row is not None]
    return tuple(
        _Count(row.key, wait_after(row.failures + 1, free), row.waits_until)
        for row, free in judged
        if free <= row.failures and row.failed_at >= now - FORGOTTEN_AFTER
    )


def _free(keys: _Keys, row: FailedLogin, now: float) -> float:
    if row.key == keys.address:
        return FREE_OF_ADDRESS
    if row.key == keys.name and len(_recent(row.addresses, now)) < ENOUGH_ADDRESSES:
        return math.inf
    return FREE


def _recent(addresses: Mapping[str, float], now: float) -> dict[str, float]:
    return {address: at for address, at in addresses.items() if at >= now - FORGOTTEN_AFTER}


def _claim(session: Session, waiting: tuple[_Count, ...], now: float) -> bool:
    """Take the one try that may be made now, whatever counts it; False when another took it."""
    if not all(rows.claim(session, count.key, count.next_wait, now, LONGEST_WAIT) for count in waiting):
        return False
    session.commit()
    return True


def _let_go(session: Session, keys: list[str]) -> None:
    rows.give_back(session, keys)
    session.commit()


def _add_failures(session: Session, keys: _Keys, known: bool) -> int:
    """Count a failure, in one order of the rows for everybody; returns how many there were of the pair."""
    now = time.time()
    if not known:
        _add_failure(session, keys.address, now, FREE_OF_ADDRESS)
    failures = _add_failure(session, keys.pair, now, FREE)
    if not known:
        _add_failure_of_name(session, keys, now)
    session.commit()
    return failures


def _add_failure(session: Session, key: str, now: float, free: int) -> int:
    failures = rows.add_failure(session, key, now, now - FORGOTTEN_AFTER)
    _let_wait(session, key, now, wait_after(failures, free))
    return failures


def _add_failure_of_name(session: Session, keys: _Keys, now: float) -> None:
    """The count begins with the last of enough addresses; before that it says how many there are."""
    failures, known_addresses = rows.addresses_of(session, keys.name, now)
    # Under one name the key of the pair stands for the address.
    recent = _recent({**known_addresses, keys.pair[:16]: now}, now)
    latest = dict(sorted(recent.items(), key=lambda entry: entry[1])[-ENOUGH_ADDRESSES:])
    counted = failures + 1 if len(latest) == ENOUGH_ADDRESSES else len(latest)
    rows.set_addresses(session, keys.name, counted, latest)
    if len(latest) == ENOUGH_ADDRESSES:
        _let_wait(session, keys.name, now, wait_after(counted))


def _let_wait(session: Session, key: str, now: float, wait: float) -> None:
    if wait:
        rows.let_wait(session, key, now + wait)


def _succeed(session: Session, pair: str) -> None:
    rows.remember(session, pair, time.time())
    session.commit()


def _prune(session: Session) -> None:
    now = time.time()
    rows.prune(session, now - FORGOTTEN_AFTER, now - KNOWN_FOR, MOST)
    session.commit()
