"""GET of subclouds: lists, single ones, detail, and who sees what."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import delete

from dcapi.auth.guard import embedded_identity
from dcapi.models import Subcloud, SubcloudEndpoint
from dcapi.models.states import ENDPOINT_TYPES
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.site_client import SiteClient
from tests.subcloud_forms import bootstrap_values


def test_a_subcloud_is_found_by_id_and_name_and_by_a_peer_by_region(fleet: Fleet) -> None:
    subcloud = fleet.secondary(region_name="1" * 32)
    for reference in ("1", "quay-1"):
        assert done(fleet.operator.get(f"/subclouds/{reference}/")).json["id"] == subcloud["id"]
        refused(fleet.other_site.get(f"/subclouds/{reference}"), 404, "Subcloud not found")
    assert done(fleet.other_site.get(f"/subclouds/{'1' * 32}")).json["id"] == subcloud["id"]
    assert done(fleet.other_site.get(f"/subclouds/{'1' * 32}/detail")).json["id"] == subcloud["id"]


@pytest.mark.parametrize("reference", ["7", "no-such", "9" * 40, "a%00b", "%C3%A4"])
def test_what_is_not_there_is_not_found(fleet: Fleet, reference: str) -> None:
    for client in (fleet.operator, fleet.other_site):
        for path in ("", "/detail"):
            refused(client.get(f"/subclouds/{reference}{path}"), 404, "Subcloud not found")


def test_a_single_subcloud_shows_its_endpoints(fleet: Fleet) -> None:
    shown = fleet.managed()
    assert [one["endpoint_type"] for one in shown["endpoint_sync_status"]] == list(ENDPOINT_TYPES)
    assert "sync_status" not in shown


def test_detail_adds_what_is_known_of_the_oam_network(fleet: Fleet) -> None:
    fleet.deployed(1)
    fleet.secondary(2)
    deployed = done(fleet.operator.get("/subclouds/quay-1/detail")).json
    assert deployed["oam_floating_ip"] == "10.71.9.20"
    assert deployed["deploy_config_sync_status"] == "unknown"
    assert deployed["region_name"] == deployed["region-name"]
    assert done(fleet.operator.get("/subclouds/quay-2/detail")).json["oam_floating_ip"] == "10.71.9.20"
    fleet.set_subcloud(2, oam_floating_ip=None)
    assert done(fleet.operator.get("/subclouds/quay-2/detail")).json["oam_floating_ip"] == "unavailable"


def test_the_list_says_what_the_endpoints_have_in_common(fleet: Fleet) -> None:
    fleet.managed(1)
    fleet.deployed(2)
    fleet.managed(3)
    done(
        fleet.operator.patch(
            "/subclouds/quay-3/update_status", json={"endpoint": "dc-cert", "status": "unknown"}
        )
    )
    listed = done(fleet.operator.get("/subclouds")).json["subclouds"]
    assert [one["sync_status"] for one in listed] == ["in-sync", "unknown", "out-of-sync"]
    assert all(len(one["endpoint_sync_status"]) == len(ENDPOINT_TYPES) for one in listed)


def test_a_subcloud_without_endpoints_is_unknown(fleet: Fleet) -> None:
    fleet.secondary()
    with fleet.runtime.unit_of_work() as session:
        session.execute(delete(SubcloudEndpoint))
        session.commit()
    listed = done(fleet.operator.get("/subclouds")).json["subclouds"][0]
    assert (listed["endpoint_sync_status"], listed["sync_status"]) == ([], "unknown")


def test_a_list_and_a_single_get_show_the_same(fleet: Fleet) -> None:
    fleet.managed(1, bootstrap_values=None, **values_without_secrets())
    listed = done(fleet.operator.get("/subclouds")).json["subclouds"][0]
    single = fleet.show(1)
    del listed["sync_status"]
    assert listed == single


def values_without_secrets() -> dict[str, str]:
    values = bootstrap_values(1, admin_password=None, docker_registries=None)
    return {key: value for key, value in values.items() if isinstance(value, str)}


def test_members_of_a_group_are_listed_with_secrets_and_without_endpoints(fleet: Fleet) -> None:
    fleet.group("harbour")
    fleet.member("harbour", 1)
    fleet.managed(2)
    listed = done(fleet.operator.get("/subcloud-peer-groups/harbour/subclouds")).json["subclouds"]
    assert [one["name"] for one in listed] == ["quay-1"]
    assert "endpoint_sync_status" not in listed[0]
    assert "Winch 3" in listed[0]["rehome_data"]
    plain = done(fleet.operator.get("/subcloud-groups/1/subclouds")).json["subclouds"]
    assert [one["name"] for one in plain] == ["quay-1", "quay-2"]
    assert "Winch 3" not in plain[0]["rehome_data"]


@pytest.fixture
def reader(app: Flask) -> SiteClient:
    with app.app_context():
        embedded_identity().users.add("look", "Look*out 22 times", ["reader"], ["admin"])
    return SiteClient.logged_in(app, "look", "Look*out 22 times")


def test_a_reader_sees_everything_but_secrets(fleet: Fleet, reader: SiteClient) -> None:
    fleet.secondary()
    assert len(done(reader.get("/subclouds")).json["subclouds"]) == 1
    for path in ("/subclouds/1", "/subclouds/1/detail"):
        assert "Winch 3" not in done(reader.get(path)).text
        assert "Winch 3" in done(fleet.operator.get(path)).text


def test_the_list_reads_no_secrets(fleet: Fleet) -> None:
    fleet.secondary()
    with fleet.runtime.unit_of_work() as session:
        # What was encrypted with a lost key cannot be read, and the list does not care.
        table = Subcloud.__table__
        session.connection().exec_driver_sql(f"UPDATE {table} SET secrets = 'garbage'")
        session.commit()
    assert len(done(fleet.operator.get("/subclouds")).json["subclouds"]) == 1
