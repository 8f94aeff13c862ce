"""The clock of a site is set back by an hour, or ahead and back, in the middle of what it does.

Everything goes on within its normal time, counted by the clock of the test, which nobody sets.
"""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
import requests

from dcapi.lab.faults import Stall
from dcapi.lab.members import Member, member
from dcapi.lab.operator import Json, Operator, password_authentication
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.scenarios.race import CREATION
from dcapi.lab.shared_group import GROUPS, SharedGroup, associate, shared_group
from dcapi.lab.site import LabSite
from dcapi.tasks.holders import holder_of
from tests.faults.processes import workers_of
from tests.postgres import SKIPPED, server_url, temporary_database
from tests.trouble.wrong_clock import HOUR, set_clock, sites_by_files

# Seconds of one phase of a deployment that is met in its middle; the whole of it has three that show.
PHASE_SECONDS = 1.5
# Seconds within which a deployment ends, a peer is found away or back, and work goes to another holder.
NORMAL = 20.0
# And for workers to come up in the middle of it.
START_SECONDS = 20.0
# What a subcloud shows while the deployer is at a phase.
PHASES = {"creating", "installing", "bootstrapping", "configuring"}
# Seconds for which a token is good, and that a test may take meanwhile.
LIFETIME = 3600.0
MARGIN = 60.0
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def shared_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("pair"), settings={"RECONCILE_SECONDS": "2"})
    made.a.settings |= {"WORKERS": "2", "THREADS": "8", "DEPLOY_PHASE_SECONDS": str(PHASE_SECONDS)}
    with sites_by_files(), made:
        made.introduce()
        yield made


@pytest.fixture
def pair(shared_pair: Pair) -> Iterator[Pair]:
    """Two sites in order; the clock of A is right before and after each test."""
    set_clock(shared_pair.a, 0)
    yield shared_pair
    set_clock(shared_pair.a, 0)
    shared_pair.bring_b_back()


@pytest.fixture(scope="module")
def shared(shared_pair: Pair) -> SharedGroup:
    """A group that is in sync at both, so that B is watched."""
    return shared_group(shared_pair, "locks", [shared_pair.new_member("lock")])


# The first setting of the clock, and the second one, in seconds ahead of the right time.
jumps = pytest.mark.parametrize("jump", [(-HOUR, -HOUR), (HOUR, 0.0)], ids=["set back", "set ahead and back"])
Jump = tuple[float, float]


def time_at(site: LabSite) -> float:
    """What a site takes for the time, in seconds since the epoch."""
    issued = _log_in(site).json()["token"]["issued_at"]
    return datetime.fromisoformat(issued.replace("Z", "+00:00")).timestamp()


def _log_in(site: LabSite, password: str | None = None, user: str = "admin") -> requests.Response:
    form = password_authentication(user, site.admin_password if password is None else password)
    return requests.post(f"{site.url}/v3/auth/tokens", json=form, timeout=5)


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_the_clock_of_one_site_is_set_and_no_other(pair: Pair, ahead: float) -> None:
    """What the other tests stand on."""
    set_clock(pair.a, ahead)
    assert time_at(pair.a) - time.time() == pytest.approx(ahead, abs=5)
    assert time_at(pair.b) - time.time() == pytest.approx(0, abs=5)


# -- A deployment --


@jumps
def test_a_deployment_ends_in_its_normal_time(pair: Pair, jump: Jump) -> None:
    deploy_while_set(pair.a, pair.at_a, pair.new_member("sluice", install=True), jump)


@pytest.mark.skipif(server_url() is None, reason=SKIPPED)
def test_workers_that_start_while_the_clock_is_ahead_end_no_secret(tmp_path: Path) -> None:
    """On PostgreSQL. They know by what their master saw before that the clock was set."""
    settings = {"WORKERS": "2", "DEPLOY_PHASE_SECONDS": str(PHASE_SECONDS)}
    with temporary_database() as uri, sites_by_files():
        site = LabSite("site-p", tmp_path, settings={**settings, "SQLALCHEMY_DATABASE_URI": uri})
        with closing(site), closing(Operator(site.url, site.admin_password)) as operator:
            site.start()
            new = member(900, "sluice-900", install=True)
            deploy_while_set(site, operator, new, (HOUR, 0.0), partial(kill_workers, site, operator))


def kill_workers(site: LabSite, operator: Operator) -> None:
    # What it is connected by ends as well.
    operator.close()
    for worker in workers_of(site):
        os.kill(worker, signal.SIGKILL)


def deploy_while_set(
    site: LabSite, operator: Operator, new: Member, jump: Jump, when_ahead: Callable[[], None] | None = None
) -> None:
    """Set the clock in the middle of two phases, and expect the deployment to end well and in time."""
    until = time.monotonic() + NORMAL + (START_SECONDS if when_ahead else 0)
    added = operator.add_subcloud(new.creation())
    seen = "none"
    for ahead in jump:
        seen = wait_for_another_phase(operator, added, seen)
        set_clock(site, ahead)
        if when_ahead and ahead > 0:
            when_ahead()
    wait_until(
        "the deployment to end",
        lambda: deploy_status(operator, added),
        lambda status: status == "complete" or "failed" in status,
        within=until - time.monotonic(),
    )
    assert deploy_status(operator, added) == "complete"


