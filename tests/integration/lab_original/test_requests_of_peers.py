"""What a stand-in takes from another site, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from dcapi.lab.faults import Answer, Close, Reset
from dcapi.lab.gateways import GATEWAYS_B, primary_address
from dcapi.lab.members import DUPLEX_DUAL, member
from dcapi.lab.operator import Json, RefusedError, multipart
from dcapi.lab.original.original_site import OriginalSite
from dcapi.lab.original.rows import Subcloud
from dcapi.lab.original.version import Version
from dcapi.lab.pair import peer_fields

GROUP = "coast"
UNMANAGE = {"management-state": "unmanaged", "migrate": "true"}
MIGRATE = {"migrate": "true"}

Call = Callable[..., requests.Response]


@pytest.fixture
def site() -> Iterator[OriginalSite]:
    with OriginalSite("O") as site:
        with site.operator() as operator:
            operator.create("subcloud-peer-groups", {"peer-group-name": GROUP})
        yield site


@pytest.fixture
def call(site: OriginalSite) -> Iterator[Call]:
    """Calls the site as another one does."""
    with site.operator() as operator, requests.Session() as session:
        session.trust_env = False
        session.headers.update({"X-Auth-Token": operator.log_in(), "User-Agent": "dcmanager/1.0"})

        def send(method: str, path: str, **parts: Any) -> requests.Response:
            return session.request(method, site.url + path, timeout=10, allow_redirects=False, **parts)

        yield send


def set_member(site: OriginalSite, management: str, deploy: str) -> Subcloud:
    made = site.add_member(GROUP, member(0))
    with site.rows() as rows:
        rows.subclouds[made.id].change(management_state=management, deploy_status=deploy)
    return made


def state(site: OriginalSite) -> tuple[str, str]:
    (found,) = site.members(GROUP).values()
    return found.management_state, found.deploy_status


# -- A group --


@pytest.mark.parametrize("version", list(Version), ids=lambda version: str(version.name))
def test_migration_status_of_a_peer_is_stored_unchecked(
    site: OriginalSite, call: Call, version: Version
) -> None:
    site.switches.version = version
    for said, stored in (("migrating", "migrating"), ("complete", "complete"), ("none", None), (None, None)):
        answer = call("PATCH", f"/v1.0/subcloud-peer-groups/{GROUP}", json={"migration_status": said})

        assert answer.status_code == 200
        wanted = None if version is Version.V1 else stored
        assert answer.json()["migration_status"] == site.group(GROUP).migration_status == wanted


def test_group_of_another_site_takes_changes_of_that_site_alone(site: OriginalSite, call: Call) -> None:
    with site.rows() as rows:
        rows.groups[1].change(priority=3)
    path = f"/v1.0/subcloud-peer-groups/{GROUP}"

    refused = call("PATCH", path, json={"migration_status": "complete"}, headers={"User-Agent": "curl"})
    taken = call("PATCH", path, json={"migration_status": None, "max-subcloud-rehoming": 4})

    assert refused.status_code == 400
    assert "Cannot update a peer group from a non-primary site." in refused.text
    assert taken.json()["max_subcloud_rehoming"] == 4


# -- A member --


@pytest.mark.parametrize("version", list(Version), ids=lambda version: str(version.name))
@pytest.mark.parametrize(
    ("management", "deploy", "form", "code", "first_code"),
    [
        ("managed", "complete", UNMANAGE, 200, 200),
        ("managed", "rehome-failed", UNMANAGE, 200, 400),
        ("unmanaged", "complete", MIGRATE, 200, 200),
        ("unmanaged", "rehome-failed", MIGRATE, 200, 400),
        ("unmanaged", "rehome-pending", MIGRATE, 200, 200),
        ("unmanaged", "rehome-pending", UNMANAGE, 422, 422),
        ("unmanaged", "complete", UNMANAGE, 422, 422),
    ],
)
def test_member_is_let_go_on_a_peers_word(
    site: OriginalSite,
    call: Call,
    version: Version,
    management: str,
    deploy: str,
    form: Json,
    code: int,
    first_code: int,
) -> None:
    site.switches.version = version
    made = set_member(site, management, deploy)

    answer = call("PATCH", f"/v1.0/subclouds/{made.region_name}", files=multipart(form))

    assert answer.status_code == (first_code if version is Version.V1 else code)
    if answer.status_code == 200:
        assert state(site) == ("unmanaged", "rehome-pending")
        assert answer.json()["deploy-status"] == "rehome-pending"
    else:
        assert state(site) == (management, deploy)


def test_region_is_looked_up_for_a_peer_and_the_name_for_others(site: OriginalSite, call: Call) -> None:
    made = site.add_member(GROUP, member(0))

    assert call("GET", f"/v1.0/subclouds/{made.region_name}/detail").json()["name"] == made.name
    assert call("GET", f"/v1.0/subclouds/{made.name}/detail").status_code == 404
    ordinary = {"User-Agent": "client"}
    assert call("GET", f"/v1.0/subclouds/{made.name}/detail", headers=ordinary).status_code == 200
    assert call("GET", f"/v1.0/subclouds/{made.region_name}", headers=ordinary).status_code == 404


# -- The quirks of an original --


def test_copy_is_answered_as_not_deployed_and_stored_as_secondary(site: OriginalSite, call: Call) -> None:
    values = {"name": "mill", "admin_password": "R2FsZQ==", "management_subnet": "fd00:0:0::/64"}
    fields = {"secondary": "true", "region_name": "1" * 32, "bootstrap-address": "10.0.0.9"}

    answer = call("POST", "/v1.0/subclouds", files=multipart(fields | {"bootstrap_values": values}))

    assert answer.json()["deploy-status"] == "not-deployed"
    shown = call("PATCH", f"/v1.0/subclouds/{'1' * 32}", files=multipart({"peer_group": GROUP})).json()
    assert (shown["deploy-status"], shown["peer_group_id"]) == ("secondary", 1)
    (stored,) = site.members(GROUP).values()
    assert stored.saved_payload == {
        "name": "mill",
        "admin_password": "UjJGc1pRPT0=",
        "management_subnet": "fd00::/64",
        "secondary": "true",
        "region_name": "1" * 32,
        "bootstrap-address": "10.0.0.9",
    }


def test_networks_of_two_versions_are_kept_and_the_first_one_is_shown(site: OriginalSite, call: Call) -> None:
    dual = member(0, sample=DUPLEX_DUAL).bootstrap_values
    sent = dual | {"management_end_address": "10.64.0.60 , fd40:0::40"}
    fields = {"secondary": "true", "region_name": "2" * 32, "bootstrap_values": sent}

    shown = call("POST", "/v1.0/subclouds", files=multipart(fields)).json()

    kept = json.loads(shown["rehome_data"])["saved_payload"]
    assert kept["management_gateway_address"] == "10.64.0.1,fd40::1"
    assert kept["management_end_address"] == "10.64.0.60,fd40::40"
    assert kept["external_oam_subnet"] == "10.128.0.0/24,2001:db8::/64"
    network = [shown[f"management-{key}"] for key in ("subnet", "start-ip", "end-ip", "gateway-ip")]
    assert network == ["10.64.0.0/24", "10.64.0.2", "10.64.0.60", "10.64.0.1"]
    assert shown["systemcontroller-gateway-ip"] == "10.32.0.1"


def test_system_peer_has_one_gateway(site: OriginalSite) -> None:
    fields = peer_fields(site, site.endpoint, GATEWAYS_B)
    with site.operator() as operator:
        with pytest.raises(RefusedError, match="Invalid peer peer_controller_gateway_address"):
            operator.create("system-peers", fields)
        fields = peer_fields(site, site.endpoint, primary_address(GATEWAYS_B))
        shown = operator.create("system-peers", fields)
    assert shown["peer-controller-gateway-address"] == "10.33.0.1"


def test_roots_tell_nothing_of_what_the_site_can_do(call: Call) -> None:
    (version,) = call("GET", "/").json()["versions"]

    assert set(version) == {"status", "id", "updated", "links"}
    assert call("GET", "/v1.0/").status_code == 404
    assert call("GET", "/v1.0").status_code == 500


def test_errors_have_the_body_that_the_caller_reads(call: Call) -> None:
    path = "/v1.0/subclouds/nowhere"

    asked = call("GET", path, headers={"Accept": "application/json"})
    page = call("GET", path)

    assert asked.json() == {"code": 404, "title": "Not Found", "description": "Subcloud not found"}
    lines = [line.strip() for line in page.text.splitlines()]
    assert lines[lines.index("<h1>404 Not Found</h1>") + 2] == "Subcloud not found"


@pytest.mark.parametrize("slash", ["", "/"])
def test_lists_answer_with_and_without_a_slash(call: Call, slash: str) -> None:
    for resource in (
        "system-peers",
        "subcloud-peer-groups",
        "peer-group-associations",
        "subclouds",
        "alarms",
    ):
        assert call("GET", f"/v1.0/{resource}{slash}").status_code == 200


def test_strangers_are_not_let_in(call: Call) -> None:
    assert call("GET", "/v1.0/subclouds", headers={"X-Auth-Token": "guess"}).status_code == 401
    assert call("GET", "/v1/isystems", headers={"X-Auth-Token": ""}).status_code == 401
    assert call("DELETE", "/v1.0/alarms").status_code == 405
    assert call("GET", "/v1.0/nonsense").status_code == 404


def test_deletion_is_for_copies(site: OriginalSite, call: Call) -> None:
    made = set_member(site, "managed", "complete")
    assert call("DELETE", f"/v1.0/subclouds/{made.name}").status_code == 400
    with site.rows() as rows:
        rows.subclouds[made.id].change(
            management_state="unmanaged", deploy_status="secondary", availability="offline"
        )

    answer = call("DELETE", f"/v1.0/subclouds/{made.name}")

    assert (answer.status_code, answer.json()) == (200, None)
    assert site.members(GROUP) == {}


# -- What goes wrong on purpose --


def test_faults_strike_before_or_after_the_request_is_carried_out(site: OriginalSite, call: Call) -> None:
    path = f"/v1.0/subcloud-peer-groups/{GROUP}"
    with site.fail(Answer(500, b"", "PATCH", path)):
        assert call("PATCH", path, json={"migration_status": "complete"}).status_code == 500
        assert site.group(GROUP).migration_status is None
    with site.fail(Answer(500, b"", "PATCH", path, on_answer=True)):
        assert call("PATCH", path, json={"migration_status": "complete"}).status_code == 500
        assert site.group(GROUP).migration_status == "complete"
    for fault in (Close("PATCH", path), Reset("PATCH", path)):
        with site.fail(fault), pytest.raises(requests.ConnectionError):
            call("PATCH", path, json={"migration_status": None})
    assert site.group(GROUP).migration_status == "complete"


def test_record_has_what_was_asked_and_answered(site: OriginalSite, call: Call) -> None:
    begin = len(site.record)
    call("PATCH", f"/v1.0/subcloud-peer-groups/{GROUP}", json={"migration_status": "none"})

    (entry,) = site.record.entries(since=begin)
    assert (entry.direction, entry.method, entry.path) == (
        "served",
        "PATCH",
        f"/v1.0/subcloud-peer-groups/{GROUP}",
    )
    assert (entry.user_agent, entry.body, entry.code) == ("dcmanager/1.0", {"migration_status": "none"}, 200)
    assert entry.ended is not None
    assert entry.ended >= entry.began


def test_killed_site_refuses_connections_and_keeps_its_rows(site: OriginalSite, call: Call) -> None:
    before = site.group(GROUP)
    site.kill()

    with pytest.raises(requests.ConnectionError):
        call("GET", "/")
    site.start()

    assert call("GET", "/v1.0/subcloud-peer-groups").status_code == 200
    assert site.group(GROUP) == before
