"""Threads that log in at once: how many hash, who waits for how long, and who is told to come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from flask import Flask

from dcapi.api.errors import failure_of
from dcapi.auth import passwords
from dcapi.auth.guard import embedded_identity
from dcapi.auth.turns import Turns
from dcapi.errors import TooManyRequests
from dcapi.lab.polling import wait_until
from tests.conftest import ADMIN_PASSWORD
from tests.integration.auth.guesses import AWAY, HOME, MANY, log_in

# Seconds in which what is to happen has happened, on a machine that is busy.
SOON = 20.0


class Hashes:
    """Stand-ins of hashes, each of which lasts until the test lets it end."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.begun: list[str] = []
        self.pool = ThreadPoolExecutor(16)
        self._go_on: dict[str, threading.Event] = {}

    def begin(self, name: str, address: str, *, known: bool = False) -> Future[None]:
        self._go_on[name] = threading.Event()
        before = len(self.turns)
        future = self.pool.submit(self._hash, name, address, known)
        wait_until(
            f"{name} to begin, to wait or to be refused",
            lambda: name in self.begun or len(self.turns) > before or future.done(),
            within=SOON,
        )
        return future

    def end(self, *names: str) -> None:
        for name in names:
            self._go_on[name].set()

    def expect(self, *names: str) -> None:
        wait_until(f"{names} to have begun", lambda: len(self.begun) >= len(names), within=SOON)
        assert self.begun == list(names)

    def _hash(self, name: str, address: str, known: bool) -> None:
        with self.turns.turn(address, known=known):
            self.begun.append(name)
            assert self._go_on[name].wait(SOON)


@contextmanager
def hashing(places: int, slots: int, patience: float = SOON) -> Iterator[Hashes]:
    hashes = Hashes(Turns(places, slots, patience))
    try:
        yield hashes
    finally:
        hashes.end(*hashes._go_on)
        hashes.pool.shutdown()


def test_no_more_hash_at_once_than_there_are_slots_and_each_gets_its_turn() -> None:
    with hashing(places=4, slots=1) as hashes:
        futures = [hashes.begin(name, name) for name in "abc"]
        hashes.expect("a")
        hashes.end("a")
        hashes.expect("a", "b")
        hashes.end("b", "c")
        for future in futures:
            future.result(SOON)
        hashes.expect("a", "b", "c")


def test_of_several_slots_one_is_kept_for_who_logged_in_before() -> None:
    with hashing(places=4, slots=3) as hashes:
        for name in "abc":
            hashes.begin(name, name)
        hashes.expect("a", "b")
        hashes.begin("known", "home", known=True)
        hashes.expect("a", "b", "known")


def test_who_logged_in_before_comes_next_whoever_waits() -> None:
    with hashing(places=2, slots=1) as hashes:
        hashes.begin("first", "x")
        refused = [hashes.begin(name, name) for name in "abc"][-1]
        assert isinstance(refused.exception(SOON), TooManyRequests)
        hashes.begin("known", "home", known=True)
        hashes.end("first")
        hashes.expect("first", "known")


def test_who_waited_in_vain_is_told_to_come_back_and_leaves_no_trace() -> None:
    with hashing(places=2, slots=1, patience=0.05) as hashes:
        hashes.begin("first", "x")
        error = hashes.pool.submit(hashes._hash, "late", "y", True).exception(SOON)
        assert isinstance(error, TooManyRequests)
        failure = failure_of(error)
        assert (failure.code, failure.headers) == (429, {"Retry-After": "1"})
        assert len(hashes.turns) == 0
        hashes.end("first")
        wait_until("the slot to be free", lambda: hashes.turns.inside == 0, within=SOON)
        hashes.begin("next", "y")
        hashes.expect("first", "next")


def test_a_hash_that_fails_gives_its_turn_back() -> None:
    turns = Turns(1, 1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), turns.turn("x", known=False):
            raise ValueError("broken")
    assert turns.inside == 0


@pytest.fixture
def busy(app: Flask) -> Iterator[Turns]:
    """The turns of a site, whose only slot is taken until the test ends, and which has one place to wait."""
    with app.app_context():
        service = embedded_identity()
        service.turns = Turns(1, 1, patience=0.05)
        with service.turns.turn("somebody", known=False):
            yield service.turns


def test_a_login_that_gets_no_turn_is_answered_429_and_is_no_failure(
    app: Flask, busy: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "check_password_hash", lambda *_: pytest.fail("hashed"))
    for address in MANY[:12]:
        refused = log_in(app, "wrong", address=address)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert "at once" in refused.get_json()["error"]["message"]
    monkeypatch.undo()
    with app.app_context():
        embedded_identity().turns = Turns(1, 1)
    assert log_in(app, ADMIN_PASSWORD, address=AWAY).status_code == 201


def test_a_login_is_known_by_its_user_and_its_address(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []
    turn = Turns.turn

    def noted(self: Turns, address: str, *, known: bool) -> object:
        seen.append((address, known))
        return turn(self, address, known=known)

    monkeypatch.setattr(Turns, "turn", noted)
    for password, name, address in (
        (ADMIN_PASSWORD, "admin", HOME),
        (ADMIN_PASSWORD, "admin", HOME),
        ("wrong", "admin", HOME),
        ("wrong", "nobody", HOME),
        (ADMIN_PASSWORD, "admin", "2001:db8::1"),
        (ADMIN_PASSWORD, "admin", "2001:db8::2"),
    ):
        log_in(app, password, name, address)
    network = "2001:db8::/64"
    expected = [(HOME, False), (HOME, True), (HOME, True), (HOME, False), (network, False), (network, True)]
    assert seen == expected


def test_the_slots_are_one_less_than_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for cores in (None, 1, 2, 8):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        found[cores] = Turns(1).slots
    assert found == {None: 1, 1: 1, 2: 1, 8: 7}
