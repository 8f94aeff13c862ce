"""System peers over HTTP, with a real database."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from dcapi.api.database import db
from dcapi.models import PeerGroupAssociation
from dcapi.models.states import AssociationType, SyncStatus
from dcapi.runtime import Runtime
from dcapi.services import system_peers
from dcapi.sync.changes import ATTEND_JOB
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.integration.resources.conftest import Made, peer_values
from tests.site_client import SiteClient

KEYS = [
    "id",
    "peer-uuid",
    "peer-name",
    "manager-endpoint",
    "manager-username",
    "peer-controller-gateway-address",
    "administrative-state",
    "heartbeat-interval",
    "heartbeat-failure-threshold",
    "heartbeat-failure-policy",
    "heartbeat-maintenance-timeout",
    "availability-state",
    "created-at",
    "updated-at",
]
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")


def test_a_new_peer_is_shown_with_its_defaults_and_without_its_password(peer: Made) -> None:
    assert list(peer) == KEYS
    assert peer["availability-state"] == "created"
    assert peer["administrative-state"] == "enabled"
    assert peer["heartbeat-interval"] == 60
    assert peer["updated-at"] is None
    assert TIME.fullmatch(peer["created-at"])


def test_the_answers_of_all_calls_are_alike(operator: SiteClient, peer: Made) -> None:
    assert operator.get("/system-peers/").get_json() == {"system_peers": [peer]}
    for reference in (
        peer["id"],
        f"0{peer['id']}",
        peer["peer-uuid"],
        peer["peer-uuid"].upper(),
        peer["peer-name"],
    ):
        assert operator.get(f"/system-peers/{reference}").get_json() == peer
        assert operator.get(f"/system-peers/{reference}/").get_json() == peer


def test_the_password_is_stored_encrypted_and_logged_nowhere(
    app: Flask, operator: SiteClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        operator.post("/system-peers", json=peer_values(1))
    with app.app_context():
        [stored] = db.session.execute(text("SELECT manager_password FROM system_peer")).scalars()
    assert "VHVsaXA0NDQh" not in stored
    assert "VHVsaXA0NDQh" not in caplog.text


@pytest.mark.parametrize("reference", ["2", "99999999999999999999", "nowhere", "a%00b", "%0a", "7%2F8"])
def test_a_peer_that_is_not_there_is_not_found(operator: SiteClient, peer: Made, reference: str) -> None:
    for call in (operator.get, operator.delete):
        assert call(f"/system-peers/{reference}").status_code == 404
    assert operator.patch(f"/system-peers/{reference}", json={"peer_name": "x"}).status_code == 404


def test_not_found_says_what_peers_look_for(operator: SiteClient) -> None:
    answer = operator.get("/system-peers/7")
    assert answer.get_json() == {"code": 404, "title": "Not Found", "description": "System Peer not found"}


@pytest.mark.parametrize(
    ("twin", "code", "message"),
    [
        (peer_values(1, peer_name="other"), 409, "A system peer with this UUID already exists"),
        (
            peer_values(1, peer_name="other", peer_uuid=peer_values(1)["peer_uuid"].upper()),
            409,
            "with this UUID",
        ),
        (peer_values(2, peer_name="site-1"), 409, "A system peer with this name already exists"),
        (peer_values(2), 200, ""),
    ],
)
def test_uuid_and_name_are_unique(
    operator: SiteClient, peer: Made, twin: dict[str, Any], code: int, message: str
) -> None:
    answer = operator.post("/system-peers", json=twin)
    assert answer.status_code == code
    assert message in answer.get_json().get("description", "")


def test_a_patch_to_what_another_one_has_is_a_conflict(operator: SiteClient, peer: Made) -> None:
    operator.post("/system-peers", json=peer_values(2))
    for values in ({"peer_uuid": peer["peer-uuid"]}, {"peer_name": peer["peer-name"]}):
        assert operator.patch("/system-peers/site-2", json=values).status_code == 409
    same = {"peer_uuid": peer["peer-uuid"], "peer_name": peer["peer-name"]}
    assert operator.patch("/system-peers/site-1", json=same).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_this_site_is_no_peer_of_itself(
    operator: SiteClient, runtime: Runtime, peer: Made, method: str
) -> None:
    path = "/system-peers" if method == "POST" else f"/system-peers/{peer['id']}"
    answer = operator.call(method, path, json=peer_values(2, peer_uuid=runtime.site.uuid.upper()))
    assert answer.status_code == 400
    assert "Invalid peer uuid" in answer.get_json()["description"]


def test_racing_requests_are_decided_by_the_constraint(
    operator: SiteClient, peer: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the look-up sees is what it saw before the other request's commit: nothing."""
    look = system_peers._is_there
    seen: list[int] = []

    def late(*arguments: Any) -> bool:
        seen.append(1)
        return len(seen) > 2 and look(*arguments)

    monkeypatch.setattr(system_peers, "_is_there", late)
    answer = operator.post("/system-peers", json=peer_values(2, peer_name="site-1"))
    assert answer.status_code == 409
    assert answer.get_json()["description"] == "A system peer with this name already exists"
    assert len(operator.get("/system-peers").get_json()["system_peers"]) == 1


