"""The tables of the stand-in, what a start makes of them, and what differs between its versions."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.lab.faults import Answer
from dcapi.lab.original.api.payloads import saved_values
from dcapi.lab.original.clock import Clock
from dcapi.lab.original.failures import Failures, strike
from dcapi.lab.original.login import IDENTITY, MANAGER, Login
from dcapi.lab.original.record import SENT, SERVED, Entry, Record
from dcapi.lab.original.rows import Rows, Subcloud
from dcapi.lab.original.version import Version

LATER = "2126-01-01T00:00:00.000000Z"


def subcloud(rows: Rows, **values: Any) -> Subcloud:
    name = f"mill-{len(list(rows.subclouds))}"
    return rows.subclouds.add(name=name, region_name=name, **values)


def test_number_of_a_row_is_not_given_twice() -> None:
    rows = Rows(first_id=31)
    first, second = subcloud(rows), subcloud(rows)
    rows.subclouds.remove(second)

    assert (first.id, second.id, subcloud(rows).id) == (31, 32, 33)
    assert rows.subclouds.get(32) is None


def test_row_is_updated_only_when_a_value_changes() -> None:
    row = subcloud(Rows())
    assert not row.change(deploy_status="secondary", management_state="unmanaged")
    assert row.updated_at is None

    assert row.change(deploy_status="complete")
    assert row.updated_at is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pre-rehome", "rehome-prep-failed"),
        ("rehoming", "rehome-failed"),
        ("secondary", "secondary"),
        ("complete", "complete"),
        ("rehome-pending", "rehome-pending"),
    ],
)
def test_start_fails_what_a_kill_cut_off(before: str, after: str) -> None:
    rows = Rows()
    row = subcloud(rows, deploy_status=before)

    rows.recover()

    assert row.deploy_status == after


def test_start_leaves_a_group_migrating_and_fails_a_sync() -> None:
    rows = Rows()
    group = rows.groups.add(name="coast", leader_id="a", leader_name="A", migration_status="migrating")
    association = rows.associations.add(group_id=group.id, peer_id=1, type="primary")

    rows.recover()

    assert (group.migration_status, group.leader_id) == ("migrating", "a")
    assert association.sync_status == "failed"


def test_clock_divides_what_is_waited_for() -> None:
    assert Clock().real(60) == 60
    assert Clock(20).real(60) == 3


def test_record_finds_by_direction_method_path_and_time() -> None:
    record = Record()
    record.note(Entry(SERVED, "GET", "/v1.0/subclouds", "curl"))
    begin = len(record)
    sent = record.note(Entry(SENT, "PATCH", "/v1.0/subclouds/1", "curl"))

    assert record.entries(since=begin) == [sent]
    assert record.entries(SENT) == record.entries(method="PATCH") == [sent]
    assert record.entries(path="/v1.0/subclouds/.") == [sent]
    assert record.entries(path="/v1.0/subcloud") == []


def test_newest_fault_strikes_and_only_at_its_moment() -> None:
    failures = Failures()
    failures.add(Answer(500, b"old"))
    failures.add(Answer(503, b"new", times=1, on_answer=True))

    fault = failures.of("GET", "/")
    assert strike(fault, "GET", on_answer=False) is None
    given = strike(fault, "GET", on_answer=True)
    assert given is not None
    assert (given.code, given.body) == (503, b"new")
    old = strike(failures.of("GET", "/"), "GET", on_answer=False)
    assert old is not None
    assert old.code == 500


@pytest.mark.parametrize("url", ["http://o:8119", "http://o:8119/", "http://o:8119/v1.0"])
def test_endpoint_is_read_with_and_without_its_version(url: str) -> None:
    public = {"interface": "public", "region": "SystemController", "url": url}
    other = public | {"interface": "internal", "url": "http://elsewhere"}
    login = Login("token", LATER, [{"type": "dcmanager", "endpoints": [other, public]}])

    assert login.root(MANAGER) == "http://o:8119/v1.0"
    assert login.root(IDENTITY) is None
    assert not login.ends_soon


def test_values_are_kept_with_the_form_and_without_the_administrators_passwords() -> None:
    values = {
        "admin_password": "R2FsZQ==",
        "sysadmin_password": "secret",
        "management_subnet": "fd00:0::/64",
        "dns_servers": ["10.0.0.1"],
    }
    form = {"bootstrap-address": "10.0.0.9", "bootstrap_values": "a file", "peer_group": "1"}

    assert saved_values(values, form) == {
        "admin_password": "UjJGc1pRPT0=",
        "management_subnet": "fd00::/64",
        "dns_servers": ["10.0.0.1"],
        "bootstrap-address": "10.0.0.9",
    }


def test_each_version_differs_from_the_next() -> None:
    v1, v2, v3 = (version.value for version in Version)

    assert (v1.stores_lone_status, v2.stores_lone_status) == (False, True)
    assert (v1.reads_sync_status, v2.reads_sync_status) == (False, True)
    assert (v1.pending_from, v2.pending_from) == (frozenset({"complete"}), None)
    assert v2.changeable - v1.changeable == {"rehome-failed", "rehome-prep-failed"}
    assert (v2.keeps_own_gateway, v3.keeps_own_gateway) == (False, True)
    assert (v2.beats_at_once, v3.beats_at_once) == (False, True)
