"""An original asks D for members: rightly or not, when D is busy, when it cannot be read itself."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text

from dcapi.lab.faults import Answer, Delay, Hang
from dcapi.lab.operator import multipart
from dcapi.lab.original.version import Version
from dcapi.lab.polling import wait_until
from dcapi.lab.site import LabSite
from tests.original.conftest import MakeWorld
from tests.original.pace import PATIENCE
from tests.original.plays import both_databases, versions
from tests.original.takeovers import (
    FOLLOWS,
    expect_quiet,
    expect_untaken_named,
    original_takes_over,
    site_takes_over,
    wait_original_manages,
    wait_site_follows,
)
from tests.original.watcher import one_manager
from tests.original.world import LED, LET_GO, World

DETAIL = "/v1.0/subclouds/[^/]+/detail"
ASKING = {"management-state": "unmanaged", "migrate": "true"}

# Seconds of the machine within which one that is let go hears of it, and beyond what a look may take.
SOON = 1.0
SLACK = 1.0
# That the database is locked.
LOCKED = 1.0


def ask_by_hand(world: World, region: str) -> requests.Response:
    """The request of an original for a member."""
    return requests.patch(
        f"{world.site.url}/v1.0/subclouds/{region}",
        files=multipart(dict(ASKING)),
        headers={"X-Auth-Token": world.at_site.log_in(), "User-Agent": "dcmanager/1.0"},
        timeout=30,
    )


@versions()
def test_only_a_site_that_migrates_the_group_is_given_a_member(
    make_world: MakeWorld, version: Version
) -> None:
    world = make_world(version)
    world.share("D")
    region = next(iter(world.states_at_site()))

    assert ask_by_hand(world, region).status_code == 400
    assert set(world.states_at_site().values()) == {LED}
    world.set_migrating()
    begun = time.monotonic()
    answer = ask_by_hand(world, region)
    assert time.monotonic() - begun <= SOON
    shown = answer.json()
    assert answer.status_code == 200, answer.text
    assert (shown["management-state"], shown["deploy-status"]) == LET_GO
    assert world.states_at_site()[region] == LET_GO
    world.set_migrating(None)


@both_databases
def test_ten_members_are_let_go_at_once_by_a_busy_site(world: World, site: LabSite) -> None:
    world.share("D", 10)
    begin = world.mark()
    with one_manager(world, "O"), locked(site, LOCKED):
        world.migrate_to_original()
        wait_original_manages(world)
    wait_site_follows(world)
    asked = world.sent("PATCH", "subclouds/.*", begin)
    assert [each.code for each in asked] == [200] * 10
    # Who asks looks once itself and joins one look at most, however busy the site is. The heartbeats go on.
    first, answered = min(each.began for each in asked), min(each.ended or 0.0 for each in asked)
    lists = world.served("GET", "subcloud-peer-groups/?", begin)
    looks = [each for each in lists if first <= each.began <= answered]
    assert len(looks) <= 2 * len(asked) + (answered - first) + 1, len(looks)


@contextmanager
def locked(site: LabSite, seconds: float) -> Iterator[None]:
    """Somebody else writes to D's database from now on, for so long."""
    begun = threading.Event()
    hold = hold_postgres if "SQLALCHEMY_DATABASE_URI" in site.settings else hold_sqlite
    writer = threading.Thread(target=hold, args=(site, seconds, begun))
    writer.start()
    assert begun.wait(20)
    try:
        yield
    finally:
        writer.join()


def hold_sqlite(site: LabSite, seconds: float, begun: threading.Event) -> None:
    path = Path(site.settings["INSTANCE_PATH"]) / "dcapi.sqlite3"
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        begun.set()
        time.sleep(seconds)
        database.execute("ROLLBACK")


def hold_postgres(site: LabSite, seconds: float, begun: threading.Event) -> None:
    engine = create_engine(site.settings["SQLALCHEMY_DATABASE_URI"])
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE subcloud, subcloud_peer_group IN EXCLUSIVE MODE"))
        begun.set()
        time.sleep(seconds)
    engine.dispose()


@versions()
def test_site_that_cannot_be_read_gets_nothing(make_world: MakeWorld, version: Version) -> None:
    world = make_world(version)
    world.share("D")
    begin = world.mark()
    silence = world.original.fail(Hang("GET"))

    with one_manager(world, "O"):
        world.migrate_to_original()
        wait_until("O to lead", lambda: world.leader_at_original() == "O", within=FOLLOWS)
        asked = world.sent("PATCH", "subclouds/.*", begin)
        assert {each.code for each in asked} == {400}
        assert max((each.ended or 0.0) - each.began for each in asked) <= 2 * PATIENCE + SLACK
        assert set(world.states_at_site().values()) == {LED}
        silence.release()
        expect_untaken_named(world)
        assert set(world.states_at_site().values()) == {LED}
    world.wait_seen()
    original_takes_over(world)


@versions()
def test_audit_that_outlasts_its_request_is_asked_for_once(make_world: MakeWorld, version: Version) -> None:
    world = make_world(version)
    world.share("O")
    begin = world.mark()
    # More than the minute after which the original answers 500, and goes on.
    slow = world.original.fail_sending(Delay(3.5, "GET", "/v1.0/subcloud-peer-groups/[^/]+/subclouds"))

    site_takes_over(world)
    slow.release()
    audits = world.served("PATCH", "subcloud-peer-groups/.*/audit", begin)
    assert [each.code for each in audits] == [500]
    expect_quiet(world)


@versions()
def test_members_that_were_taken_unread_are_followed_and_kept(
    make_world: MakeWorld, version: Version
) -> None:
    world = make_world(version)
    world.share("D")
    regions = set(world.states_at_site())
    with world.original.fail_sending(Answer(503, b"{}", "GET", DETAIL, times=3 * len(regions))) as fault:
        world.migrate_to_original()
        wait_original_manages(world)
        assert fault.taken == 3 * len(regions)
    wait_site_follows(world)
    assert set(world.states_at_site()) == regions
    expect_quiet(world)


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_load_answers_no_member_with_a_failure(world: World) -> None:
    """Callers take all threads of D while O takes over: nothing is refused, and nothing unread."""
    world.share("D")
    begin, stopping = world.mark(), threading.Event()
    callers = [threading.Thread(target=call_on, args=(world, stopping)) for _ in range(24)]
    for each in callers:
        each.start()
    try:
        original_takes_over(world)
    finally:
        stopping.set()
        for each in callers:
            each.join()
    assert {each.code for each in world.sent("GET", "subclouds/[^/]+/detail", begin)} == {200}


def call_on(world: World, stopping: threading.Event) -> None:
    with world.at_site.twin() as operator:
        while not stopping.is_set():
            operator.listed("subclouds")
