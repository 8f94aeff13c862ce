"""What holds of every three: values here, what was sent, and what a peer shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings

from dcapi.peers.remote import RemoteSubcloud
from dcapi.sync.values import merge
from dcapi.sync.values.compare import Place, shows
from dcapi.sync.values.digest import outline, read_digest, same
from dcapi.sync.values.member import ADDRESS_KEY, Member
from dcapi.sync.values.merge import Values, differing_fields
from tests.unit.sync.builders import LONGEST, copy_of, member
from tests.unit.sync.json_values import has_masks, triples

changed_there = partial(merge.changed_there, max_length=LONGEST)
taken_over = partial(merge.taken_over, max_length=LONGEST)

Triple = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
ADDRESS = "10.10.10.12"
# However long a busy machine takes to make them up.
of_any_values = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def member_with(saved: dict[str, Any]) -> Member:
    kept = {key: value for key, value in saved.items() if key != ADDRESS_KEY}
    return member(bootstrap_values=kept, install_values=None)


def values_with(saved: dict[str, Any]) -> Values:
    return Values("rack 4", "Ottawa", "24.09", {**saved, ADDRESS_KEY: ADDRESS}, None)


def copy_with(saved: dict[str, Any]) -> RemoteSubcloud:
    return copy_of(member_with({}), saved_payload={**saved, ADDRESS_KEY: ADDRESS})


@of_any_values
@given(triples())
def test_a_copy_that_shows_what_was_sent_was_not_changed(triple: Triple) -> None:
    here, sent, there = triple
    pushed = read_digest(member_with(sent).digest)
    if shows(copy_with(there), member_with(sent)):
        assert not changed_there(values_with(sent), copy_with(there), pushed)
    assert Place("", sent, None, there).is_shown() is shows(copy_with(there), member_with(sent))
    assert not changed_there(values_with(here), copy_with(sent), pushed)


@of_any_values
@given(triples())
def test_both_sites_agree_after_the_values_came_over(triple: Triple) -> None:
    here, _, there = triple
    assume(not has_masks(there))
    taken = taken_over(values_with(here), copy_with(there))
    assert shows(copy_with(there), member_with(taken.saved_payload))


@of_any_values
@given(triples())
def test_what_came_over_once_stays_the_second_time(triple: Triple) -> None:
    here, _, there = triple
    taken = taken_over(values_with(here), copy_with(there))
    assert repr(taken_over(taken, copy_with(there))) == repr(taken)
    assert differing_fields(taken, taken_over(taken, copy_with(there))) == ()


@of_any_values
@given(triples())
def test_additions_take_nothing_away_and_bring_nothing_back(triple: Triple) -> None:
    here, sent, there = triple
    found = Place("", here, outline(sent), there).with_additions()
    assert Place("", here, None, found).is_shown()
    assert found.keys() == here.keys() | (there.keys() - sent.keys())


@of_any_values
@given(triples())
@example(({"nested": {"key": None}}, {}, {}))
@example(({"items": [None]}, {}, {"items": []}))
def test_what_was_sent_or_can_be_read_there_has_arrived(triple: Triple) -> None:
    here, sent, there = triple
    assert Place("", here, outline(here), there).has_arrived()
    never_sent = Place("", here, None, there)
    assert never_sent.is_shown() or not never_sent.has_arrived()
    assert Place("", here, outline(sent), there).has_arrived() or not same(here, sent)


@of_any_values
@given(triples())
@example(({"flag": True}, {}, {"flag": "True"}))
@example(({"flag": True}, {}, {"flag": 1}))
@example(({"nested": [True]}, {}, {"nested": ["True"]}))
def test_the_run_the_audit_and_an_update_call_the_same_equal(triple: Triple) -> None:
    here, _, there = triple
    for one, other in ((here, there), (there, here)):
        if same(one, other):
            assert Place("", one, None, other).is_shown()
            assert differing_fields(values_with(one), values_with(other)) == ()
        elif not Place("", one, None, other).is_shown():
            assert differing_fields(values_with(one), values_with(other)) == ("bootstrap values",)


LEAVES: list[Any] = [None, True, 1, "1", "True", "", "rack", [], {}]


@pytest.mark.parametrize("there", LEAVES, ids=repr)
@pytest.mark.parametrize("here", LEAVES, ids=repr)
def test_values_of_two_kinds_are_never_equal(here: Any, there: Any) -> None:
    equal = here is there
    assert same(here, there) is equal
    assert Place("key", here, None, there).is_shown() is equal
    assert Place("key", None, outline(here), there).is_as_sent() is equal


def test_a_copy_with_values_nested_too_deep_is_another() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = {"a": deep}
    wanted = member_with({"subnet": "fd01::/64", "luks_password": "c2VjcmV0"})
    for key in ("subnet", "luks_password"):
        assert not shows(copy_with({"subnet": "fd01::/64", "luks_password": "***", key: deep}), wanted)
