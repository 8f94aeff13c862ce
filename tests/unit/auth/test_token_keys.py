"""The file with the keys of tokens: made once, followed by all, refused when it is of no use."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import time_machine

from dcapi.auth.token_keys import SHORTEST_KEY, TOKEN_KEY_FILE, TokenKey, TokenKeys
from dcapi.errors import SettingsError
from dcapi.instance import InstanceFolder

NOON = 1_700_000_000.0
LIFETIME = 3600.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / TOKEN_KEY_FILE


def test_the_first_one_makes_a_key_that_others_find(folder: InstanceFolder, file: Path) -> None:
    made = TokenKeys(folder).now()
    assert TokenKeys(folder).now() == made
    assert len(made[0].text) >= SHORTEST_KEY
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_from_before_stays_as_it_is(folder: InstanceFolder, file: Path) -> None:
    file.write_text("k" * 64)
    assert TokenKeys(folder).now() == (TokenKey("k" * 64),)


def test_another_process_takes_up_a_new_key_and_keeps_the_old_one(folder: InstanceFolder, file: Path) -> None:
    keys, other = TokenKeys(folder), TokenKeys(folder)
    (before,) = keys.now()
    with time_machine.travel(NOON, tick=False):
        keys.rotate(LIFETIME)
    first, second = other.now()
    assert first.text != before.text
    assert second == TokenKey(before.text, NOON)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_rotation_forgets_the_keys_whose_tokens_have_run_out(folder: InstanceFolder) -> None:
    keys = TokenKeys(folder)
    with time_machine.travel(NOON, tick=False) as clock:
        texts = [keys.now()[0].text]
        for _ in range(3):
            keys.rotate(LIFETIME)
            texts.insert(0, keys.now()[0].text)
            clock.shift(LIFETIME / 2)
    assert [key.text for key in keys.now()] == texts[:3]


@pytest.mark.parametrize(
    "text", ["", "short", "k" * (SHORTEST_KEY - 1), f"{'k' * 64}\nshort 1.0", f"{'k' * 64}\n{'k' * 64}"]
)
def test_a_file_of_no_use_is_refused_and_named(folder: InstanceFolder, file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"token\.key holds .*: delete"):
        TokenKeys(folder)
    assert file.read_text() == text


def test_a_file_that_is_no_text_is_refused(folder: InstanceFolder, file: Path) -> None:
    file.write_bytes(b"\xff" * 40)
    with pytest.raises(SettingsError, match="holds no keys"):
        TokenKeys(folder)


@pytest.mark.parametrize("broken", ["short", None])
def test_a_running_process_keeps_its_keys_when_the_file_breaks(
    folder: InstanceFolder, file: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    keys = TokenKeys(folder)
    known = keys.now()
    file.unlink()
    if broken:
        file.write_text(broken)
    assert [keys.now(), keys.now()] == [known, known]
    assert len(caplog.records) == 1
    file.unlink(missing_ok=True)
    assert TokenKeys(folder).now() == keys.now() != known
