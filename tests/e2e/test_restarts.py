"""A site that ends in the middle of a sync, in good order or not: what was asked for still comes true."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from dcapi.lab.faults import Delay, Stall
from dcapi.lab.members import member
from dcapi.lab.operator import Operator
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.scenarios.race import CREATION
from dcapi.lab.shared_group import ASSOCIATIONS, GROUPS, SharedGroup, associate
from dcapi.lab.site import LabSite
from tests.e2e.canaries import expect_nothing_told
from tests.e2e.conftest import PAIR_SETTINGS, MakePair, MakeSite

MEMBERS = 5
# A lease that runs out soon: the next process may then go on with what a dead one left. And little time to
# drain, so that work is cut off also when a site is asked to end.
SHORT_LEASE = {
    "LEASE_SECONDS": "6",
    "PEER_CONNECT_TIMEOUT": "1",
    "PEER_READ_TIMEOUT": "4",
    "RECONCILE_SECONDS": "0.5",
    "DRAIN_SECONDS": "0.5",
}
# Of the groups that the tests make on one pair.
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def hasty_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair for sites that end in the middle of something; a test leaves both up."""
    with Pair(tmp_path_factory.mktemp("hasty"), settings={**PAIR_SETTINGS, **SHORT_LEASE}) as made:
        yield made
    expect_nothing_told(made.a, made.b)


def _stop(site: LabSite) -> None:
    assert site.stop() == 0


@pytest.mark.parametrize("end", [_stop, LabSite.kill], ids=["SIGTERM", "SIGKILL"])
def test_a_sync_cut_off_by_the_end_of_its_site_ends_after_a_restart(
    hasty_pair: Pair, end: Callable[[LabSite], object]
) -> None:
    pair = hasty_pair
    group = _group_with_members(pair)
    with pair.proxy.add(Stall(*CREATION, skip=1)) as stall:
        shared = associate(pair, group, wait=None)
        stall.wait_taken()
        end(pair.a)
    pair.a.start()
    _expect_in_sync_unasked(shared)


def test_sync_whose_peer_dies_fails_and_the_next_one_succeeds(hasty_pair: Pair) -> None:
    pair = hasty_pair
    group = _group_with_members(pair)
    with pair.proxy.add(Stall(*CREATION, skip=1)) as stall:
        shared = associate(pair, group, wait=None)
        stall.wait_taken()
        pair.take_b_down()
    ended = shared.wait_end_of_run()
    assert ended["sync-status"] == "failed"
    assert ended["sync-message"] not in ("None", None)
    pair.bring_b_back()
    shared.sync()


def test_a_site_that_is_asked_to_end_cuts_no_request_and_resumes_at_once(make_pair: MakePair) -> None:
    # Nothing sweeps but a start, and a lease that was not given back would last longer than this test.
    pair = make_pair({"RECONCILE_SECONDS": "600"})
    group = _group_with_members(pair)
    with pair.proxy.recording() as passed, pair.proxy.add(Delay(0.5, *CREATION)) as delay:
        shared = associate(pair, group, wait=None)
        delay.wait_taken()
        assert pair.a.stop(within=15) == 0
    assert all(each.code == 200 for each in passed if each.path != "/v3/auth/tokens"), passed
    pair.a.start()
    shared.expect_status("in-sync", within=10)
    shared.expect_same_members()


def test_a_client_that_waits_is_answered_when_its_site_is_asked_to_end(hasty_pair: Pair) -> None:
    pair = hasty_pair
    group = _group_with_members(pair)
    with ThreadPoolExecutor(1) as pool, pair.proxy.add(Stall(*CREATION)) as stall:
        waiting = pool.submit(associate, pair, group, wait=60)
        stall.wait_taken()
        started = time.monotonic()
        pair.a.ask_to_stop()
        shared = waiting.result(10)
        assert time.monotonic() - started < 5
        assert pair.a.stop() in (0, None)
    pair.a.start()
    _expect_in_sync_unasked(shared)


