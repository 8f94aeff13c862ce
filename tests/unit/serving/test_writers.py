"""Whose turn it is to write."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dcapi.serving.connection import Connection
from dcapi.serving.writers import LONG_PATIENCE, PATIENCE, Writers, is_writer, patience_of


class Head:
    def __init__(self, method: str, path: str, agent: str = "") -> None:
        self.method, self.path = method, path
        self.headers = [("USER-AGENT", agent)]


def writer() -> Connection:
    nothing: Any = None
    each = Connection(nothing, ("192.0.2.1", 1), ("127.0.0.1", 8119))
    each.request = Head("PATCH", "/v1.0/subclouds/1")
    return each


@pytest.mark.parametrize(
    ("method", "path", "writes"),
    [
        ("GET", "/v1.0/subclouds", False),
        ("HEAD", "/v1.0/subclouds", False),
        ("OPTIONS", "/v1.0/subclouds", False),
        ("POST", "/v1.0/subclouds", True),
        ("DELETE", "/v1.0/subclouds/1", True),
        ("POST", "/v3/auth/tokens", False),
        ("POST", "/v3/auth/tokens/", False),
        ("DELETE", "/v3/auth/tokens", False),
    ],
)
def test_what_may_change_something_is_a_writer(method: str, path: str, writes: bool) -> None:
    assert is_writer(Head(method, path)) is writes


@pytest.mark.parametrize(
    ("head", "seconds"),
    [
        (Head("PATCH", "/v1.0/subclouds/1", "dcmanager/1.0"), LONG_PATIENCE),
        (Head("PATCH", "/v1.0/subclouds/1", "curl/8"), PATIENCE),
        (Head("DELETE", "/v1.0/subclouds/1", "dcmanager/1.0"), PATIENCE),
        (Head("PATCH", "/v1.0/subcloud-groups/1", "dcmanager/1.0"), PATIENCE),
    ],
)
def test_only_what_decides_about_a_subcloud_waits_longer(head: Head, seconds: float) -> None:
    assert patience_of(head) == seconds


def test_the_first_that_came_has_the_next_turn() -> None:
    writers = Writers(1)
    first, second, third = writer(), writer(), writer()
    assert [writers.enter(each) for each in (first, second, third)] == [True, False, False]
    assert list(writers.next_ones()) == []
    writers.end_turn(first)
    writers.end_turn(first)
    assert list(writers.next_ones()) == [second]
    assert len(writers) == 1


def test_nobody_overtakes_those_who_wait() -> None:
    writers = Writers(1)
    first, second, third = writer(), writer(), writer()
    writers.enter(first)
    writers.enter(second)
    writers.end_turn(first)
    assert not writers.enter(third)
    assert list(writers.next_ones()) == [second]


def test_a_writer_that_only_waits_lets_others_write_up_to_a_bound() -> None:
    writers = Writers(2)
    working = [writer(), writer()]
    waiting = [writer(), writer()]
    for each in working + waiting:
        writers.enter(each)
    for each in working:
        writers.step_back(each)
    # One of two: threads are for those who read.
    assert list(writers.next_ones()) == waiting[:1]
    writers.end_turn(working[1])
    assert list(writers.next_ones()) == waiting[1:]


def test_one_that_has_ended_cannot_step_back() -> None:
    writers = Writers(1)
    first, second = writer(), writer()
    writers.enter(first)
    writers.end_turn(first)
    writers.step_back(first)
    assert writers.enter(second)


def test_who_waits_too_long_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    writers = Writers(1)
    working, late, patient = writer(), writer(), writer()
    patient.request = Head("PATCH", "/v1.0/subclouds/1", "dcmanager/1.0")
    for each in (working, late, patient):
        writers.enter(each)
    later = time.monotonic() + PATIENCE + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert writers.overdue() == [late]
    assert len(writers) == 1
    writers.end_turn(working)
    assert list(writers.next_ones()) == [patient]
