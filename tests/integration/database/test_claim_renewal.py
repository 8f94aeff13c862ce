"""The thread that tells the database that a server lives, and what it does when its row was taken away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from operator import eq

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError

from dcapi import migrations, site_claim
from dcapi.lab.polling import wait_until
from dcapi.models import SiteProcess
from dcapi.runtime import Runtime
from dcapi.serving.claim_renewal import ClaimRenewal
from dcapi.settings import settings_from
from dcapi.site_claim import SiteClaim

TWO_SERVERS = "two servers work on one database"
StartWorker = Callable[[], ClaimRenewal]


@pytest.fixture
def claim(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> SiteClaim:
    """What a server of this process wrote when it started; its workers renew it almost without a pause."""
    monkeypatch.setattr(site_claim, "RENEWAL_SECONDS", 0.02)
    made = SiteClaim.of(settings_from({"SITE_NAME": "site-a", "PUBLIC_URL": "http://198.51.100.1:8119"}))
    take(runtime, made)
    return made


@pytest.fixture
def start_worker(runtime: Runtime, claim: SiteClaim) -> Iterator[StartWorker]:
    """Starts the thread of one worker more; all have ended after the test."""
    with ExitStack() as stack:

        def start() -> ClaimRenewal:
            renewal = ClaimRenewal(claim, runtime.unit_of_work)
            stack.callback(end, renewal)
            renewal.start()
            return renewal

        yield start


def end(renewal: ClaimRenewal) -> None:
    renewal.stop()
    renewal._thread.join(20)
    assert not renewal._thread.is_alive()


def take(runtime: Runtime, claim: SiteClaim) -> None:
    with runtime.unit_of_work() as session:
        migrations.lock(session.connection())
        site_claim.take(session.connection(), claim)
        session.commit()


def age(runtime: Runtime) -> float:
    """Seconds since the one row was renewed."""
    with runtime.unit_of_work() as session:
        return time.time() - session.scalars(select(SiteProcess.renewed_at)).one()


def expect_renewal(runtime: Runtime) -> None:
    """Whatever the row said, it soon says that its server lives."""
    with runtime.unit_of_work() as session:
        session.execute(update(SiteProcess).values(renewed_at=0.0))
        session.commit()
    wait_until("the row to be renewed", partial(age, runtime), lambda seconds: seconds < 60)


def owners(runtime: Runtime) -> list[str]:
    with runtime.unit_of_work() as session:
        return sorted(session.scalars(select(SiteProcess.owner)))


def remove_rows(runtime: Runtime) -> None:
    with runtime.unit_of_work() as session:
        session.execute(delete(SiteProcess))
        session.commit()


def test_a_claim_is_renewed_as_long_as_one_worker_lives(runtime: Runtime, start_worker: StartWorker) -> None:
    first, second = start_worker(), start_worker()
    expect_renewal(runtime)
    end(first)
    expect_renewal(runtime)
    end(second)
    with runtime.unit_of_work() as session:
        session.execute(update(SiteProcess).values(renewed_at=0.0))
        session.commit()
    assert age(runtime) > 60


def test_a_claim_that_was_taken_away_is_taken_back(
    runtime: Runtime, claim: SiteClaim, start_worker: StartWorker
) -> None:
    start_worker()
    start_worker()
    remove_rows(runtime)
    wait_until("the row to be there again", partial(owners, runtime), partial(eq, [claim.owner]))
    expect_renewal(runtime)


def test_another_site_that_took_the_database_is_told_once_and_outlived(
    runtime: Runtime, claim: SiteClaim, caplog: pytest.LogCaptureFixture
) -> None:
    renewal = ClaimRenewal(claim, runtime.unit_of_work)
    other = replace(claim, owner=f"{claim.owner}-other", site_name="site-b")
    remove_rows(runtime)
    take(runtime, other)
    for _ in range(3):
        renewal.renew()
    [told] = [record for record in caplog.records if TWO_SERVERS in record.getMessage()]
    assert told.levelno == logging.ERROR
    assert "'site-b'" in told.getMessage()
    assert owners(runtime) == [other.owner]
    remove_rows(runtime)
    renewal.renew()
    assert owners(runtime) == [claim.owner]
    remove_rows(runtime)
    take(runtime, other)
    renewal.renew()
    assert caplog.text.count(TWO_SERVERS) == 2


def test_a_renewal_that_fails_is_done_by_the_next_one(
    runtime: Runtime,
    start_worker: StartWorker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = OperationalError(None, None, Exception("the server is away"))

    def fail(*_: object) -> bool:
        raise away

    with monkeypatch.context() as patch:
        patch.setattr(site_claim, "renew", fail)
        start_worker()
        wait_until("two renewals to fail", lambda: caplog.text.count("the server is away") >= 2)
    expect_renewal(runtime)
