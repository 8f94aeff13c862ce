"""Passwords are masked in every answer but for whom the rule lets see them, and a mask is never stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from dcapi.api.disconnects import SITE_HEADER
from dcapi.auth.guard import embedded_identity
from dcapi.models import Subcloud, SystemPeer
from dcapi.models.secret_values import MASK, data_install, rehome_data
from dcapi.models.states import PeerKind
from tests.integration.subclouds.fleet import Fleet, done
from tests.site_client import SiteClient
from tests.subcloud_forms import PASSWORD, bootstrap_values, form, install_values, new_form, secondary_form

SECRETS = ("Bollard*7", "Qm9sbGFyZCo3", "Winch 3", PASSWORD, "Harbour*crane 9")
READING = ("/subclouds", "/subclouds/1", "/subclouds/1/detail", "/subcloud-groups/1/subclouds")
SITE = dict([SITE_HEADER])
READ_TEXTS = ("rehome_data", "data_install")


@pytest.fixture
def configurator(app: Flask) -> SiteClient:
    """Somebody who may change everything and see no secrets."""
    with app.app_context():
        embedded_identity().users.add("rigger", "Rope*work 5 fathoms", ["configurator"], ["admin"])
    return SiteClient.logged_in(app, "rigger", "Rope*work 5 fathoms")


@pytest.fixture
def whole(fleet: Fleet) -> dict[str, Any]:
    """A member of a group with every kind of secret, as the administrator sees it."""
    fleet.group("harbour")
    install = install_values(bmc_password=PASSWORD)
    return fleet.member("harbour", 1, install_values=install, bmc_password=PASSWORD)


def saved_in(answer: dict[str, Any]) -> dict[str, Any]:
    saved: dict[str, Any] = json.loads(answer["rehome_data"])["saved_payload"]
    return saved


def stored(fleet: Fleet) -> tuple[Any, Any]:
    with fleet.runtime.unit_of_work() as session:
        row = session.get_one(Subcloud, 1)
        return rehome_data.read(row)["saved_payload"], data_install.read(row)


def test_whoever_may_not_see_secrets_sees_masks_everywhere(
    whole: dict[str, Any], configurator: SiteClient
) -> None:
    for path in (*READING, "/subcloud-peer-groups/harbour/subclouds"):
        answer = done(configurator.get(path))
        assert not [secret for secret in SECRETS if secret in answer.text], path
        shown = answer.json if "subclouds" not in answer.json else answer.json["subclouds"][0]
        assert saved_in(shown)["admin_password"] == MASK
        assert saved_in(shown)["docker_registries"]["defaults"]["password"] == MASK
        assert json.loads(shown["data_install"])["bmc_password"] == MASK


@pytest.mark.parametrize(
    ("headers", "kind", "warned"),
    [
        (SITE, PeerKind.ORIGINAL, True),
        (SITE, None, True),
        (SITE, PeerKind.OURS, False),
        ({}, PeerKind.ORIGINAL, False),
    ],
)
def test_a_site_that_reads_masks_and_may_take_them_for_values_is_in_the_log(
    whole: dict[str, Any],
    fleet: Fleet,
    configurator: SiteClient,
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    kind: PeerKind | None,
    warned: bool,
) -> None:
    fleet.association(whole["peer_group_id"])
    with fleet.runtime.unit_of_work() as session:
        session.get_one(SystemPeer, 1).kind = kind
        session.commit()
    path = "/subcloud-peer-groups/harbour/subclouds"
    done(fleet.operator.get(path, headers=headers))
    assert not warnings(caplog)
    done(configurator.get(path, headers=headers))
    expected = (
        "a site reads the members of group harbour as user rigger, who may not see secrets: peer other-side "
        "may take the masks for passwords; give that user the role admin"
    )
    assert warnings(caplog) == ([expected] if warned else [])


def test_a_site_that_reads_no_masks_is_not_in_the_log(
    fleet: Fleet, configurator: SiteClient, caplog: pytest.LogCaptureFixture
) -> None:
    group = fleet.group("harbour")
    fleet.association(group["id"])
    done(configurator.get("/subcloud-peer-groups/harbour/subclouds", headers=SITE))
    assert not warnings(caplog)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_secrets_are_shown_to_the_entitled_for_one_subcloud_or_group(
    whole: dict[str, Any], fleet: Fleet
) -> None:
    for path in ("/subclouds/1", "/subclouds/1/detail", "/subcloud-peer-groups/harbour/subclouds"):
        text = done(fleet.operator.get(path)).text
        assert MASK not in text, path
        assert "Winch 3" in text


def test_answers_to_changes_are_masked(fleet: Fleet) -> None:
    created = done(
        fleet.operator.post("/subclouds", **new_form(install_values=install_values(), bmc_password=PASSWORD))
    )
    fleet.run_jobs()
    changed = done(
        fleet.operator.patch(
            "/subclouds/1", **form(install_values=install_values(install_type=2), bmc_password=PASSWORD)
        )
    )
    for answer in (created, changed):
        assert PASSWORD not in answer.text
        assert json.loads(answer.json["data_install"])["bmc_password"] == MASK


def test_masked_values_that_are_sent_back_change_nothing(
    whole: dict[str, Any], fleet: Fleet, configurator: SiteClient
) -> None:
    before = stored(fleet)
    read = done(configurator.get("/subclouds/1")).json
    parts = {"bootstrap_values": saved_in(read), "install_values": json.loads(read["data_install"])}
    done(configurator.patch("/subclouds/1", **form(**parts, bmc_password=PASSWORD)))
    assert stored(fleet) == before


def test_values_around_a_mask_can_be_changed(
    whole: dict[str, Any], fleet: Fleet, configurator: SiteClient
) -> None:
    bootstrap, _install = stored(fleet)
    read = saved_in(done(configurator.get("/subclouds/1")).json)
    read["docker_registries"]["defaults"]["url"] = "registry.other.example"
    done(configurator.patch("/subclouds/1", **form(bootstrap_values={**read, "timezone": "UTC"})))
    bootstrap["docker_registries"]["defaults"]["url"] = "registry.other.example"
    assert stored(fleet)[0] == {**bootstrap, "timezone": "UTC"}


def test_a_mask_in_a_request_of_another_site_is_no_password(fleet: Fleet) -> None:
    fleet.secondary(region_name="e" * 32, install_values=install_values(bmc_password=PASSWORD))
    before = stored(fleet)
    sent = {**bootstrap_values(), "admin_password": MASK}
    masked = form(bootstrap_values=sent, install_values=install_values(bmc_password="***"))
    done(fleet.other_site.patch(f"/subclouds/{'e' * 32}", **masked))
    assert stored(fleet) == before


@pytest.mark.parametrize("make", [new_form, secondary_form], ids=["deployed", "secondary"])
def test_a_new_subcloud_takes_no_masks(fleet: Fleet, make: Any) -> None:
    nested = {"docker_registries": {"new": {"registry_password": MASK}}}
    for key, changes in (("admin_password", {"admin_password": MASK}), ("registry_password", nested)):
        client = fleet.operator if key == "admin_password" else fleet.other_site
        answer = client.post("/subclouds", **make(bootstrap_values=bootstrap_values(**changes)))
        assert answer.status_code == 400
        assert f"Invalid bootstrap_values: '{key}' is masked" in answer.text
    assert done(fleet.operator.get("/subclouds")).json == {"subclouds": []}


def test_a_mask_for_a_password_that_is_not_stored_is_refused(whole: dict[str, Any], fleet: Fleet) -> None:
    values = bootstrap_values(admin_password=None, docker_registries={"new": {"password": MASK}})
    answer = fleet.operator.patch("/subclouds/1", **form(bootstrap_values=values))
    assert answer.status_code == 400
    assert "'password' is masked" in answer.text
