"""What a scenario expects, checked in words that tell what was wrong, with or without a test runner."""

from __future__ import annotations

from typing import Any


class UnmetError(AssertionError):
    """Something is not as the scenario expects."""


def expect(met: object, what: str) -> None:
    """Raises UnmetError that says what was expected."""
    if not met:
        raise UnmetError(what)


def expect_equal(what: str, seen: Any, wanted: Any) -> None:
    """Raises UnmetError that shows both values; of two dicts only what differs."""
    if seen == wanted:
        return
    if isinstance(seen, dict) and isinstance(wanted, dict):
        differing = [key for key in {**wanted, **seen} if seen.get(key, ...) != wanted.get(key, ...)]
        seen = {key: seen.get(key, "(missing)") for key in differing}
        wanted = {key: wanted.get(key, "(missing)") for key in differing}
    raise UnmetError(f"{what}: is {seen!r}, should be {wanted!r}")
