"""A database belongs to one site, as long as a server of that lives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import Connection, func, select, update

from dcapi import site_claim
from dcapi.api.database import db
from dcapi.errors import SettingsError
from dcapi.models import SiteProcess
from dcapi.settings import settings_from
from dcapi.site_claim import SiteClaim
from dcapi.tasks.holders import Life

URL = "http://198.51.100.1:8119"
OTHER_HOST = f"harbour/{'a' * 16}/{'1' * 8}-1111-1111-1111-{'1' * 12}/4026531836/12/345/x"


@pytest.fixture
def connection(app: Flask) -> Iterator[Connection]:
    with app.app_context(), closing(db.engine.connect()) as made:
        yield made


@pytest.fixture
def first() -> SiteClaim:
    return SiteClaim.of(settings_from({"SITE_NAME": "site-a", "PUBLIC_URL": URL + "/"}))


def another(claim: SiteClaim, **otherwise: str) -> SiteClaim:
    """The claim of another process of this host."""
    return replace(claim, **{"owner": f"{claim.owner}-second", **otherwise})  # type: ignore[arg-type]


def servers(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(SiteProcess)) or 0


@pytest.mark.parametrize("otherwise", [{"site_name": "site-b"}, {"url": "http://198.51.100.2:8119"}])
def test_another_site_is_refused_and_told_who_is_there(
    connection: Connection, first: SiteClaim, otherwise: dict[str, str]
) -> None:
    site_claim.take(connection, first)
    host = first.owner.partition("/")[0]
    with pytest.raises(SettingsError, match=rf"{URL} \(site 'site-a', host {host}, since 20\d\d-"):
        site_claim.take(connection, another(first, **otherwise))
    assert servers(connection) == 1


def test_another_server_of_the_site_on_this_host_is_taken(connection: Connection, first: SiteClaim) -> None:
    site_claim.take(connection, first)
    site_claim.take(connection, another(first))
    assert servers(connection) == 2


def test_a_site_may_have_another_name_when_its_server_is_dead(
    connection: Connection, first: SiteClaim
) -> None:
    site_claim.take(connection, first)
    renamed = another(first, site_name="site-b")
    site_claim.take(connection, renamed, lives=lambda _: Life.DEAD)
    assert connection.scalars(select(SiteProcess.site_name)).all() == ["site-b"]


def test_another_host_is_taken_on_postgresql_alone(connection: Connection, first: SiteClaim) -> None:
    site_claim.take(connection, replace(first, owner=OTHER_HOST))
    if connection.dialect.name == "postgresql":
        site_claim.take(connection, first)
        assert servers(connection) == 2
        return
    with pytest.raises(SettingsError, match=r"another host has open.* host harbour"):
        site_claim.take(connection, first)


def test_another_host_that_is_silent_for_a_minute_is_gone(connection: Connection, first: SiteClaim) -> None:
    site_claim.take(connection, replace(first, owner=OTHER_HOST, site_name="site-b"))
    with pytest.raises(SettingsError):
        site_claim.take(connection, first)
    connection.execute(update(SiteProcess).values(renewed_at=time.time() - site_claim.SILENT_SECONDS - 1))
    site_claim.take(connection, first)
    assert connection.scalars(select(SiteProcess.owner)).all() == [first.owner]


def test_a_server_that_lives_here_counts_however_long_it_is_silent(
    connection: Connection, first: SiteClaim
) -> None:
    site_claim.take(connection, first)
    connection.execute(update(SiteProcess).values(renewed_at=0.0))
    with pytest.raises(SettingsError):
        site_claim.take(connection, another(first, site_name="site-b"))


def test_a_renewal_counts_and_tells_when_the_row_is_gone(connection: Connection, first: SiteClaim) -> None:
    site_claim.take(connection, first)
    connection.execute(update(SiteProcess).values(renewed_at=0.0))
    assert site_claim.renew(connection, first)
    assert connection.scalar(select(SiteProcess.renewed_at)) == pytest.approx(time.time(), abs=60)
    site_claim.give_up(connection, first)
    assert not site_claim.renew(connection, first)
