"""Tokens expire, cannot be forged, and need nothing but the key."""

from __future__ import annotations

import pytest
import time_machine
from itsdangerous import URLSafeSerializer

from dcapi.auth.token_keys import TokenKey
from dcapi.auth.tokens import FORM, Claims, Tokens
from dcapi.errors import Unauthorized

LIFETIME = 3600
NOON = 1_700_000_000.0


def signed_with(*keys: TokenKey, lifetime: int = LIFETIME) -> Tokens:
    return Tokens(lambda: keys, lifetime)


@pytest.fixture
def tokens() -> Tokens:
    return signed_with(TokenKey("the key"))


def login(tokens: Tokens) -> Claims:
    return tokens.claims("joan", "f1", "admin", "password")


def test_what_was_signed_is_read_back_whole(tokens: Tokens) -> None:
    claims = login(tokens)
    assert tokens.read(tokens.sign(claims)) == claims


def test_another_process_with_the_same_key_reads_it_too(tokens: Tokens) -> None:
    claims = login(tokens)
    assert signed_with(TokenKey("the key"), lifetime=5).read(tokens.sign(claims)) == claims


def test_a_token_counts_until_its_last_second_and_no_longer(tokens: Tokens) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        text = tokens.sign(login(tokens))
        clock.shift(LIFETIME - 1)
        tokens.read(text)
        clock.shift(1)
        with pytest.raises(Unauthorized):
            tokens.read(text)


def test_another_key_signs_nothing_that_counts(tokens: Tokens) -> None:
    with pytest.raises(Unauthorized):
        tokens.read(signed_with(TokenKey("another key")).sign(login(tokens)))


def test_a_token_of_another_form_does_not_count(tokens: Tokens) -> None:
    other = URLSafeSerializer("the key", salt="something else").dumps({"user_name": "admin"})
    with pytest.raises(Unauthorized):
        tokens.read(str(other))


def test_a_token_with_one_character_changed_does_not_count(tokens: Tokens) -> None:
    text = tokens.sign(login(tokens))
    for place in range(0, len(text), 7):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(Unauthorized):
            tokens.read(changed)


@pytest.mark.parametrize("text", ["", ".", "..", "x", "a.b", "é.ü", "\x00", "." + "A" * 7000, FORM])
def test_garbage_is_no_token(tokens: Tokens, text: str) -> None:
    with pytest.raises(Unauthorized):
        tokens.read(text)


def test_a_token_for_a_token_lives_no_longer_than_the_first_one(tokens: Tokens) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        first = login(tokens)
        clock.shift(1000)
        second = tokens.successor(first, "services")
        third = tokens.successor(second, "admin")
    assert (second.expires_at, third.expires_at) == (first.expires_at, first.expires_at)
    assert (second.issued_at, second.project_name) == (NOON + 1000, "services")
    assert third.methods == ("token", "password")
    assert third.audit_ids[1:] == first.audit_ids
    assert third.audit_ids[0] not in second.audit_ids


def test_two_logins_in_the_same_instant_have_tokens_of_their_own(tokens: Tokens) -> None:
    with time_machine.travel(NOON, tick=False):
        assert tokens.sign(login(tokens)) != tokens.sign(login(tokens))


def test_a_key_that_was_replaced_verifies_until_its_tokens_ran_out() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        before = signed_with(TokenKey("the key"))
        text = before.sign(login(before))
        after = signed_with(TokenKey("a new key"), TokenKey("the key", NOON))
        clock.shift(LIFETIME - 1)
        after.read(text)
        clock.shift(1)
        forged = before.sign(login(before))
        for late in (text, forged):
            with pytest.raises(Unauthorized):
                after.read(late)


def test_a_new_key_signs_at_once(tokens: Tokens) -> None:
    after = signed_with(TokenKey("a new key"), TokenKey("the key", NOON))
    signed_with(TokenKey("a new key")).read(after.sign(login(after)))
    with pytest.raises(Unauthorized):
        tokens.read(after.sign(login(after)))