def test_a_deletion_cut_off_by_a_kill_is_finished_after_a_restart(hasty_pair: Pair) -> None:
    pair = hasty_pair
    shared = associate(pair, _group_with_members(pair))
    there = shared.association_at_b()
    with (
        ThreadPoolExecutor(1) as pool,
        pair.proxy.add(Stall("DELETE", r"/v1\.0/subclouds/.*", skip=1)) as stall,
    ):
        deletion = pool.submit(_as_another, pair, Operator.delete, ASSOCIATIONS, shared.association_id)
        stall.wait_taken()
        pair.a.kill()
        assert isinstance(deletion.exception(10), requests.ConnectionError)
    pair.a.start()
    wait_until(
        "A to finish the deletion",
        lambda: pair.at_a.find(ASSOCIATIONS, shared.association_id) is None,
        within=40,
    )
    assert pair.at_b.find(ASSOCIATIONS, there["id"]) is None
    assert pair.at_b.find(GROUPS, shared.name) is None
    assert not set(shared.members_at_a()) & {each["name"] for each in pair.at_b.listed("subclouds")}
    assert len(shared.members_at_a()) == MEMBERS


def test_killed_attribute_change_is_seen_and_repaired_by_a_sync(
    hasty_pair: Pair,
) -> None:
    pair = hasty_pair
    shared = associate(pair, _group_with_members(pair))
    path = r"/v1\.0/subcloud-peer-groups/.*"
    with ThreadPoolExecutor(1) as pool, pair.proxy.add(Stall("PATCH", path, on_answer=True)) as stall:
        change = pool.submit(
            _as_another, pair, Operator.update, GROUPS, shared.id, {"max-subcloud-rehoming": 77}
        )
        stall.wait_taken()
        wait_until("B to take the change", lambda: shared.at_b()["max_subcloud_rehoming"] == 77)
        pair.a.kill()
        assert isinstance(change.exception(10), requests.ConnectionError)
    pair.a.start()
    shared.expect_status("out-of-sync", within=40)
    assert shared.at_a()["max_subcloud_rehoming"] == 10
    shared.sync()
    assert shared.at_b()["max_subcloud_rehoming"] == 10


def test_a_site_that_is_started_under_another_name_leads_under_it_at_its_peer(hasty_pair: Pair) -> None:
    pair = hasty_pair
    pair.introduce()
    group = pair.at_a.create(GROUPS, {"peer-group-name": f"interrupted-{next(NUMBERS)}"})
    shared = associate(pair, group)
    before, after = pair.a.settings["SITE_NAME"], "harbour-office"
    _stop(pair.a)
    # It stays so: the next start under the old name would be news to whatever a test has begun by then.
    pair.a.settings["SITE_NAME"] = after
    pair.a.start()
    assert [shared.at_a()["system_leader_name"], shared.at_b()["system_leader_name"]] == [after, before]
    shared.expect_status("out-of-sync")
    shared.sync()
    assert shared.at_b()["system_leader_name"] == after


def test_a_deployment_cut_off_by_a_kill_goes_on_after_a_restart(make_site: MakeSite) -> None:
    site = make_site({"DEPLOY_PHASE_SECONDS": "0.5", "RECONCILE_SECONDS": "0.5"})
    site.start()
    with Operator(site.url, site.admin_password) as operator:
        added = operator.add_subcloud(member(0, install=True).creation())

        def status() -> str:
            return str(operator.one("subclouds", added["id"])["deploy-status"])

        wait_until("the deployment to be under way", lambda: status() == "installing")
        site.kill()
        site.start()
        wait_until("the deployment to be complete", lambda: status() == "complete")
        assert operator.one("subclouds", added["id"])["availability-status"] == "online"


def _as_another(pair: Pair, call: Callable[..., object], *arguments: object) -> object:
    with pair.at_a.twin() as operator:
        return call(operator, *arguments)


def _group_with_members(pair: Pair) -> dict[str, object]:
    pair.introduce()
    group = pair.at_a.create(GROUPS, {"peer-group-name": f"interrupted-{next(NUMBERS)}"})
    pair.join_all(group["id"], [pair.new_member("interrupted", install=True) for _ in range(MEMBERS)])
    return group


def _expect_in_sync_unasked(shared: SharedGroup) -> None:
    """Nobody asks for a sync again: a sweep finds what the dead process left undone."""
    shared.expect_status("in-sync", within=40)
    shared.expect_same_members()
