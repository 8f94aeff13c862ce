"""Holding a lease while working: renewed in time, lost for ever, given back at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dcapi.models.lease import Lease
from dcapi.tasks.hold import RENEWAL_ATTEMPTS, Hold, LeaseLost, Moment, UnitOfWork, held_leases, take_hold
from dcapi.tasks.holders import Life

NAME = "association:1"
LENGTH = 60.0
REQUEST = 35.0


class Clocks:
    """Both clocks, going when a test says so."""

    def __init__(self) -> None:
        self.now = Moment(1_000.0, 1_700_000_000.0)

    def __call__(self) -> Moment:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now = self.now.plus(seconds)

    def set_wall(self, seconds: float) -> None:
        self.now = self.now._replace(wall=self.now.wall + seconds)


class Database:
    """Hands out sessions, counts them, and does before each what a test asks for."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work
        self.opened = 0
        self.before: Callable[[], None] = lambda: None

    @contextmanager
    def unit_of_work(self) -> Iterator[Session]:
        self.opened += 1
        self.before()
        with self._unit_of_work() as session:
            yield session

    def row(self) -> tuple[str, float, int]:
        with self._unit_of_work() as session:
            found = session.get_one(Lease, NAME)
            return found.owner, found.expires_at, found.epoch


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def database(unit_of_work: UnitOfWork) -> Database:
    return Database(unit_of_work)


@pytest.fixture
def hold(database: Database, clocks: Clocks) -> Hold:
    hold = take(database, clocks)
    assert hold is not None
    database.opened = 0
    return hold


def take(database: Database, clocks: Clocks, owner: str = "one") -> Hold | None:
    return take_hold(database.unit_of_work, NAME, owner, LENGTH, clocks=clocks)


def break_down() -> None:
    raise OperationalError("UPDATE lease", {}, Exception("the server went away"))


