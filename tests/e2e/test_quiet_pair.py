"""After a takeover, and after the way home, two sites ask each other for no audits any more."""

from __future__ import annotations

import re
import time

import pytest

from dcapi.lab.pair import Pair
from dcapi.lab.scenarios.takeover import FOLLOWING, LED, expect_members, take_over, wait_members
from dcapi.lab.shared_group import shared_group
from tests.e2e.conftest import MakePair

pytestmark = pytest.mark.slow

# Seconds after the end of a takeover, and then without news.
SETTLED, QUIET = 5.0, 10.0
MOST_AUDITS = 3

AUDIT = r'method="PATCH" path="/v1\.0/subcloud-peer-groups/[^"]+/audit"'


def audits(pair: Pair) -> int:
    """Requests to audit so far: those to B passed its proxy, those to A are in its log."""
    to_b = [each for each in pair.proxy.exchanges if each.method == "PATCH" and each.path.endswith("/audit")]
    to_a = re.findall(f"gunicorn.access .*{AUDIT}", pair.a.log_file.read_text(errors="replace"))
    return len(to_b) + len(to_a)


def expect_quiet(pair: Pair) -> None:
    time.sleep(SETTLED)
    before = audits(pair)
    time.sleep(QUIET)
    assert audits(pair) - before <= 1


def test_two_sites_are_quiet_after_a_takeover_and_after_the_way_home(make_pair: MakePair) -> None:
    pair = make_pair({})
    shared = shared_group(pair, "jetties", [pair.new_member("jetty") for _ in range(2)])

    take_over(pair.at_b, pair.b, shared.name, lambda _: None)
    expect_members(pair.at_b, shared.name, LED)
    wait_members(pair.at_a, shared.name, FOLLOWING)
    shared.expect_status("in-sync")
    expect_quiet(pair)
    assert 1 <= audits(pair) <= MOST_AUDITS

    begun = audits(pair)
    take_over(pair.at_a, pair.a, shared.name, lambda _: None)
    wait_members(pair.at_b, shared.name, FOLLOWING)
    shared.expect_status("in-sync")
    expect_quiet(pair)
    assert 1 <= audits(pair) - begun <= MOST_AUDITS
