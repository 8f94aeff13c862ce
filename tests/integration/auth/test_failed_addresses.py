"""Who guesses at one address keeps nobody out at another, and many addresses get no more tries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from unittest.mock import Mock

import pytest
import time_machine
from flask import Flask
from sqlalchemy import update

from dcapi.api.database import db
from dcapi.auth import failed_logins
from dcapi.auth.failed_logins import (
    ENOUGH_ADDRESSES,
    FREE,
    FREE_OF_ADDRESS,
    FailedLogins,
)
from dcapi.errors import TooManyRequests, Unauthorized, Unavailable
from dcapi.jobs.quota import Quota
from dcapi.models import FailedLogin
from dcapi.runtime import Runtime
from tests.conftest import ADMIN_PASSWORD
from tests.integration.auth.guesses import AWAY, FAR, HOME, MANY, NOON, guess, log_in


@pytest.mark.usefixtures("clock")
def test_guesses_from_one_address_never_keep_the_owner_out_at_another(app: Flask, checks: Mock) -> None:
    assert guess(app, [AWAY], 3 * FREE).count(401) == FREE
    assert log_in(app, ADMIN_PASSWORD, address=AWAY).status_code == 429
    for address in (HOME, FAR, "2001:db8::1"):
        assert log_in(app, ADMIN_PASSWORD, address=address).status_code == 201


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", ["admin", "nobody"])
def test_a_user_is_slowed_everywhere_after_failures_from_five_addresses(
    app: Flask, checks: Mock, name: str
) -> None:
    others = MANY[: ENOUGH_ADDRESSES - 1]
    assert set(guess(app, others, 4 * len(others), name)) == {401}
    assert log_in(app, "wrong", name, FAR).status_code == 401
    # With the fifth address the count begins, at the number of addresses.
    assert guess(app, MANY[: FREE - ENOUGH_ADDRESSES], FREE - ENOUGH_ADDRESSES, name) == [401] * 5
    refused = log_in(app, ADMIN_PASSWORD, name, HOME)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")


def test_after_that_tries_of_a_user_are_let_through_one_at_a_time(
    app: Flask, checks: Mock, clock: time_machine.Traveller
) -> None:
    guess(app, MANY, FREE)
    for wait in (1, 2, 4):
        assert log_in(app, address=FAR).headers["Retry-After"] == str(wait)
        clock.shift(wait)
        assert guess(app, MANY[20:22], 2) == [401, 429]


@pytest.mark.usefixtures("clock")
def test_who_guesses_elsewhere_does_not_keep_the_user_from_logging_in(app: Flask, checks: Mock) -> None:
    assert log_in(app, ADMIN_PASSWORD, address=HOME).status_code == 201
    guess(app, MANY, 3 * FREE)
    assert log_in(app, ADMIN_PASSWORD, address=FAR).status_code == 429
    assert log_in(app, ADMIN_PASSWORD, address=HOME).status_code == 201
    # Nor does the user's success give the others more tries.
    assert log_in(app, ADMIN_PASSWORD, address=FAR).status_code == 429


def test_addresses_that_failed_more_than_an_hour_ago_are_none_of_the_five(
    app: Flask, checks: Mock, clock: time_machine.Traveller
) -> None:
    guess(app, MANY[: ENOUGH_ADDRESSES - 1], 2 * FREE)
    clock.shift(failed_logins.FORGOTTEN_AFTER - 1)
    log_in(app, address=AWAY)
    clock.shift(2)
    assert log_in(app, address=FAR).status_code == 401
    assert set(guess(app, [AWAY, FAR, HOME], FREE)) == {401}
    assert log_in(app, ADMIN_PASSWORD, address=MANY[9]).status_code == 201


@pytest.mark.usefixtures("clock")
def test_many_tries_of_one_address_at_once_are_of_one_address(runtime: Runtime) -> None:
    counter = FailedLogins(runtime.unit_of_work, "secret", Quota(FREE))

    def fail(number: int) -> None:
        with suppress(Unauthorized, TooManyRequests), counter.counted("joan", AWAY):
            raise Unauthorized("wrong")

    with ThreadPoolExecutor(FREE) as pool:
        list(pool.map(fail, range(2 * FREE)))
    with counter.counted("joan", HOME) as known:
        assert not known


@pytest.mark.usefixtures("clock")
def test_an_address_is_slowed_whoever_is_named_there(app: Flask, checks: Mock) -> None:
    for turn in range(FREE_OF_ADDRESS):
        assert log_in(app, "wrong", f"nobody-{turn}").status_code == 401
    assert log_in(app, "wrong", "somebody").status_code == 429
    assert log_in(app, ADMIN_PASSWORD).status_code == 429
    assert log_in(app, ADMIN_PASSWORD, address=HOME).status_code == 201


@pytest.mark.usefixtures("clock")
def test_an_address_that_is_slowed_lets_in_whom_it_has_let_in_before(app: Flask, checks: Mock) -> None:
    assert log_in(app, ADMIN_PASSWORD).status_code == 201
    for turn in range(FREE_OF_ADDRESS):
        log_in(app, "wrong", f"nobody-{turn}")
    assert log_in(app, "wrong", "somebody").status_code == 429
    assert log_in(app, ADMIN_PASSWORD).status_code == 201
    # Nor does that success give the others more tries.
    assert log_in(app, "wrong", "somebody").status_code == 429


@pytest.mark.usefixtures("clock")
def test_addresses_of_one_ipv6_network_are_one(app: Flask, checks: Mock) -> None:
    network = [f"2001:db8:0:1::{number:x}" for number in range(1, 2 * FREE)]
    assert guess(app, network, FREE + 1) == [401] * FREE + [429]
    assert log_in(app, ADMIN_PASSWORD, address="2001:db8:0:1:ffff::1").status_code == 429
    assert log_in(app, ADMIN_PASSWORD, address="2001:db8:0:2::1").status_code == 201


@pytest.mark.usefixtures("clock")
def test_a_mapped_address_is_the_one_that_it_stands_for(app: Flask, checks: Mock) -> None:
    guess(app, [AWAY], FREE)
    assert log_in(app, ADMIN_PASSWORD, address=f"::ffff:{AWAY}").status_code == 429


@pytest.mark.usefixtures("clock")
def test_no_name_is_counted_as_another_one_at_an_address(app: Flask, checks: Mock) -> None:
    log_in(app, ADMIN_PASSWORD, address=HOME)
    guess(app, MANY, 3 * FREE, f"admin\0{HOME}")
    assert log_in(app, ADMIN_PASSWORD, address=HOME).status_code == 201


@pytest.mark.usefixtures("clock")
def test_clients_without_an_address_are_one(app: Flask, checks: Mock) -> None:
    assert guess(app, [""], FREE + 1) == [401] * FREE + [429]
    assert log_in(app, ADMIN_PASSWORD, address=HOME).status_code == 201


def test_a_try_that_was_not_made_lets_the_next_one_through(
    runtime: Runtime, clock: time_machine.Traveller
) -> None:
    counter = FailedLogins(runtime.unit_of_work, "secret", Quota(FREE))
    for _ in range(FREE):
        with pytest.raises(Unauthorized), counter.counted("joan", AWAY):
            raise Unauthorized("wrong")
    clock.shift(1)
    for _ in range(2):
        with pytest.raises(Unavailable), counter.counted("joan", AWAY):
            raise Unavailable("no room")
    with counter.counted("joan", AWAY):
        pass


def test_what_was_counted_before_an_upgrade_slows_nobody_everywhere(app: Flask, checks: Mock) -> None:
    """A row of a name then counted failures from anywhere, and knew no addresses."""
    with time_machine.travel(NOON, tick=False):
        guess(app, MANY, 2 * FREE)
        assert log_in(app, ADMIN_PASSWORD, address=FAR).status_code == 429
        with app.app_context():
            db.session().execute(update(FailedLogin).values(addresses={}))
            db.session().commit()
        assert log_in(app, ADMIN_PASSWORD, address=FAR).status_code == 201


@pytest.mark.usefixtures("clock")
def test_the_address_of_the_user_has_no_more_tries_than_others(app: Flask, checks: Mock) -> None:
    assert log_in(app, ADMIN_PASSWORD, address=HOME).status_code == 201
    answers = [log_in(app, address=HOME).status_code for _ in range(FREE + 1)]
    assert answers == [401] * FREE + [429]


def test_an_address_is_forgotten_in_time(app: Flask, checks: Mock, clock: time_machine.Traveller) -> None:
    log_in(app, ADMIN_PASSWORD, address=HOME)
    clock.shift(failed_logins.KNOWN_FOR + 1)
    guess(app, MANY, FREE)
    assert log_in(app, ADMIN_PASSWORD, address=HOME).status_code == 429