def wait_for_another_phase(operator: Operator, subcloud: Json, seen: str) -> str:
    """Wait until the deployer is at another phase than the one that was seen, or has failed."""
    return wait_until(
        f"another phase than {seen}",
        lambda: deploy_status(operator, subcloud),
        lambda status: status != seen and (status in PHASES or "failed" in status),
        within=NORMAL,
    )


def deploy_status(operator: Operator, subcloud: Json) -> str:
    return str(operator.one("subclouds", subcloud["id"])["deploy-status"])


# -- A peer that is watched --


@jumps
def test_a_peer_is_found_away_and_back_by_its_heartbeats(pair: Pair, shared: SharedGroup, jump: Jump) -> None:
    pair.wait_for_peer("available")
    first, then = jump
    set_clock(pair.a, first)
    pair.proxy.refuse()
    expect_peer(pair, "unavailable")
    set_clock(pair.a, then)
    pair.proxy.start()
    expect_peer(pair, "available")
    [name] = shared.members_at_a()
    pair.at_a.update_subcloud(name, {"description": f"number {next(NUMBERS)}"})
    shared.sync()


def expect_peer(pair: Pair, availability: str) -> None:
    wait_until(
        f"B to be {availability}",
        lambda: pair.peer_at_a()["availability-state"],
        lambda seen: seen == availability,
        within=NORMAL,
    )


# -- A lease --


@pytest.mark.parametrize("jump", [(0.0, -HOUR), (HOUR, 0.0)], ids=["set back", "set ahead and back"])
def test_the_work_of_a_killed_holder_goes_on_soon(pair: Pair, jump: Jump) -> None:
    name = f"weirs-{next(NUMBERS)}"
    group = pair.at_a.create(GROUPS, {"peer-group-name": name})
    pair.join_all(group["id"], [pair.new_member(name)])
    first, then = jump
    set_clock(pair.a, first)
    with pair.proxy.add(Stall(*CREATION)) as stall:
        created = associate(pair, group, wait=None)
        stall.wait_taken()
        set_clock(pair.a, then)
        # What it is connected by ends as well.
        pair.at_a.close()
        os.kill(holder(pair.a, f"association:{created.association_id}"), signal.SIGKILL)
    created.expect_status("in-sync", within=NORMAL)
    created.expect_same_members()


def holder(site: LabSite, lease: str) -> int:
    """The process that holds a lease."""
    with closing(sqlite3.connect(Path(site.settings["INSTANCE_PATH"]) / "dcapi.sqlite3")) as database:
        query = "SELECT owner FROM lease WHERE name = ? AND expires_at > 0"
        [[owner]] = database.execute(query, (lease,)).fetchall()
    found = holder_of(owner)
    assert found is not None
    return found.process


# -- Logins --


@jumps
def test_a_login_waits_no_longer_than_normally(pair: Pair, jump: Jump) -> None:
    user = f"nobody-{next(NUMBERS)}"
    first, then = jump
    refused = fail_until_refused(pair.a, user)
    set_clock(pair.a, first)
    fail_until_refused(pair.a, user)
    set_clock(pair.a, then)
    wait_until(
        "a try to be let through",
        lambda: _log_in(pair.a, "wrong", user).status_code,
        lambda code: code == 401,
        within=int(refused.headers["Retry-After"]) + 2,
    )


def fail_until_refused(site: LabSite, user: str) -> requests.Response:
    """Fail as one who guesses; each try that may be made is one, and at last one has to wait."""
    return wait_until(
        "a try to be refused unseen",
        lambda: _log_in(site, "wrong", user),
        lambda answer: answer.status_code == 429,
        within=NORMAL,
    )


# -- Tokens --


def read(site: LabSite, token: str) -> int:
    answer = requests.get(f"{site.url}/v1.0/subclouds", headers={"X-Auth-Token": token}, timeout=5)
    return answer.status_code


@jumps
def test_a_token_is_good_after_the_clock_was_set(pair: Pair, jump: Jump) -> None:
    token = _log_in(pair.a).headers["X-Subject-Token"]
    first, then = jump
    set_clock(pair.a, first)
    assert read(pair.a, token) == (401 if first > 0 else 200)
    set_clock(pair.a, then)
    assert read(pair.a, token) == 200


def test_a_token_ends_by_the_clock_wherever_that_was_set(pair: Pair) -> None:
    """As docs/security.md says: set back, the clock lets it live so much longer, and not for ever."""
    token = _log_in(pair.a).headers["X-Subject-Token"]
    answers = {}
    for ahead in (HOUR, 0.0, -HOUR, LIFETIME - MARGIN, LIFETIME + 1, 0.0):
        set_clock(pair.a, ahead)
        answers[ahead] = read(pair.a, token)
    assert answers == {HOUR: 401, 0.0: 200, -HOUR: 200, LIFETIME - MARGIN: 200, LIFETIME + 1: 401}


@jumps
def test_a_revoked_token_stays_revoked(pair: Pair, jump: Jump) -> None:
    token = _log_in(pair.a).headers["X-Subject-Token"]
    both = {"X-Auth-Token": token, "X-Subject-Token": token}
    assert requests.delete(f"{pair.a.url}/v3/auth/tokens", headers=both, timeout=5).status_code == 204
    for ahead in (*jump, 0.0):
        set_clock(pair.a, ahead)
        assert read(pair.a, token) == 401
