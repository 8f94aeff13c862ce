"""What a migration is refused for: its texts, and that nothing is changed then."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.models.secret_values import rehome_data
from dcapi.tasks import leases
from tests.integration.kept_tasks import tasks
from tests.integration.migration.conftest import Survivor
from tests.subcloud_forms import PASSWORD, form

PATH = "/subcloud-peer-groups/trains"


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["description"]


def write_rehome_data(site: Survivor, subcloud_id: int, value: Any) -> None:
    with site.runtime.unit_of_work() as session:
        row = session.get(Subcloud, subcloud_id)
        rehome_data.write(row, value)
        session.commit()


def test_a_migration_needs_the_password_of_the_system_administrator(site: Survivor) -> None:
    site.add_member()
    for given in ({"sysadmin_password": None}, {"sysadmin_password": ""}, {"another": "value"}):
        answer = site.operator.patch(f"{PATH}/migrate", json=given)
        assert refusal(answer) == (
            400,
            "Unable to migrate subcloud peer group: 1 need sysadmin_password",
        )
    code, text = refusal(site.migrate(sysadmin_password="no*base64"))
    assert (code, text) == (
        400,
        "Failed to decode subcloud sysadmin_password, verify the password is base64 encoded",
    )
    assert site.group().migration_status is None


def test_a_group_that_there_is_not_is_not_migrated(site: Survivor) -> None:
    answer = site.operator.patch("/subcloud-peer-groups/ships/migrate", json={"sysadmin_password": PASSWORD})
    assert refusal(answer) == (404, "Subcloud Peer Group not found")


@pytest.mark.parametrize("status", ["complete", "rehome-pending", None])
def test_there_must_be_something_to_migrate(site: Survivor, status: str | None) -> None:
    if status is not None:
        site.add_member(deploy_status=status)
    assert refusal(site.migrate()) == (
        400,
        "Nothing to migrate, no secondary, rehome-failed or rehome-prep-failed subcloud in peer group trains",
    )
    assert not site.group().migrating_here
    assert site.tasks() == 0


@pytest.mark.parametrize("status", ["secondary", "rehome-failed", "rehome-prep-failed"])
def test_what_is_no_copy_any_more_stays_out_of_it(site: Survivor, status: str) -> None:
    site.add_member("edge-1", deploy_status=status)
    site.add_member("edge-2", deploy_status="complete", management_state="managed")
    site.be_away()
    assert site.begin() == ["edge-1"]


def test_every_member_that_stands_in_the_way_is_named(site: Survivor) -> None:
    ids = [site.add_member(f"edge-{number}") for number in range(1, 7)]
    write_rehome_data(site, ids[0], None)
    write_rehome_data(site, ids[1], {"other": 1})
    write_rehome_data(site, ids[2], {"saved_payload": {}})
    write_rehome_data(site, ids[3], {"saved_payload": {"name": "edge-4"}})
    site.change(Subcloud, ids[4], deploy_status="rehoming")
    code, text = refusal(site.migrate())
    assert code == 400
    assert text == (
        "Cannot migrate peer group trains: subcloud edge-1 has no rehome data; "
        "edge-2 has no saved_payload in its rehome data; "
        "edge-3 has an empty saved_payload in its rehome data; "
        "edge-4 has no bootstrap-address in its rehome data; edge-5 is rehoming already"
    )
    assert set(site.steps().values()) == {None}
    assert site.group().migration_status is None


def test_a_second_migration_is_refused_while_one_runs(site: Survivor) -> None:
    site.add_member()
    site.begin()
    code, text = refusal(site.migrate())
    assert code == 409
    assert "already" in text
    site.run_jobs()
    site.expect_complete()


def test_job_that_looks_at_the_group_is_waited_for(site: Survivor, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was asked for while the last migration went on may come after its end."""
    site.add_member()
    hold = leases.take(site.runtime, leases.migration_lease(1))
    assert hold is not None
    monkeypatch.setattr("dcapi.tasks.leases.time.sleep", lambda _: hold.release())
    assert site.begin() == ["edge-1"]


CHANGES = [
    ("delete", PATH, {}),
    ("patch", "/peer-group-associations/1/sync", {}),
    ("delete", "/peer-group-associations/1", {}),
    ("delete", "/peer-group-associations/1?force=true", {}),
    ("patch", PATH, {"json": {"max-subcloud-rehoming": 3}}),
    ("patch", PATH, {"json": {"peer-group-name": "buses"}}),
    ("patch", PATH, {"json": {"migration_status": "none"}}),
]


@pytest.mark.parametrize(("method", "path", "options"), CHANGES)
def test_nothing_else_about_a_primary_group_changes_while_it_is_migrated(
    site: Survivor, method: str, path: str, options: dict[str, Any]
) -> None:
    site.change(SubcloudPeerGroup, 1, group_priority=0, system_leader_id=site.runtime.site.uuid)
    site.change(PeerGroupAssociation, 1, association_type="primary", peer_group_priority=1)
    site.add_member()
    site.be_away()
    site.begin()
    answer = site.operator.call(method.upper(), path, **options)
    assert refusal(answer) == (409, "This site is migrating the peer group")
    site.peer.heal()
    site.run_jobs()
    assert site.group().migration_status == "complete"


@pytest.mark.parametrize("status", ["complete", "migrating"])
def test_another_site_takes_back_no_migration_that_has_begun(site: Survivor, status: str) -> None:
    site.add_member()
    site.begin()
    site.jobs.run_waiting(limit=1)
    assert site.steps()["edge-1"] == "ceding"
    answer = site.other_site.patch(PATH, json={"migration_status": status})
    assert refusal(answer) == (409, "This site is migrating the peer group")
    site.run_jobs()
    site.expect_complete()


@pytest.mark.parametrize("status", ["none", None])
def test_a_late_reset_changes_nothing_while_this_site_migrates(site: Survivor, status: str | None) -> None:
    """A peer comes to terms with the migration before this one, and ends its audit well."""
    site.add_member()
    site.begin()
    site.jobs.run_waiting(limit=1)
    answer = site.other_site.patch(PATH, json={"migration_status": status})
    assert answer.status_code == 200
    assert site.group().migration_status == "migrating"
    assert site.group().migrating_here
    site.run_jobs()
    site.expect_complete()


def test_no_member_is_changed_or_deleted_while_it_moves(site: Survivor) -> None:
    site.add_member()
    site.begin()
    for client in (site.operator, site.other_site):
        changed = client.patch("/subclouds/region-of-edge-1", **form(description="new"))
        deleted = client.delete("/subclouds/edge-1")
        assert changed.status_code in {400, 404, 409}, changed.text
        assert deleted.status_code in {400, 409}, deleted.text
    site.run_jobs()
    site.expect_complete()


def test_the_password_is_kept_encrypted_and_dies_with_the_migration(site: Survivor) -> None:
    site.add_member()
    site.begin()
    with site.runtime.unit_of_work() as session:
        raw = (
            session.connection()
            .exec_driver_sql("SELECT payload FROM task WHERE payload IS NOT NULL")
            .scalar_one()
        )
        assert PASSWORD not in raw
    [task] = tasks(site.runtime)
    assert task.payload == {"sysadmin_password": PASSWORD}
    assert (task.secret_until or 0) - task.created_at == site.runtime.settings.OPERATION_SECRET_TTL
    site.run_jobs()
    assert site.tasks() == 0
