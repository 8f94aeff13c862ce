"""To whom a database belongs: to one site, known by its name and its URL, as long as a server of it lives.

Each server has a row, which its workers renew. A row of this host counts while its process lives; one of
another host, of which nobody here can tell, until it was not renewed for a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Row, delete, insert, select, update

from dcapi.errors import SettingsError
from dcapi.models.site_process import SiteProcess
from dcapi.settings import Settings, own_url
from dcapi.tasks.holders import Life, holder_of, life_of, own_name

# Seconds between two renewals, and after which a server that was not renewed is gone.
RENEWAL_SECONDS = 15.0
SILENT_SECONDS = 60.0

Lives = Callable[[str], Life]


@dataclass(frozen=True)
class SiteClaim:
    """A server and the site that it serves; ``since`` in seconds since the epoch."""

    owner: str
    site_name: str
    url: str
    since: float

    @classmethod
    def of(cls, settings: Settings) -> SiteClaim:
        """The claim of this process."""
        url = settings.PUBLIC_URL.rstrip("/") or own_url(settings)
        return cls(own_name(), settings.SITE_NAME, url, time.time())


def take(connection: Connection, claim: SiteClaim, lives: Lives = life_of) -> None:
    """Write the row of a server, and drop those of dead ones.

    The caller's transaction excludes other takers (``migrations.lock``). Raises SettingsError, which names
    host, URL and since when, while the database is another site's or, with SQLite, another host's.
    """
    now = time.time()
    for row in connection.execute(select(*SiteProcess.__table__.columns)).all():
        if row.owner == claim.owner or _is_gone(row, now, lives):
            connection.execute(delete(SiteProcess).where(SiteProcess.owner == row.owner))
            continue
        _check(row, claim, on_sqlite=connection.dialect.name == "sqlite")
    connection.execute(insert(SiteProcess).values(vars(claim) | {"renewed_at": now}))


def renew(connection: Connection, claim: SiteClaim) -> bool:
    """Tell that the server lives; False when its row is gone: another one took it for dead."""
    own = update(SiteProcess).where(SiteProcess.owner == claim.owner).values(renewed_at=time.time())
    return cast("CursorResult[Any]", connection.execute(own)).rowcount == 1


def give_up(connection: Connection, claim: SiteClaim) -> None:
    """Remove the row of a server that ends."""
    connection.execute(delete(SiteProcess).where(SiteProcess.owner == claim.owner))


def _is_gone(row: Row[Any], now: float, lives: Lives) -> bool:
    life = lives(row.owner)
    # Clocks may have been set since: a row from the future says no more than an old one.
    return life is Life.DEAD or (life is Life.UNKNOWN and abs(now - row.renewed_at) > SILENT_SECONDS)


def _check(row: Row[Any], claim: SiteClaim, *, on_sqlite: bool) -> None:
    since = datetime.fromtimestamp(row.since, UTC).isoformat(sep=" ", timespec="seconds")
    there = f"the server at {row.url} (site {row.site_name!r}, host {_host(row.owner)}, since {since})"
    if (row.site_name, row.url) != (claim.site_name, claim.url):
        raise SettingsError(
            f"this database belongs to {there}: stop that one first, or give this site a database and an "
            "instance folder of its own. Servers of one site have one DCAPI_SITE_NAME and DCAPI_PUBLIC_URL"
        )
    if on_sqlite and not _is_same_host(row.owner, claim.owner):
        raise SettingsError(
            f"this database is a file that another host has open, {there}: stop that one first. Several "
            "hosts, or containers, of a site need PostgreSQL. If that host crashed, try again in a minute"
        )


def _is_same_host(owner: str, other: str) -> bool:
    """Whether two processes are on one machine and in one pid namespace: a container is a host."""
    one, two = holder_of(owner), holder_of(other)
    if one is None or two is None:
        return _host(owner) == _host(other)
    return (one.host, one.machine, one.boot, one.namespace) == (
        two.host,
        two.machine,
        two.boot,
        two.namespace,
    )


def _host(owner: str) -> str:
    return owner.partition("/")[0]
