"""In which order members are sent whose networks changed hands."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import create_autospec

from hypothesis import given
from hypothesis import strategies as st

from dcapi.peers.port import PeerPort
from dcapi.sync.run.push import PushResult, push
from dcapi.sync.values.member import Member
from dcapi.sync.values.plan import Plan, Pushed, make_plan
from tests.subcloud_forms import admin_network, bootstrap_values
from tests.unit.sync.builders import copy_of, member

# Members, named by letters, and the number of the network that each has or had.
Networks = dict[str, int]

numbers = st.lists(st.integers(1, 7), unique=True, max_size=7)


def networked(name: str, number: int, **values: object) -> Member:
    values = bootstrap_values(number, name=name, **values)
    return replace(member(name, region_name=name, bootstrap_values=values), gateways="10.61.0.1,fd61::1")


def plan_of(before: Networks, now: Networks) -> Plan:
    """The plan of a run that finds copies with the networks of before; each of them was pushed."""
    copies = [copy_of(networked(name, number)) for name, number in before.items()]
    ledger = {name: Pushed(name, "digest of something else") for name in before}
    return make_plan([networked(name, number) for name, number in now.items()], copies, ledger)


def order_of(plan: Plan) -> list[set[str]]:
    return [set(wave) for wave in plan.waves.order]


def test_members_that_keep_their_networks_are_sent_side_by_side() -> None:
    plan = plan_of({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3})
    assert (order_of(plan), plan.waves.cleared) == ([{"a", "b", "c"}], [])


def test_a_network_goes_from_one_to_the_next_after_that_one_has_left_it() -> None:
    plan = plan_of({"a": 1, "b": 2}, {"a": 2, "b": 3, "new": 1})
    assert (order_of(plan), plan.waves.cleared) == ([{"b"}, {"a"}, {"new"}], [])


def test_of_two_that_change_places_one_is_made_anew() -> None:
    plan = plan_of({"a": 1, "b": 2}, {"a": 2, "b": 1})
    assert (plan.waves.cleared, order_of(plan)) == (["a"], [{"b"}, {"a"}])
    assert ([one.name for one, _ in plan.replace], [one.name for one in plan.update]) == (["a"], ["b"])


def test_whoever_waits_for_a_ring_is_not_made_anew() -> None:
    plan = plan_of({"behind": 4, "b": 1, "c": 2, "d": 3}, {"behind": 1, "b": 2, "c": 3, "d": 5})
    assert (order_of(plan), plan.waves.cleared) == ([{"d"}, {"c"}, {"b"}, {"behind"}], [])
    plan = plan_of({"behind": 4, "b": 1, "c": 2}, {"behind": 1, "b": 2, "c": 1})
    assert "behind" not in plan.waves.cleared


def test_what_has_left_the_group_is_in_nobodys_way() -> None:
    plan = plan_of({"a": 1}, {"b": 1})
    assert ([one.name for one in plan.remove], order_of(plan)) == (["a"], [{"b"}])


def test_an_admin_network_and_the_second_family_are_waited_for() -> None:
    dual = {
        "management_subnet": "10.70.1.0/24,fd70:1::/64",
        "management_start_address": "10.70.1.2,fd70:1::2",
        "management_end_address": "10.70.1.90,fd70:1::90",
        "management_gateway_address": "10.70.1.1,fd70:1::1",
    }
    copies = [copy_of(networked("a", 1, **dual)), copy_of(networked("b", 2))]
    wanted = [networked("a", 3), networked("b", 2, **admin_network(1))]
    assert order_of(make_plan(wanted, copies, {})) == [{"a"}, {"b"}]


def test_who_gets_the_ranges_of_several_waits_for_all_of_them() -> None:
    lower = {"management_end_address": "10.70.1.40"}
    upper = {"management_start_address": "10.70.1.50"}
    copies = [
        copy_of(networked("low", 1, **lower)),
        copy_of(networked("high", 1, **upper)),
        copy_of(networked("far", 2)),
    ]
    wanted = [networked("low", 2), networked("high", 3), networked("far", 4), networked("new", 1)]
    assert order_of(make_plan(wanted, copies, {})) == [{"high", "far"}, {"low"}, {"new"}]


def test_a_copy_without_form_is_waited_for_by_nobody() -> None:
    copies = [copy_of(networked("a", 1), saved_payload={"management_subnet": "anything"})]
    assert order_of(make_plan([networked("a", 2), networked("b", 1)], copies, {})) == [{"a", "b"}]


@given(before=numbers, now=numbers, members=st.permutations("abcdefghi"))
def test_wave_by_wave_no_network_is_held_twice(before: list[int], now: list[int], members: list[str]) -> None:
    held = dict(zip(sorted(members), before, strict=False))
    wanted = dict(zip(members, now, strict=False))
    plan = plan_of(held, wanted)
    for name in [*(one.name for one in plan.remove), *plan.waves.cleared]:
        del held[name]
    for wave in plan.waves.order:
        for name in wave:
            others = [number for other, number in held.items() if other != name]
            assert wanted[name] not in others, (plan.waves, held)
            # Whoever comes first in a wave, the others of it are in nobody's way.
            assert not {wanted[other] for other in wave if other != name} & {wanted[name]}
        held |= {name: wanted[name] for name in wave}
    assert held == wanted


def test_push_deletes_what_is_made_anew_before_it_sends_anything() -> None:
    plan, outcome = plan_of({"a": 1, "b": 2}, {"a": 2, "b": 1}), PushResult()
    peer = create_autospec(PeerPort, instance=True)
    peer.update_subcloud.side_effect = lambda region, _: copy_of(networked(region, 1))
    progress: list[tuple[int, int]] = []
    push(peer, 3, plan, 10, outcome, lambda done, total: progress.append((done, total)))
    calls = [(name, getattr(first, "name", first)) for name, (first, *_), _ in peer.method_calls]
    assert calls == [
        ("delete_subcloud", "a"),
        ("update_subcloud", "b"),
        ("add_secondary", "a"),
        ("update_subcloud", "a"),
    ]
    assert (sorted(one.name for one in outcome.pushed), outcome.failures) == (["a", "b"], {})
    assert progress == [(1, 3), (2, 3), (3, 3)]
