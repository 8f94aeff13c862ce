"""A site that was thought lost lived on: it follows when it can be reached, and takes the group home."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from dcapi.lab.polling import wait_until
from dcapi.lab.scenarios.takeover import FOLLOWING, LED, expect_members, states, take_over, wait_members
from dcapi.lab.shared_group import mixed_members, shared_group
from dcapi.lab.site import LabSite
from tests.e2e.conftest import MakePair

PATIENCE = 90.0


@contextmanager
def held_still(site: LabSite) -> Iterator[None]:
    """The site answers nobody in the block, and knows nothing of it afterwards."""
    assert site.pid is not None
    os.killpg(site.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(site.pid, signal.SIGCONT)


def test_a_site_that_lived_on_lets_go_of_all_that_was_taken_or_failed(make_pair: MakePair) -> None:
    pair = make_pair({})
    failing, *_ = members = mixed_members(pair, "pier", 3)
    pair.b.stop()
    pair.b.settings["DEPLOY_FAILURES"] = f"{failing.bootstrap_address}:rehome"
    pair.b.start()
    shared = shared_group(pair, "piers", members)
    with held_still(pair.a):
        take_over(pair.at_b, pair.b, shared.name, lambda _: None)
        assert states(pair.at_b, shared.name)[failing.name] == ("unmanaged", "rehome-failed")
    wanted = {one.name: FOLLOWING for one in members} | {failing.name: ("unmanaged", "rehome-failed")}
    wait_until(
        "A to follow B",
        lambda: states(pair.at_a, shared.name),
        lambda found: found == wanted,
        within=PATIENCE,
    )
    association = shared.expect_status_at_a("out-of-sync")
    assert association["sync-message"] == f"Rehoming failed at peer site-b: {failing.name}."

    take_over(pair.at_a, pair.a, shared.name, lambda _: None)
    expect_members(pair.at_a, shared.name, LED)
    wait_members(pair.at_b, shared.name, FOLLOWING)
    shared.expect_status("in-sync")
