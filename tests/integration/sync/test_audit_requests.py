"""A peer asks for an audit, or for a member: what is believed and what is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import ADMIN_PASSWORD
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    AT_HOME,
    LETTING_GO,
    begin_migration,
    body,
    in_sync,
    states,
)
from tests.site_client import SiteClient
from tests.subcloud_forms import form

THIRD = "99999999-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    "key",
    [
        "peer_uuid",
        "peer_group_name",
        "group_priority",
        "group_state",
        "system_leader_id",
        "system_leader_name",
        "migration_status",
    ],
)
def test_a_key_that_is_missing_is_named(site: Site, key: str) -> None:
    in_sync(site)
    asked = body(site)
    del asked[key]
    answer = site.operator.patch("/subcloud-peer-groups/trains/audit", json=asked)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["description"] == f"Unable to audit peer group trains, missing {key}"


def test_the_greatest_number_of_rehomings_may_be_missing(site: Site) -> None:
    in_sync(site)
    asked = body(site)
    del asked["max_subcloud_rehoming"]
    assert site.good(site.operator.patch("/subcloud-peer-groups/1/audit", json=asked)) == {"message": None}


def test_who_asks_must_be_a_uuid(site: Site) -> None:
    in_sync(site)
    answer = site.operator.patch("/subcloud-peer-groups/1/audit", json=body(site, peer_uuid="nobody"))
    assert answer.status_code == 400
    assert "Invalid peer_uuid" in answer.text


def test_an_unknown_group_is_not_found(site: Site) -> None:
    in_sync(site)
    answer = site.operator.patch("/subcloud-peer-groups/buses/audit", json=body(site))
    assert answer.status_code == 404
    assert "Subcloud Peer Group not found" in answer.text


def test_a_stranger_is_told_why_nothing_is_done(site: Site) -> None:
    in_sync(site)
    answer = site.operator.patch("/subcloud-peer-groups/1/audit", json=body(site, peer_uuid=THIRD))
    assert THIRD in site.good(answer)["message"]
    site.good(site.operator.post("/subcloud-peer-groups", json={"peer-group-name": "buses"}))
    answer = site.operator.patch("/subcloud-peer-groups/buses/audit", json=body(site))
    assert "not associated" in site.good(answer)["message"]
    assert site.row().audit_asked == 0


def test_what_the_request_claims_is_not_believed(site: Site) -> None:
    in_sync(site)
    claims = body(site, migration_status="complete", system_leader_id=site.there.uuid)
    site.good(site.operator.patch("/subcloud-peer-groups/1/audit", json=claims))
    site.run_jobs()
    assert set(states(site).values()) == {AT_HOME}


def let_go(site: Site) -> Any:
    """The peer asks for a member that it is about to take over."""
    other_site = SiteClient.logged_in(site.app, "admin", ADMIN_PASSWORD, user_agent="dcmanager/1.0")
    return other_site.patch(
        "/subclouds/region-of-edge-1", **form(management__state="unmanaged", migrate="true")
    )


def test_peer_asking_for_a_member_before_telling_is_looked_at(site: Site) -> None:
    """As an original site does: it tells nobody, and a refusal is final."""
    in_sync(site)
    begin_migration(site)
    site.good(let_go(site))
    assert states(site) == {"edge-1": LETTING_GO, "edge-2": AT_HOME}
    site.run_jobs()
    assert set(states(site).values()) == {LETTING_GO}
    site.good(let_go(site))
    assert states(site)["edge-1"] == LETTING_GO


def test_peer_that_migrates_nothing_does_not_get_a_member(site: Site) -> None:
    in_sync(site)
    assert let_go(site).status_code == 400
    site.run_jobs()
    assert let_go(site).status_code == 400
    assert set(states(site).values()) == {AT_HOME}
    assert site.row().sync_status == "in-sync"
