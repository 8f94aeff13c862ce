"""How many requests of one user are let through, and when the next one is."""

from __future__ import annotations

import pytest

from dcapi.api.request_limits import RequestRates


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("per_second", [1.0, 3.0, 10.0, 250.0])
def test_a_user_makes_so_many_requests_at_once_and_then_as_many_a_second(
    per_second: float, clock: Clock
) -> None:
    rates = RequestRates(per_second, clock)
    assert [rates.wait_of("joan") for _ in range(int(per_second))] == [0.0] * int(per_second)
    let_through = 0
    for _ in range(4000):
        clock.now += 0.001
        let_through += rates.wait_of("joan") == 0
    assert abs(let_through - 4 * per_second) <= 1


def test_the_wait_that_is_told_suffices(clock: Clock) -> None:
    rates = RequestRates(4, clock)
    for _ in range(4):
        rates.wait_of("joan")
    wait = rates.wait_of("joan")
    assert wait == pytest.approx(0.25)
    clock.now += wait
    assert rates.wait_of("joan") == 0
    assert rates.wait_of("joan") > 0


def test_less_than_one_a_second_is_one_in_so_many_seconds(clock: Clock) -> None:
    rates = RequestRates(0.5, clock)
    assert rates.wait_of("joan") == 0
    assert rates.wait_of("joan") == pytest.approx(2)
    clock.now += 2
    assert rates.wait_of("joan") == 0


def test_users_are_counted_apart_and_refusals_not_at_all(clock: Clock) -> None:
    rates = RequestRates(1, clock)
    assert [rates.wait_of(name) for name in ("joan", "sam")] == [0, 0]
    for _ in range(100):
        assert rates.wait_of("joan") == pytest.approx(1)
    clock.now += 1
    assert [rates.wait_of(name) for name in ("joan", "sam")] == [0, 0]


def test_who_has_been_quiet_is_forgotten(clock: Clock) -> None:
    rates = RequestRates(2, clock)
    for number in range(1000):
        rates.wait_of(f"user-{number}")
        clock.now += 0.1
    assert len(rates._due) < 20
