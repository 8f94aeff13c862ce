"""Tokens that were revoked one by one, as several processes see them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from unittest.mock import Mock

import pytest
import time_machine

from dcapi.auth import revoked_tokens
from dcapi.auth.revoked_tokens import KEPT_SECONDS, MOST_OLD_LINES, REVOKED_TOKENS_FILE, RevokedTokens
from dcapi.auth.tokens import Claims
from dcapi.errors import Unavailable
from dcapi.instance import InstanceFolder

NOON = 1_700_000_000.0
LIFETIME = 3600.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / REVOKED_TOKENS_FILE


def token(name: str, end: float = NOON + LIFETIME) -> Claims:
    return Claims("joan", "f1", "admin", ("password",), (name, "parent"), NOON, end)


def test_a_revoked_token_is_known_everywhere_at_once_and_no_other_one(folder: InstanceFolder) -> None:
    one, other = RevokedTokens(folder), RevokedTokens(folder)
    assert not one.holds(token("a"))
    one.revoke(token("a"))
    assert [known.holds(token("a")) for known in (one, other, RevokedTokens(folder))] == [True] * 3
    other.revoke(token("b"))
    for known in (one, other):
        assert known.holds(token("b"))
        assert not known.holds(token("c"))
        assert not known.holds(token("parent"))


def test_the_file_is_for_this_user_alone(folder: InstanceFolder, file: Path) -> None:
    old = os.umask(0)
    try:
        RevokedTokens(folder).revoke(token("a"))
        RevokedTokens(folder).revoke(token("b"))
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_tokens_that_ran_out_leave_the_file_and_others_stay(folder: InstanceFolder, file: Path) -> None:
    known, other = RevokedTokens(folder), RevokedTokens(folder)
    with time_machine.travel(NOON, tick=False) as clock:
        known.revoke(token("stays", NOON + KEPT_SECONDS + 3 * LIFETIME))
        for number in range(MOST_OLD_LINES + 2):
            known.revoke(token(f"old-{number}"))
        assert other.holds(token("old-0"))
        clock.shift(KEPT_SECONDS + LIFETIME)
        known.revoke(token("new", NOON + KEPT_SECONDS + 2 * LIFETIME))
        assert "old" not in file.read_text()
        for one in (known, other, RevokedTokens(folder)):
            assert one.holds(token("stays"))
            assert one.holds(token("new"))
            assert not one.holds(token("old-0"))


def test_no_token_is_forgotten_because_the_clock_is_ahead_for_a_while(folder: InstanceFolder) -> None:
    known = RevokedTokens(folder)
    with time_machine.travel(NOON, tick=False) as clock:
        known.revoke(token("a"))
        clock.shift(2 * LIFETIME)
        for number in range(MOST_OLD_LINES + 2):
            known.revoke(token(f"new-{number}", NOON + 2 * LIFETIME))
        clock.shift(-2 * LIFETIME)
        assert RevokedTokens(folder).holds(token("a"))


def test_a_file_that_was_written_anew_twice_is_read_from_its_beginning(
    folder: InstanceFolder, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revoked_tokens, "MOST_OLD_LINES", 0)
    monkeypatch.setattr(revoked_tokens, "KEPT_SECONDS", 0.0)
    known, other = RevokedTokens(folder), RevokedTokens(folder)
    with time_machine.travel(NOON, tick=False) as clock:
        known.revoke(token("a", NOON + 1))
        assert other.holds(token("a"))
        for turn in range(4):
            clock.shift(2)
            for number in range(3):
                known.revoke(token(f"{turn}-{number}", NOON + 2 * turn + 3))
        assert all(other.holds(token(f"3-{number}")) for number in range(3))


@pytest.mark.parametrize("left", ["half a line", "half 17", "\x00\xff", "a b c\n"])
def test_what_a_killed_process_left_hides_no_other_token(
    folder: InstanceFolder, file: Path, left: str
) -> None:
    RevokedTokens(folder).revoke(token("a"))
    with file.open("a", encoding="latin-1") as opened:
        opened.write(left)
    known = RevokedTokens(folder)
    assert known.holds(token("a"))
    RevokedTokens(folder).revoke(token("b"))
    assert known.holds(token("b"))
    assert known.holds(token("a"))


def test_a_file_that_cannot_be_read_or_written_lets_no_token_pass(
    folder: InstanceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = RevokedTokens(folder)
    monkeypatch.setattr(folder, "replace", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(Unavailable, match="cannot be written"):
        known.revoke(token("a"))
    monkeypatch.setattr(revoked_tokens, "stamp_of", Mock(side_effect=PermissionError()))
    with pytest.raises(Unavailable, match="cannot be read"):
        known.holds(token("a"))
