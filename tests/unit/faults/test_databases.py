"""What the harness takes for work that is left over: it reads the tables of the product as they are now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert

from dcapi.models import Lease, PeerGroupAssociation, Subcloud, SubcloudPeerGroup, Task
from dcapi.models.base import Base
from dcapi.tasks import leases
from tests.faults.databases import Leftovers, SqliteDatabase, association_leases, leftovers

NOW = 1000.0
ASSOCIATION = {
    "peer_group_id": 7,
    "system_peer_id": 1,
    "association_type": "primary",
    "sync_status": "in-sync",
}
GROUP = {"peer_group_name": "north", "system_leader_id": "a", "system_leader_name": "site-a"}
EMPTY_VALUES = (
    "software_version",
    "management_subnet",
    "management_start_ip",
    "management_end_ip",
    "management_gateway_ip",
    "systemcontroller_gateway_ip",
)
SUBCLOUD = dict.fromkeys(EMPTY_VALUES, "") | {
    "name": "mill",
    "region_name": "r",
    "group_id": 1,
    "deploy_status": "complete",
}
TASK = {"kind": "prestage", "subject_id": 3, "created_at": NOW, "due_at": NOW}
LEASE = {"owner": "somebody", "epoch": 2, "seconds": 4.0}


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    file = tmp_path / "dcapi.sqlite3"
    engine = create_engine(f"sqlite:///{file}")
    Base.metadata.create_all(engine)
    engine.dispose()
    return SqliteDatabase(file)


def add(database: SqliteDatabase, table: type[Base], **values: Any) -> None:
    with database.connect() as connection:
        connection.execute(insert(table).values(**values))
        connection.commit()


def names_of(found: Leftovers) -> list[str]:
    return [name for name, rows in vars(found).items() if rows]


@pytest.mark.parametrize(
    ("name", "table", "values"),
    [
        ("syncing", PeerGroupAssociation, ASSOCIATION | {"sync_status": "syncing"}),
        ("deleting", PeerGroupAssociation, ASSOCIATION | {"deleting": True}),
        ("auditing", PeerGroupAssociation, ASSOCIATION | {"audit_asked": 2, "audit_served": 1}),
        ("auditing", PeerGroupAssociation, ASSOCIATION | {"unfollowed": True}),
        ("deploying", Subcloud, SUBCLOUD | {"deploy_status": "bootstrapping"}),
        ("deploying", Subcloud, SUBCLOUD | {"deploy_status": "rehoming"}),
        ("migrating", Subcloud, SUBCLOUD | {"rehome_step": "ceding"}),
        ("migrating", SubcloudPeerGroup, GROUP | {"migrating_here": True}),
        ("tasks", Task, TASK),
        *(
            ("leases", Lease, LEASE | {"name": name_of(5), "expires_at": NOW + 1})
            for name_of in (
                leases.association_lease,
                leases.group_lease,
                leases.migration_lease,
                leases.subcloud_lease,
            )
        ),
    ],
)
def test_work_under_way_is_seen(
    database: SqliteDatabase, name: str, table: type[Base], values: dict[str, Any]
) -> None:
    add(database, table, **values)
    found = leftovers(database, NOW)
    assert names_of(found) == [name]
    assert not found.nothing


def test_work_that_has_ended_leaves_nothing(database: SqliteDatabase) -> None:
    add(database, PeerGroupAssociation, **ASSOCIATION, audit_asked=2, audit_served=2)
    add(database, Subcloud, **SUBCLOUD)
    add(database, SubcloudPeerGroup, **GROUP)
    add(database, Lease, **LEASE, name=leases.group_lease(7), expires_at=NOW - 1)
    add(database, Lease, **LEASE, name=leases.peer_lease(1), expires_at=NOW + 1)
    assert leftovers(database, NOW).nothing


def test_the_leases_of_a_group_are_those_of_its_associations(database: SqliteDatabase) -> None:
    add(database, PeerGroupAssociation, **ASSOCIATION, id=4)
    add(database, PeerGroupAssociation, **ASSOCIATION | {"peer_group_id": 8}, id=5)
    assert association_leases(database, 7) == {leases.association_lease(4)}
