"""The lease table: of all who ask, one holds it, and its epoch tells which holder that was."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dcapi.models import lease
from dcapi.models.lease import Lease, LeaseRow
from tests.integration.jobs.database import engine_of

NAME = "association:1"
NOW = 1_700_000_000.0


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


def take(session: Session, owner: str = "one", *, now: float = NOW) -> int | None:
    return lease.take(session, NAME, owner, 60, now)


def take_without_waiting(session: Session, owner: str, *, now: float) -> int | None:
    """Raises OperationalError where another transaction would have to be waited for."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL lock_timeout = '50ms'"))
    return take(session, owner, now=now)


def row(session: Session) -> tuple[str, float, int]:
    found = session.get_one(Lease, NAME, populate_existing=True)
    return found.owner, found.expires_at, found.epoch


def test_a_lease_that_was_never_there_is_taken_with_the_first_epoch(session: Session) -> None:
    assert take(session) == 1
    assert row(session) == ("one", NOW + 60, 1)


@pytest.mark.parametrize("owner", ["another", "one"])
def test_a_lease_that_is_held_is_refused_to_everybody(session: Session, owner: str) -> None:
    take(session)

    assert take(session, owner, now=NOW + 59.9) is None
    assert row(session) == ("one", NOW + 60, 1)


def test_an_expired_lease_is_taken_with_the_next_epoch(session: Session) -> None:
    take(session)

    assert take(session, "another", now=NOW + 60) == 2
    assert row(session) == ("another", NOW + 120, 2)


def test_a_released_lease_is_taken_with_the_next_epoch(session: Session) -> None:
    take(session)

    assert lease.release(session, NAME, "one", 1)
    assert row(session) == ("one", 0, 1)
    assert take(session, "another") == 2


def test_leases_of_other_names_are_other_leases(session: Session) -> None:
    take(session)

    assert lease.take(session, "association:2", "another", 60, NOW) == 1
    assert row(session) == ("one", NOW + 60, 1)


def test_a_holder_renews_and_confirms_its_lease(session: Session) -> None:
    take(session)

    assert lease.renew(session, NAME, "one", 1, 60, NOW + 30)
    assert row(session) == ("one", NOW + 90, 1)
    assert lease.confirm(session, NAME, "one", 1, NOW + 89)
    assert row(session) == ("one", NOW + 90, 1)


@pytest.mark.parametrize(
    ("owner", "epoch", "now"),
    [("another", 1, NOW), ("one", 2, NOW), ("one", 0, NOW), ("one", 1, NOW + 60)],
    ids=["another owner", "a later epoch", "an earlier epoch", "expired"],
)
def test_who_does_not_hold_the_lease_neither_renews_nor_confirms(
    session: Session, owner: str, epoch: int, now: float
) -> None:
    take(session)

    assert not lease.renew(session, NAME, owner, epoch, 60, now)
    assert not lease.confirm(session, NAME, owner, epoch, now)
    assert row(session) == ("one", NOW + 60, 1)


def test_missing_lease_is_not_renewed_confirmed_or_released(session: Session) -> None:
    assert not lease.renew(session, NAME, "one", 1, 60, NOW)
    assert not lease.confirm(session, NAME, "one", 1, NOW)
    assert not lease.release(session, NAME, "one", 1)


def test_a_released_lease_is_neither_renewed_nor_confirmed(session: Session) -> None:
    take(session)
    lease.release(session, NAME, "one", 1)

    assert not lease.renew(session, NAME, "one", 1, 60, NOW)
    assert not lease.confirm(session, NAME, "one", 1, NOW)


def test_a_former_holder_does_not_release_the_lease_of_the_next(session: Session) -> None:
    take(session)
    take(session, now=NOW + 60)

    assert not lease.release(session, NAME, "one", 1)
    assert row(session) == ("one", NOW + 120, 2)


def test_the_row_keeps_the_length_for_which_it_was_taken(session: Session) -> None:
    take(session)
    assert [found.seconds for found in lease.read_rows(session, [NAME])] == [60]
    assert lease.take(session, NAME, "another", 5, NOW + 60) == 2

    assert lease.read_rows(session, [NAME, "association:2"]) == [LeaseRow(NAME, "another", 2, NOW + 65, 5)]


def test_a_row_of_the_first_version_has_no_known_length(session: Session) -> None:
    session.execute(
        text(f"INSERT INTO lease (name, owner, expires_at, epoch) VALUES ('{NAME}', 'one', 1, 7)")
    )

    assert lease.read_rows(session, [NAME]) == [LeaseRow(NAME, "one", 7, 1, 0)]


def test_a_lease_is_taken_from_the_holder_that_was_seen(session: Session) -> None:
    take(session)
    [seen] = lease.read_rows(session, [NAME])

    assert lease.take_from(session, seen, "another", 5, NOW + 1) == 2
    assert lease.read_rows(session, [NAME]) == [LeaseRow(NAME, "another", 2, NOW + 6, 5)]
    assert not lease.confirm(session, NAME, "one", 1, NOW + 1)


def test_a_lease_is_not_taken_from_who_came_after_the_one_seen(session: Session) -> None:
    take(session)
    [seen] = lease.read_rows(session, [NAME])
    take(session, now=NOW + 60)

    assert lease.take_from(session, seen, "another", 60, NOW + 61) is None
    assert row(session) == ("one", NOW + 120, 2)


def test_nothing_counts_before_the_commit(session: Session) -> None:
    take(session)
    session.rollback()

    assert session.get(Lease, NAME) is None


def test_nobody_takes_a_confirmed_lease_before_the_transaction_ends(
    session: Session, database_uri: str
) -> None:
    take(session)
    session.commit()
    impatient = engine_of(database_uri, busy_timeout=0.0)
    assert lease.confirm(session, NAME, "one", 1, NOW + 59)

    with Session(impatient) as other, pytest.raises(OperationalError):
        take_without_waiting(other, "another", now=NOW + 60)
    session.commit()
    with Session(impatient) as other:
        assert take(other, "another", now=NOW + 60) == 2
    impatient.dispose()


@pytest.mark.parametrize("known", [False, True], ids=["never there", "expired"])
def test_of_many_threads_that_want_a_lease_one_gets_it(engine: Engine, *, known: bool) -> None:
    if known:
        with Session(engine) as session:
            take(session, now=NOW - 60)
            session.commit()
    barrier, won = threading.Barrier(8), []

    def contend(owner: str) -> None:
        with Session(engine) as session:
            barrier.wait(30)
            epoch = take(session, owner)
            session.commit()
            won.append((owner, epoch))

    threads = [threading.Thread(target=contend, args=(f"thread-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(won) == 8
    winners = [pair for pair in won if pair[1] is not None]
    assert [epoch for _, epoch in winners] == [2 if known else 1]
    with Session(engine) as session:
        assert row(session)[0] == winners[0][0]
