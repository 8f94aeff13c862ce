"""Another site's word deletes nothing that was managed here: what its leader does not have is let go."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcapi.models import Subcloud
from dcapi.sync.subcloud_alarms import untrue_let_go
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import FOLLOWING, alarms, audit, in_sync, states, subcloud, take_over
from tests.subcloud_forms import form

LET_GO = "280.901"
ENTITY = "subcloud=edge-1"


@pytest.fixture
def let_go(site: Site) -> Site:
    """A peer claims the group, and has dropped its copy of a member that is managed and online here."""
    in_sync(site)
    take_over(site)
    site.there.delete_subcloud_row("region-of-edge-1")
    audit(site)
    return site


def raised(site: Site) -> dict[str, str]:
    """The reasons of these alarms, by what they are raised for."""
    return {
        one["entity_instance_id"]: one["reason_text"] for one in alarms(site) if one["alarm_id"] == LET_GO
    }


def test_a_member_that_the_leader_does_not_have_is_let_go_with_all_it_has(let_go: Site) -> None:
    found = subcloud(let_go)
    shown = (found["management-state"], found["deploy-status"], found["availability-status"])
    assert shown == ("unmanaged", "complete", "online")
    assert found["peer_group_id"] is None
    payload = json.loads(found["rehome_data"])["saved_payload"]
    assert payload["name"] == "edge-1"
    assert payload["management_subnet"]
    assert states(let_go) == {"edge-1": ("unmanaged", "complete"), "edge-2": FOLLOWING}
    assert let_go.standing() == ("in-sync", "in-sync")
    assert let_go.ledger()["region-of-edge-1"] == (False, True)


def test_the_operator_is_told_who_made_it_go_and_when(let_go: Site) -> None:
    reason = subcloud(let_go)["error-description"]
    assert reason.startswith("Let go at 20")
    assert reason.endswith(f"peer {let_go.there.name} leads peer group trains and does not have it.")
    text = f"Subcloud let go: {let_go.there.name} leads peer group trains and does not have it ({ENTITY})"
    assert raised(let_go) == {ENTITY: text}


def test_the_audit_log_has_a_line_with_the_peer_as_actor(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcapi.audit_log.logger.propagate", True)
    in_sync(site)
    take_over(site)
    site.there.delete_subcloud_row("region-of-edge-1")
    audit(site)
    lines = [getattr(one, "fields", {}) for one in caplog.records if one.name == "dcapi.audit"]
    [line] = [line for line in lines if line.get("verb") == "let go"]
    assert (line["user_name"], line["peer"], line["sender"]) == (site.there.name, site.there.name, "peer")
    assert (line["object_type"], line["object_name"], line["outcome"]) == ("subcloud", "edge-1", "done")


def test_one_that_lives_at_the_peer_outside_the_group_is_let_go_too(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.there.subcloud_in("region-of-edge-1")["peer_group_id"] = None
    audit(site)
    assert states(site)["edge-1"] == ("unmanaged", "complete")
    assert subcloud(site)["peer_group_id"] is None
    assert site.there.subcloud_in("region-of-edge-1")["management-state"] == "managed"


@pytest.mark.parametrize(
    "state",
    [
        {"deploy_status": "rehome-failed", "management_state": "unmanaged"},
        {"deploy_status": "rehome-pending", "management_state": "unmanaged"},
        {"deploy_status": "secondary", "management_state": "managed"},
    ],
    ids=lambda state: state["deploy_status"],
)
def test_whatever_was_managed_here_is_let_go_and_not_deleted(site: Site, state: dict[str, Any]) -> None:
    in_sync(site)
    site.change(Subcloud, 1, **state)
    take_over(site)
    site.there.delete_subcloud_row("region-of-edge-1")
    audit(site)
    assert states(site)["edge-1"] == ("unmanaged", state["deploy_status"])
    assert raised(site)


def test_the_alarm_is_cleared_when_it_is_managed_again(let_go: Site) -> None:
    let_go.good(let_go.operator.patch("/subclouds/edge-1", **form(management__state="managed")))
    assert raised(let_go) == {}
    assert subcloud(let_go)["error-description"] == "No errors present"


def test_the_alarm_is_cleared_when_it_is_deleted(let_go: Site) -> None:
    let_go.change(Subcloud, 1, availability_status="offline")
    let_go.good(let_go.operator.delete("/subclouds/edge-1"))
    assert raised(let_go) == {}


def test_the_alarm_is_cleared_when_the_leader_has_it_again(let_go: Site) -> None:
    let_go.there.put_subcloud("edge-1", "region-of-edge-1")
    copy = let_go.there.subcloud_in("region-of-edge-1")
    copy |= {"deploy-status": "complete", "management-state": "managed"}
    copy["peer_group_id"] = let_go.there.group_named("trains")["id"]
    audit(let_go)
    assert states(let_go)["edge-1"] == FOLLOWING
    assert raised(let_go) == {}


def test_the_alarm_follows_a_rename(let_go: Site) -> None:
    let_go.good(let_go.operator.patch("/subclouds/edge-1", **form(name="edge-9")))
    assert set(raised(let_go)) == {"subcloud=edge-9"}
    assert "(subcloud=edge-9)" in raised(let_go)["subcloud=edge-9"]


def test_an_alarm_that_is_not_true_any_more_goes_with_the_next_look(let_go: Site) -> None:
    let_go.change(Subcloud, 1, management_state="managed")
    with let_go.runtime.unit_of_work() as session:
        assert untrue_let_go(session) == [(LET_GO, ENTITY)]
