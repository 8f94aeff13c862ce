"""A site with the default settings is killed: how soon after its start it goes on, whatever its clock said.

Counted from the first answer of /healthz, as the deadline of a poll, and with nothing else at work.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from dcapi.lab.faults import Stall
from dcapi.lab.gateways import GATEWAYS_A, GATEWAYS_B
from dcapi.lab.operator import Json
from dcapi.lab.pair import Pair, peer_fields
from dcapi.lab.polling import wait_until
from dcapi.lab.scenarios.race import CREATION
from dcapi.lab.scenarios.takeover import FOLLOWING, LED, expect_members, states, take_over
from dcapi.lab.shared_group import ASSOCIATIONS, GROUPS, associate, shared_group
from dcapi.lab.site import LabSite
from tests.e2e.canaries import expect_nothing_told

pytestmark = pytest.mark.skipif(
    "DCAPI_TEST_ALONE" not in os.environ, reason="seconds count here: make test-restarts plays it alone"
)

# What the lab sets for its sites, so that nobody waits: the site that is killed has the defaults.
LAB_SETTINGS = (
    "DEPLOY_PHASE_SECONDS",
    "HEARTBEAT_INTERVAL_MIN",
    "LEASE_SECONDS",
    "PEER_CONNECT_TIMEOUT",
    "PEER_READ_TIMEOUT",
)
HEARTBEATS = ("heartbeat_interval", "heartbeat_failure_threshold")

# Seconds after the first answer.
GOES_ON = 15.0
LEARNS = 20.0
# Seconds that the clock was ahead before.
AHEAD = 3600.0

MEMBERS = 3


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A with the default settings, and a B that waits for nothing, and does not ask A for an audit again."""
    made = Pair(tmp_path)
    for name in LAB_SETTINGS:
        del made.a.settings[name]
    made.b.settings |= {"REHOME_RETRY_SECONDS": "0.2", "RECONCILE_SECONDS": "600"}
    with made:
        introduce(made)
        yield made
    expect_nothing_told(made.a, made.b)


def introduce(pair: Pair) -> None:
    """Make system peers that are watched by default."""
    ways = (
        (pair.at_a, pair.b, f"{pair.proxy.url}/v3", GATEWAYS_B),
        (pair.at_b, pair.a, f"{pair.a.url}/v3", GATEWAYS_A),
    )
    for operator, other, endpoint, gateways in ways:
        fields = peer_fields(other, endpoint, gateways)
        operator.create("system-peers", {name: fields[name] for name in fields if name not in HEARTBEATS})


def kill(site: LabSite, ahead: float) -> None:
    """Kill all processes of a site; its clock was so many seconds ahead until then."""
    site.kill()
    with closing(sqlite3.connect(Path(site.settings["INSTANCE_PATH"]) / "dcapi.sqlite3")) as database:
        for statement in (
            "UPDATE lease SET expires_at = expires_at + ? WHERE expires_at > 0",
            "UPDATE task SET due_at = due_at + ?",
            "UPDATE task SET deadline = deadline + ?",
            "UPDATE task SET secret_until = secret_until + ?",
        ):
            database.execute(statement, (ahead,))
        database.commit()


def start(site: LabSite) -> None:
    """Start a site, up to its first answer."""
    site.launch()
    wait_until(f"{site.name} to answer", lambda: is_healthy(site), within=60)


def is_healthy(site: LabSite) -> bool:
    try:
        return requests.get(f"{site.url}/healthz", timeout=2).ok
    except requests.RequestException:
        return False


def new_group(pair: Pair, name: str) -> Json:
    group = pair.at_a.create(GROUPS, {"peer-group-name": name})
    pair.join_all(group["id"], [pair.new_member(name) for _ in range(MEMBERS)])
    return group


clocks = pytest.mark.parametrize("ahead", [0.0, AHEAD], ids=["right clock", "clock was ahead"])


@clocks
def test_a_sync_and_a_deployment_go_on_soon_after_a_kill(pair: Pair, ahead: float) -> None:
    group = new_group(pair, "slipways")
    with pair.proxy.add(Stall(*CREATION, skip=1)) as stall:
        shared = associate(pair, group, wait=None)
        stall.wait_taken()
        added = pair.at_a.add_subcloud(pair.new_member("slipway", install=True).creation())
        wait_until("the deployment to begin", lambda: deploy_status(pair, added), is_in_a_phase)
        kill(pair.a, ahead)
        before = deploy_status_in_database(pair.a, added["id"])
    start(pair.a)
    wait_until(
        f"the sync to end, and the deployment to come further than {before}",
        lambda: (shared.association_at_a()["sync-status"], deploy_status(pair, added)),
        lambda seen: seen[0] == "in-sync" and seen[1] != before,
        within=GOES_ON,
    )
    shared.expect_same_members()
    wait_until("the deployment to end", lambda: deploy_status(pair, added), lambda seen: seen == "complete")
    assert len(pair.at_b.listed(ASSOCIATIONS)) == 1


def deploy_status(pair: Pair, subcloud: Json) -> str:
    return str(pair.at_a.one("subclouds", subcloud["id"])["deploy-status"])


def is_in_a_phase(status: str) -> bool:
    return status in {"creating", "installing"}


def deploy_status_in_database(site: LabSite, subcloud_id: int) -> str:
    with closing(sqlite3.connect(Path(site.settings["INSTANCE_PATH"]) / "dcapi.sqlite3")) as database:
        query = "SELECT deploy_status FROM subcloud WHERE id = ?"
        [[status]] = database.execute(query, (subcloud_id,)).fetchall()
    return str(status)


@clocks
def test_a_site_learns_soon_that_it_was_taken_over_while_it_was_down(pair: Pair, ahead: float) -> None:
    shared = shared_group(pair, "drydocks", [pair.new_member("drydock") for _ in range(MEMBERS)])
    kill(pair.a, ahead)
    take_over(pair.at_b, pair.b, shared.name, lambda _: None)
    expect_members(pair.at_b, shared.name, LED)
    start(pair.a)
    wait_until(
        "A to know that B leads its group",
        lambda: (shared.at_a()["system_leader_id"], set(states(pair.at_a, shared.name).values())),
        lambda seen: seen == (pair.b.uuid, {FOLLOWING}),
        within=LEARNS,
    )
