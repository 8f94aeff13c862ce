"""A clock that does not let anything end early because the wall clock was set ahead."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from dcapi.careful_clock import CarefulClock

HOUR = 3600.0
BEGIN = 1_000_000.0


@dataclass
class Machine:
    """A machine whose clocks go when a test says so."""

    steady: float = 50.0
    wall: float = BEGIN
    careful: CarefulClock = field(init=False)

    def __post_init__(self) -> None:
        self.careful = CarefulClock(lambda: self.wall, lambda: self.steady)

    def go_on(self, seconds: float) -> None:
        self.steady += seconds
        self.wall += seconds

    @property
    def passed(self) -> float:
        return self.careful.now() - BEGIN


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_it_shows_the_time_of_a_clock_that_nobody_sets(machine: Machine) -> None:
    machine.go_on(2 * HOUR)
    assert (machine.passed, machine.careful.set_at()) == (2 * HOUR, -math.inf)


def test_it_does_not_follow_a_clock_that_is_set_ahead(machine: Machine) -> None:
    machine.wall += HOUR
    machine.go_on(60)
    assert machine.passed == 60
    machine.go_on(60)
    assert machine.passed == 120


def test_it_follows_after_as_long_as_the_clock_was_set_ahead(machine: Machine) -> None:
    machine.wall += HOUR
    assert machine.passed == 0
    machine.go_on(HOUR - 1)
    assert machine.passed == HOUR - 1
    machine.go_on(1)
    assert machine.passed == 2 * HOUR


def test_two_settings_ahead_add_up(machine: Machine) -> None:
    for _ in range(2):
        machine.wall += HOUR
        assert machine.passed == 0


@pytest.mark.parametrize("ahead", [0.0, HOUR])
def test_a_clock_that_is_set_back_is_followed_at_once(machine: Machine, ahead: float) -> None:
    machine.wall += ahead
    assert machine.passed == 0
    machine.wall -= HOUR
    assert machine.passed == ahead - HOUR
    machine.go_on(60)
    assert machine.passed == ahead - HOUR + 60


def test_it_is_never_ahead_of_the_wall_clock(machine: Machine) -> None:
    for jump in (HOUR, -2 * HOUR, HOUR, 3 * HOUR, -HOUR):
        machine.wall += jump
        machine.go_on(1)
        assert machine.careful.now() <= machine.wall


def test_what_ntp_moves_is_no_setting_of_the_clock(machine: Machine) -> None:
    for _ in range(10):
        machine.wall += 1
        machine.go_on(60)
        assert machine.careful.now() == machine.wall
    assert machine.careful.set_at() == -math.inf


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_it_tells_when_the_clock_was_found_to_have_been_set(machine: Machine, jump: float) -> None:
    machine.wall += jump
    found = machine.careful.set_at()
    assert found == machine.wall
    machine.go_on(60)
    assert machine.careful.set_at() == found
