"""The cache of what Keystone said: bounded in size and in time."""

from __future__ import annotations

import pytest

from dcapi.auth import token_cache
from dcapi.auth.token_cache import TokenCache


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(token_cache, "_now", made)
    return made


def test_a_value_is_kept_for_its_time_and_no_longer(clock: Clock) -> None:
    cache = TokenCache()
    cache.set("a", b"1", time=60)
    clock.now += 59.9
    assert cache.get("a") == b"1"
    clock.now += 0.1
    assert cache.get("a") is None
    assert cache.count() == 0


def test_being_asked_for_does_not_lengthen_the_time(clock: Clock) -> None:
    cache = TokenCache()
    cache.set("a", b"1", time=60)
    for _ in range(3):
        clock.now += 20
        found = cache.get("a")
    assert found is None


def test_no_time_keeps_nothing(clock: Clock) -> None:
    cache = TokenCache()
    cache.set("a", b"1", time=0)
    cache.set("b", b"1")
    assert cache.count() == 0


def test_the_oldest_goes_when_there_are_too_many(clock: Clock) -> None:
    cache = TokenCache(limit=2)
    for key in ("a", "b", "a", "c"):
        cache.set(key, key.encode(), time=60)
    assert cache.count() == 2
    assert [cache.get(key) for key in "abc"] == [b"a", None, b"c"]


def test_an_empty_cache_is_a_cache() -> None:
    assert TokenCache()


def test_what_was_never_kept_is_not_there(clock: Clock) -> None:
    assert TokenCache().get("a") is None