def test_a_hold_tells_what_it_holds_and_is_in_the_database(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    assert (hold.name, hold.owner, hold.epoch) == (NAME, "one", 1)
    assert database.row() == ("one", clocks.now.wall + LENGTH, 1)


def test_a_lease_in_other_hands_gives_no_hold(hold: Hold, database: Database, clocks: Clocks) -> None:
    assert take(database, clocks, "another") is None


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> dict[str, Life]:
    """What can be told of the owners; nothing of those that a test leaves out."""
    lives: dict[str, Life] = {}
    monkeypatch.setattr("dcapi.tasks.hold.life_of", lambda owner: lives.get(owner, Life.UNKNOWN))
    return lives


def is_held(database: Database, clocks: Clocks) -> bool:
    """As those who look without taking see it."""
    with database.unit_of_work() as session:
        return held_leases(session, [NAME, "association:2"], clocks=clocks) == {NAME}


HOUR = 3600.0


@pytest.mark.parametrize(
    ("life", "passed", "held"),
    [
        (Life.ALIVE, 0.0, True),
        (Life.ALIVE, LENGTH, False),
        (Life.ALIVE, -HOUR, True),
        (Life.UNKNOWN, 0.0, True),
        (Life.UNKNOWN, LENGTH, False),
        (Life.UNKNOWN, -59.0, True),
        (Life.UNKNOWN, -61.0, False),
        (Life.DEAD, 0.0, False),
        (Life.DEAD, LENGTH, False),
        (Life.DEAD, -HOUR, False),
    ],
)
def test_a_lease_is_held_by_the_living_until_it_expires(
    hold: Hold,
    database: Database,
    clocks: Clocks,
    judged: dict[str, Life],
    life: Life,
    passed: float,
    held: bool,
) -> None:
    judged["one"] = life
    clocks.set_wall(passed)

    assert is_held(database, clocks) == held
    taken = take(database, clocks, "another")
    assert (taken is None) == held
    assert is_held(database, clocks)
    assert database.row()[0] == ("one" if held else "another")


def test_a_lease_that_was_never_taken_or_was_given_back_is_not_held(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    hold.release()

    assert not is_held(database, clocks)


def test_a_dead_holder_has_lost_its_lease_to_the_next(
    hold: Hold, database: Database, clocks: Clocks, judged: dict[str, Life]
) -> None:
    judged["one"] = Life.DEAD
    after = take(database, clocks, "another")

    assert after is not None
    assert after.epoch == 2
    after.ensure(REQUEST)
    with database.unit_of_work() as session, pytest.raises(LeaseLost):
        hold.confirm(session)
    assert database.row() == ("another", clocks.now.wall + LENGTH, 2)


def test_a_lease_is_not_lost_to_one_who_read_the_clock_before_a_long_wait(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    """A writer of SQLite may wait as long as this for another one, and the clocks of two hosts differ."""
    readings = iter([clocks.now.plus(-31), clocks.now])

    assert take_hold(database.unit_of_work, NAME, "another", LENGTH, clocks=lambda: next(readings)) is None
    clocks.advance(-31)
    assert take(database, clocks, "another") is None
    assert is_held(database, clocks)


@pytest.mark.parametrize("length", [1.0, 3600.0])
def test_a_lease_is_not_lost_to_one_with_another_setting(
    hold: Hold, database: Database, clocks: Clocks, length: float
) -> None:
    clocks.advance(-1)

    assert take_hold(database.unit_of_work, NAME, "another", length, clocks=clocks) is None
    assert hold.epoch == database.row()[2]


def test_a_lease_from_a_dead_holder_begins_after_the_wait_for_its_row(
    hold: Hold, database: Database, clocks: Clocks, judged: dict[str, Life]
) -> None:
    judged["one"] = Life.DEAD
    now = clocks.now
    readings = iter([now.plus(-30), now])
    taken = take_hold(
        database.unit_of_work,
        NAME,
        "another",
        LENGTH,
        clocks=lambda: next(readings, now.plus(LENGTH - REQUEST)),
    )

    assert taken is not None
    assert database.row() == ("another", now.wall + LENGTH, 2)
    database.opened = 0
    taken.ensure(REQUEST)
    assert database.opened == 0


def test_of_many_threads_that_find_the_holder_dead_one_takes_its_lease(
    hold: Hold, database: Database, clocks: Clocks, judged: dict[str, Life]
) -> None:
    judged["one"] = Life.DEAD
    barrier, taken = threading.Barrier(8), []

    def work() -> None:
        barrier.wait(30)
        taken.append(take(database, clocks, threading.current_thread().name))

    run_threads(work, 8)
    assert len(taken) == 8
    assert [one.epoch for one in taken if one is not None] == [2]


def test_a_lease_that_lives_long_enough_costs_no_statement(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    clocks.advance(LENGTH - REQUEST)
    hold.ensure(REQUEST)

    assert database.opened == 0


def test_a_lease_that_would_be_too_short_is_renewed(hold: Hold, database: Database, clocks: Clocks) -> None:
    clocks.advance(LENGTH - REQUEST + 1)
    hold.ensure(REQUEST)
    hold.ensure(REQUEST)

    assert database.opened == 1
    assert database.row() == ("one", clocks.now.wall + LENGTH, 1)


def test_a_lease_that_another_took_is_lost_for_ever(hold: Hold, database: Database, clocks: Clocks) -> None:
    clocks.advance(LENGTH)
    assert take(database, clocks, "another") is not None

    with pytest.raises(LeaseLost):
        hold.ensure(REQUEST)
    opened = database.opened
    clocks.advance(-LENGTH)
    with pytest.raises(LeaseLost):
        hold.ensure(REQUEST)
    with database.unit_of_work() as session, pytest.raises(LeaseLost):
        hold.confirm(session)
    assert database.opened == opened + 1


def test_a_lease_that_expired_is_lost_also_when_nobody_took_it(hold: Hold, clocks: Clocks) -> None:
    clocks.advance(LENGTH)

    with pytest.raises(LeaseLost):
        hold.ensure(REQUEST)


def test_a_machine_that_slept_has_lost_its_lease(hold: Hold, clocks: Clocks) -> None:
    clocks.set_wall(LENGTH)

    with pytest.raises(LeaseLost):
        hold.ensure(REQUEST)


def test_a_wall_clock_that_was_set_back_lengthens_no_lease(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    clocks.advance(LENGTH - 1)
    clocks.set_wall(-3600)
    hold.ensure(REQUEST)

    assert database.opened == 1


def test_the_time_that_a_renewal_took_does_not_count_as_leased(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    clocks.advance(LENGTH - 1)
    delays = iter([LENGTH - REQUEST + 1, 0.0])
    database.before = lambda: clocks.advance(next(delays))
    hold.ensure(REQUEST)

    assert database.opened == 2
    assert database.row() == ("one", clocks.now.wall + LENGTH, 1)


def test_the_time_that_taking_took_does_not_count_as_leased(database: Database, clocks: Clocks) -> None:
    database.before = lambda: clocks.advance(LENGTH - REQUEST + 1)
    hold = take(database, clocks)
    assert hold is not None
    database.before = lambda: None
    hold.ensure(REQUEST)

    assert database.opened == 2


def test_a_database_that_is_always_too_slow_ends_the_hold(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    clocks.advance(LENGTH - 1)
    database.before = lambda: clocks.advance(LENGTH - REQUEST + 1)

    with pytest.raises(LeaseLost):
        hold.ensure(REQUEST)
    assert database.opened == RENEWAL_ATTEMPTS


def test_an_error_of_the_database_goes_through_and_loses_nothing(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    clocks.advance(LENGTH - 1)
    database.before = break_down
    with pytest.raises(OperationalError):
        hold.ensure(REQUEST)

    database.before = lambda: None
    hold.ensure(REQUEST)
    assert database.row() == ("one", clocks.now.wall + LENGTH, 1)


def test_more_than_the_length_of_a_lease_cannot_be_ensured(hold: Hold) -> None:
    with pytest.raises(ValueError, match="lease of 60 s cannot be ensured for 60 s"):
        hold.ensure(LENGTH)


def test_of_ten_threads_that_find_the_lease_short_one_renews_it(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    clocks.advance(LENGTH - 1)
    barrier, ensured = threading.Barrier(10), []

    def work() -> None:
        barrier.wait(30)
        hold.ensure(REQUEST)
        ensured.append(threading.current_thread().name)

    run_threads(work, 10)
    assert len(ensured) == 10
    assert database.opened == 1


def test_all_threads_learn_that_the_lease_is_lost_from_one_question(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    clocks.advance(LENGTH)
    barrier, lost = threading.Barrier(10), []

    def work() -> None:
        barrier.wait(30)
        with pytest.raises(LeaseLost):
            hold.ensure(REQUEST)
        lost.append(threading.current_thread().name)

    run_threads(work, 10)
    assert len(lost) == 10
    assert database.opened == 1


def run_threads(work: Callable[[], None], number: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_a_confirmed_hold_is_ours_and_a_lost_one_is_not(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    with database.unit_of_work() as session:
        hold.confirm(session)
    clocks.advance(LENGTH)

    with database.unit_of_work() as session, pytest.raises(LeaseLost):
        hold.confirm(session)
    clocks.advance(-LENGTH)
    with pytest.raises(LeaseLost):
        hold.ensure(REQUEST)


def test_leaving_gives_the_lease_back(hold: Hold, database: Database, clocks: Clocks) -> None:
    with hold:
        assert take(database, clocks, "another") is None
    again = take(database, clocks, "another")

    assert again is not None
    assert again.epoch == 2


def test_leaving_with_an_error_gives_the_lease_back(hold: Hold, database: Database) -> None:
    with pytest.raises(ZeroDivisionError), hold:
        raise ZeroDivisionError

    assert database.row() == ("one", 0, 1)


def test_failing_release_does_not_hide_how_the_work_ended(
    hold: Hold, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database.before = break_down
    with pytest.raises(ZeroDivisionError), hold:
        raise ZeroDivisionError

    assert "lease association:1 could not be released" in caplog.text


def test_nothing_goes_on_under_a_released_lease(hold: Hold, database: Database) -> None:
    hold.release()
    hold.release()

    assert database.opened == 1
    with pytest.raises(LeaseLost):
        hold.ensure(REQUEST)


def test_a_lease_is_given_back_with_the_callers_commit(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    with database.unit_of_work() as session:
        hold.confirm(session)
        hold.release_in(session)
        session.commit()

    assert take(database, clocks, "another") is not None
    with pytest.raises(LeaseLost):
        hold.ensure(REQUEST)


def test_a_release_that_was_rolled_back_is_made_up_for_at_the_end(hold: Hold, database: Database) -> None:
    with hold:
        with database.unit_of_work() as session:
            hold.release_in(session)
        assert database.row()[1] > 0

    assert database.row() == ("one", 0, 1)


def test_leaving_after_another_took_the_lease_leaves_it_to_the_other(
    hold: Hold, database: Database, clocks: Clocks
) -> None:
    with hold:
        clocks.advance(LENGTH)
        assert take(database, clocks, "another") is not None

    assert database.row() == ("another", clocks.now.wall + LENGTH, 2)