def test_an_association_that_comes_between_keeps_its_peer(
    operator: SiteClient, peer: Made, associate: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    associate(peer["id"])
    answers = iter([False, True])
    monkeypatch.setattr(system_peers, "_is_there", lambda *_: next(answers))
    answer = operator.delete(f"/system-peers/{peer['id']}")
    assert answer.status_code == 400
    assert "associated with peer group" in answer.get_json()["description"]
    assert operator.get(f"/system-peers/{peer['id']}").status_code == 200


def test_a_patch_changes_what_is_given_and_nothing_else(operator: SiteClient, peer: Made) -> None:
    values = {
        "heartbeat_interval": "30",
        "administrative_state": "disabled",
        "peer_name": None,
        "manager_username": "",
    }
    answer = operator.patch("/system-peers/site-1", json=values)
    assert answer.status_code == 200
    changed = answer.get_json()
    assert TIME.fullmatch(changed.pop("updated-at"))
    assert changed == {key: value for key, value in peer.items() if key != "updated-at"} | {
        "heartbeat-interval": 30,
        "administrative-state": "disabled",
    }
    assert operator.get("/system-peers/site-1").get_json()["heartbeat-interval"] == 30


def test_a_patch_that_changes_no_value_leaves_the_row_as_it_is(operator: SiteClient, peer: Made) -> None:
    assert operator.patch("/system-peers/1", json=peer_values(1)).get_json() == peer


def _state(app: Flask, association_id: int) -> tuple[str, int]:
    with app.app_context():
        row = db.session.get_one(PeerGroupAssociation, association_id)
        return row.sync_status, row.revision


NO_GATEWAYS = ("192.0.2.1,192.0.2.2", "fd00::1,::2", "192.0.2.1,fd00::1,::2", "192.0.2.1,", "quay,fd00::1")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_peer_has_one_gateway_or_one_of_each_ip_version(
    operator: SiteClient, peer: Made, method: str
) -> None:
    path = "/system-peers" if method == "POST" else "/system-peers/1"

    def asked(text: str, number: int) -> Any:
        given = {"peer_controller_gateway_address": text}
        body = peer_values(number, **given) if method == "POST" else given
        return operator.call(method, path, json=body)

    for number, gateways in enumerate(NO_GATEWAYS, 2):
        answer = asked(gateways, number)
        assert answer.status_code == 400
        assert answer.get_json()["description"] == "Invalid peer peer_controller_gateway_address"
    shown = {"FD00:0::1 , 192.0.2.1": "fd00::1,192.0.2.1", "192.0.2.1,fd00::1": "192.0.2.1,fd00::1"}
    for number, (gateways, canonical) in enumerate(shown.items(), 12):
        answer = asked(gateways, number)
        assert answer.status_code == 200, answer.text
        assert answer.get_json()["peer-controller-gateway-address"] == canonical


def test_a_new_gateway_address_is_a_change_for_the_primary_associations(
    app: Flask, operator: SiteClient, peer: Made, associate: Callable[..., int], runtime: Runtime
) -> None:
    first, second = associate(peer["id"]), associate(peer["id"], "lighthouses")
    told = associate(peer["id"], "others", AssociationType.NON_PRIMARY)
    answer = operator.patch("/system-peers/1", json={"peer_controller_gateway_address": "192.0.2.99"})
    assert list(answer.get_json()) == [*KEYS, "info_message"]
    assert f"{first}, {second}" in answer.get_json()["info_message"]
    assert "dcmanager peer-group-association sync" in answer.get_json()["info_message"]
    assert answer.get_json()["info_message"].endswith("\n")
    assert _state(app, first) == _state(app, second) == (SyncStatus.OUT_OF_SYNC, 1)
    assert _state(app, told) == (SyncStatus.IN_SYNC, 0)


def test_other_values_and_the_same_gateway_address_concern_no_association(
    app: Flask, operator: SiteClient, peer: Made, associate: Callable[..., int]
) -> None:
    association = associate(peer["id"])
    values = {**peer_values(1), "peer_name": "renamed", "manager_password": "b3RoZXI="}
    answer = operator.patch("/system-peers/1", json=values)
    assert list(answer.get_json()) == KEYS
    assert _state(app, association) == (SyncStatus.IN_SYNC, 0)


def test_the_executor_hears_of_the_change_after_the_commit(
    operator: SiteClient,
    peer: Made,
    associate: Callable[..., int],
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    association = associate(peer["id"])
    heard: list[Any] = []

    def hear(_jobs: object, name: str, key: str, *, delay: float = 0.0, **ids: int) -> None:
        heard.append((name, key, ids))

    monkeypatch.setattr(type(runtime.jobs), "submit", hear)
    operator.patch("/system-peers/1", json={"peer_controller_gateway_address": "192.0.2.99"})
    assert heard == [(ATTEND_JOB, f"association:{association}", {"association_id": association})]


def test_a_peer_with_an_association_is_not_deleted(
    operator: SiteClient, peer: Made, associate: Callable[..., int]
) -> None:
    associate(peer["id"])
    answer = operator.delete("/system-peers/1")
    assert answer.status_code == 400
    assert (
        answer.get_json()["description"] == "Cannot delete a system peer which is associated with peer group."
    )


def test_a_peer_is_deleted(operator: SiteClient, peer: Made) -> None:
    answer = operator.delete(f"/system-peers/{peer['peer-uuid']}/")
    assert (answer.status_code, answer.text) == (200, "null\n")
    assert operator.get("/system-peers").get_json() == {"system_peers": []}


def test_the_groups_of_a_peer_are_those_associated_with_it(
    operator: SiteClient, peer: Made, associate: Callable[..., int]
) -> None:
    other = operator.post("/system-peers", json=peer_values(2)).get_json()
    associate(peer["id"], "windmills")
    associate(peer["id"], "lighthouses")
    associate(other["id"], "others")
    groups = operator.get("/system-peers/site-1/subcloud-peer-groups").get_json()["subcloud_peer_groups"]
    assert [group["peer_group_name"] for group in groups] == ["windmills", "lighthouses"]
    assert groups == [operator.get(f"/subcloud-peer-groups/{group['id']}").get_json() for group in groups]
    assert operator.get("/system-peers/site-9/subcloud-peer-groups").status_code == 404


def test_a_name_that_looks_like_another_peer_s_uuid_gives_way_to_the_uuid(operator: SiteClient) -> None:
    second = peer_values(2)
    operator.post("/system-peers", json=peer_values(1, peer_name=second["peer_uuid"]))
    made = operator.post("/system-peers", json=second).get_json()
    assert operator.get(f"/system-peers/{second['peer_uuid']}").get_json() == made


def test_a_name_may_be_of_any_script(operator: SiteClient) -> None:
    made = operator.post("/system-peers", json=peer_values(1, peer_name="Ærø 北 & <co>")).get_json()
    assert made["peer-name"] == "Ærø 北 & <co>"
    assert operator.get("/system-peers/Ærø 北 & <co>").get_json() == made


def test_a_peer_at_a_host_that_is_not_allowed_is_refused(prepared_instance: Path, tmp_path: Path) -> None:
    with make_site(prepared_instance, tmp_path, PEER_ALLOWED_HOSTS="site-b.example:5000") as site:
        operator = SiteClient.logged_in(site, "admin", ADMIN_PASSWORD)
        refused = operator.post(
            "/system-peers", json=peer_values(1, manager_endpoint="http://10.1.2.3:5000/v3")
        )
        assert refused.status_code == 400
        assert "manager_endpoint: 10.1.2.3:5000 is not in DCAPI_PEER_ALLOWED_HOSTS" in refused.text
        allowed = peer_values(1, manager_endpoint="https://site-b.example:5000/v3")
        assert operator.post("/system-peers", json=allowed).status_code == 200
        moved = {"manager_endpoint": "https://site-b.example:5001/v3"}
        assert operator.patch("/system-peers/1", json=moved).status_code == 400
        assert operator.patch("/system-peers/1", json={"peer_name": "other"}).status_code == 200


ADDRESSES = {
    "169.254.169.254": "169.254.169.254 is a link-local address: these are never called",
    "2852039166": "169.254.169.254 is a link-local address",
    "[::ffff:a9fe:a9fe]": "169.254.169.254 is a link-local address",
    "[fe80::1]": "fe80::1 is a link-local address",
    "127.0.0.1": "127.0.0.1 is a loopback address: set DCAPI_PEER_LOOPBACK=true, or name 127.0.0.1 in",
    "0x7f.1": "127.0.0.1 is a loopback address",
    "[::]": ":: is a loopback address",
}


def test_a_peer_at_an_address_that_is_never_called_is_refused(
    prepared_instance: Path, tmp_path: Path
) -> None:
    with make_site(prepared_instance, tmp_path, BIND="[::]:8119") as site:
        operator = SiteClient.logged_in(site, "admin", ADMIN_PASSWORD)
        assert operator.post("/system-peers", json=peer_values(1)).status_code == 200
        for host, text in ADDRESSES.items():
            there = {"manager_endpoint": f"http://{host}:5000/v3", "manager_password": "b3RoZXI="}
            for refused in (
                operator.post("/system-peers", json=peer_values(2, **there)),
                operator.patch("/system-peers/1", json=there),
            ):
                assert refused.status_code == 400
                assert f"Invalid peer manager_endpoint: {text}" in refused.get_json()["description"]


@pytest.mark.parametrize(
    ("endpoint", "moved"),
    [
        ("http://192.0.2.1:5000/v3", False),
        ("HTTP://192.0.2.1:5000/identity/v3", False),
        ("http://192.0.513:5000/v3", False),
        ("http://[::ffff:192.0.2.1]:5000/v3", False),
        ("https://192.0.2.1:5000/v3", True),
        ("http://192.0.2.1:5001/v3", True),
        ("http://192.0.2.1/v3", True),
        ("http://192.0.2.2:5000/v3", True),
        ("http://site-1.example:5000/v3", True),
    ],
)
def test_a_stored_password_goes_to_no_other_place(
    operator: SiteClient, peer: Made, endpoint: str, moved: bool
) -> None:
    change = {"manager_endpoint": endpoint, "manager_username": "other"}
    for without in (change, {**change, "manager_password": None}, {**change, "manager_password": ""}):
        answer = operator.patch("/system-peers/1", json=without)
        assert answer.status_code == (400 if moved else 200), answer.text
        if moved:
            assert answer.get_json()["description"] == system_peers.MOVED_ALONE
            assert operator.get("/system-peers/1").get_json() == peer
    with_password = operator.patch("/system-peers/1", json={**change, "manager_password": "b3RoZXI="})
    assert with_password.get_json()["manager-endpoint"] == endpoint
