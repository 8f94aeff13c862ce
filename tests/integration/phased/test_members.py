"""Phases of members of a peer group: where they may be asked for, and what of them the other sites get."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.integration.bad_input.world import digest
from tests.integration.phased.phases import CONFIG, Phased
from tests.integration.subclouds.fleet import ELSEWHERE, done, refused
from tests.subcloud_forms import ADDRESS, PASSWORD, bootstrap_values, install_values

pytestmark = pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)

Parts = dict[str, Any]

# Verb → a deploy status in which it is taken.
TAKEN = {
    "install": "install-failed",
    "bootstrap": "bootstrap-failed",
    "configure": "config-failed",
    "complete": "bootstrap-complete",
    "resume": "install-failed",
}
NOT_PRIMARY = "Subcloud update is only allowed when its peer group priority value is 0."
# Verb → what is said of a member of a secondary group.
AT_SECONDARY = dict.fromkeys(TAKEN, NOT_PRIMARY) | {
    "configure": "Subcloud can only be configured in its primary site."
}
LED_ELSEWHERE = "Updating subcloud from a peer group not led by the current site is prohibited."
REHOMING = "The subcloud is being rehomed to this site: try again when it has finished"
INSTALLED: Parts = {"install_values": install_values(), "bmc_password": PASSWORD}
# What a request of an installation leaves out to use what is stored.
STORED: Parts = {"install_values": None, "bmc_password": None}


def member(phased: Phased, verb: str) -> int:
    """A member of a group of this site with all that a phase needs; returns the id of the group."""
    group_id: int = phased.fleet.group()["id"]
    phased.fleet.member("harbour", deploy_config=CONFIG, **INSTALLED)
    phased.fleet.set_subcloud(1, deploy_status=TAKEN[verb])
    return group_id


@pytest.mark.parametrize("verb", TAKEN)
def test_a_member_is_deployed_where_its_group_is_primary(phased: Phased, app: Flask, verb: str) -> None:
    group_id = member(phased, verb)
    phased.fleet.set_group(group_id, group_priority=1, system_leader_id=ELSEWHERE)
    before = digest(app)
    refused(phased.ask(verb, **STORED), 400, AT_SECONDARY[verb])
    phased.fleet.set_group(group_id, group_priority=1, system_leader_id=phased.runtime.site.uuid)
    refused(phased.ask(verb, **STORED), 400, AT_SECONDARY[verb])
    phased.fleet.set_group(group_id, group_priority=0, system_leader_id=ELSEWHERE)
    refused(phased.ask(verb, **STORED), 400, LED_ELSEWHERE)
    phased.fleet.set_group(group_id, system_leader_id=phased.runtime.site.uuid)
    assert digest(app) != before  # the group was written
    done(phased.ask(verb, **STORED))


@pytest.mark.parametrize("verb", TAKEN)
def test_a_member_that_is_being_rehomed_is_left_alone(phased: Phased, app: Flask, verb: str) -> None:
    member(phased, verb)
    phased.fleet.set_subcloud(1, rehome_step="waiting")
    before = digest(app)
    refused(phased.ask(verb, **STORED), 409, REHOMING)
    assert digest(app) == before


# Verb, and the parts that change something which secondaries get.
NEWS: list[tuple[str, Parts]] = [
    ("install", {"install_values": install_values(persistent_size=50000), "bmc_password": PASSWORD}),
    ("install", {**STORED, "release": "25.09"}),
    ("bootstrap", {"bootstrap_values": bootstrap_values(management_end_address="10.70.1.70")}),
    ("bootstrap", {"bootstrap-address": "10.71.9.44"}),
    ("bootstrap", {"bootstrap_values": bootstrap_values(description="new")}),
    ("bootstrap", {"location": "Kemi"}),
    ("configure", {"bootstrap-address": "10.71.9.44"}),
    ("resume", {**STORED, "release": "25.09"}),
]
# The same of parts that change nothing of it.
NO_NEWS: list[tuple[str, Parts]] = [
    ("install", STORED),
    ("install", INSTALLED),
    ("bootstrap", {}),
    ("bootstrap", {"bootstrap_values": bootstrap_values(), "bootstrap-address": ADDRESS}),
    ("configure", {"deploy_config": b"kind: New\n", "sysadmin_password": "T3RoZXIqd2luY2g="}),
    ("complete", {}),
    ("resume", {"deploy_config": b"kind: New\n"}),
]


@pytest.mark.parametrize(("verb", "parts"), NEWS)
def test_what_secondaries_get_is_told_and_waits_for_a_sync(phased: Phased, verb: str, parts: Parts) -> None:
    association = phased.fleet.association(member(phased, verb))
    answer = done(phased.ask(verb, **parts)).json
    assert f"association {association} do not have this change yet" in answer["info_message"]
    assert phased.fleet.standing(association) == ("out-of-sync", 1)


@pytest.mark.parametrize(("verb", "parts"), NO_NEWS)
def test_what_secondaries_do_not_get_moves_nothing(phased: Phased, verb: str, parts: Parts) -> None:
    association = phased.fleet.association(member(phased, verb))
    assert "info_message" not in done(phased.ask(verb, **parts)).json
    phased.fleet.run_jobs()
    assert phased.fleet.standing(association) == ("in-sync", 0)
