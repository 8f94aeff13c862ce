"""How many are at it at once: requests, coordinators of one group, and members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from dcapi.models import SubcloudPeerGroup
from tests.integration.kept_tasks import all_steps
from tests.integration.migration.conftest import Survivor

TOGETHER = 4


def at_once(call: Callable[[], Any]) -> list[Any]:
    barrier = Barrier(TOGETHER)

    def make(_: int) -> Any:
        barrier.wait(60)
        return call()

    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(make, range(TOGETHER)))


def at_work(site: Survivor) -> int:
    return sum(step not in (None, "waiting") for step in site.steps().values())


def test_of_requests_that_come_at_once_one_migrates(site: Survivor) -> None:
    site.add_member()
    answers = at_once(site.migrate)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: TOGETHER - 1}
    site.run_jobs()
    site.expect_complete()


def test_never_more_members_are_at_it_than_the_group_allows(site: Survivor) -> None:
    for number in range(1, 8):
        site.add_member(f"edge-{number}")
    site.change(SubcloudPeerGroup, 1, max_subcloud_rehoming=3)
    site.be_away()
    site.begin()
    most = 0
    while site.jobs.run_waiting(limit=1):
        most = max(most, at_work(site))
    assert most == 3
    site.expect_complete()


def test_coordinators_that_meet_let_no_more_members_in(site: Survivor) -> None:
    for number in range(1, 8):
        site.add_member(f"edge-{number}")
    site.change(SubcloudPeerGroup, 1, max_subcloud_rehoming=3)
    site.be_away()
    site.begin()
    at_once(lambda: all_steps(site.runtime, "migrate"))
    assert at_work(site) == 3
    site.run_jobs()
    site.expect_complete()


def test_a_member_that_arrives_makes_room_for_one_alone(site: Survivor) -> None:
    for number in range(1, 8):
        site.add_member(f"edge-{number}")
    site.change(SubcloudPeerGroup, 1, max_subcloud_rehoming=3)
    site.be_away()
    site.begin()
    for member in range(1, 4):
        all_steps(site.runtime, "migrate")
        assert at_work(site) == 3
        all_steps(site.runtime, "rehome", member)
        assert at_work(site) == 2
    site.run_jobs()
    site.expect_complete()


def test_a_migration_that_is_waited_for_is_answered_with_its_outcome(site: Survivor) -> None:
    """The jobs of this site run in the test alone: what is waited for comes when the time is up."""
    site.add_member()
    site.be_away()
    path = "/subcloud-peer-groups/trains/migrate"
    answer = site.operator.patch(path, json={"sysadmin_password": "c2VjcmV0"}, headers={"Prefer": "wait=1"})
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=1"
    assert [row["deploy-status"] for row in (answer.json or {})["subclouds"]] == ["secondary"]
