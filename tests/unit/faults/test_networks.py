"""The networks of fault runs: members may have every one of them, and what a site shows wrongly is found."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from dcapi.lab.gateways import gateway_there
from dcapi.lab.members import DUPLEX_DUAL, SIMPLEX, SIMPLEX_DUAL, Member, member
from dcapi.models import Subcloud
from dcapi.models.base import Base
from dcapi.models.bootstrap_forms import check_required
from dcapi.models.network_values import shown_network
from dcapi.models.shown_span import show, write_columns
from dcapi.services.inventory.networks import check_networks
from tests.faults.databases import SqliteDatabase
from tests.faults.networks import (
    COMMON,
    KINDS,
    KINDS_OF,
    PLACES,
    network_of,
    random_gateways,
    random_marker,
    shown_wrongly,
    with_network,
)
from tests.unit.test_lab_members import NothingTaken

OWN_PLACE = len(COMMON) * len(KINDS)


def mill(number: int) -> Member:
    return member(number, f"mill-{number}", install=True)


@pytest.mark.parametrize("marker", range(PLACES * len(KINDS)))
def test_every_marker_stands_for_a_network_that_a_member_may_have(marker: int) -> None:
    values = with_network(mill(5), marker)
    check_required(values)
    check_networks(values, NothingTaken())
    assert network_of(values) == network_of(with_network(mill(5), marker + 7 * PLACES * len(KINDS)))


@pytest.mark.parametrize("family", KINDS_OF)
def test_a_peer_has_a_gateway_for_every_member_of_the_family(family: str) -> None:
    for seed in range(50):
        chance = random.Random(seed)
        gateways = random_gateways(chance, family)
        assert gateway_there(with_network(mill(5), random_marker(chance, family)), gateways)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """Of a site with a subcloud of every kind, each in its own place."""
    file = tmp_path / "dcapi.sqlite3"
    engine = create_engine(f"sqlite:///{file}")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for number, _ in enumerate(KINDS):
            add_subcloud(session, number, OWN_PLACE + number)
        session.commit()
    yield SqliteDatabase(file)
    engine.dispose()


def add_subcloud(session: Session, number: int, marker: int) -> None:
    values = with_network(mill(number), marker)
    row = Subcloud(name=f"mill-{number}", region_name=str(number), group_id=1, software_version="24.09")
    row.rehome_data = json.dumps({"saved_payload": values})
    write_columns(row, shown_network(values))
    session.add(row)
    session.flush()
    show(session, row, values)


def test_a_site_that_shows_what_it_keeps_is_right(database: SqliteDatabase) -> None:
    assert shown_wrongly("A", database) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM shown_span WHERE subcloud_id = 1 AND kind = 'range'", "A guards "),
        ("UPDATE shown_span SET kind = 'subnet' WHERE subcloud_id = 3 AND kind = 'range'", "A guards "),
        ("UPDATE subcloud SET management_end_ip = '10.64.0.61' WHERE id = 1", "A shows "),
        ("UPDATE subcloud SET systemcontroller_gateway_ip = '10.33.0.1' WHERE id = 3", "A shows "),
        ("UPDATE subcloud SET oam_floating_ip = NULL WHERE id = 2", "A shows "),
    ],
)
def test_a_site_that_shows_or_guards_another_network_is_wrong(
    database: SqliteDatabase, statement: str, found: str
) -> None:
    with database.connect() as connection:
        connection.execute(text(statement))
        connection.commit()
    [problem] = shown_wrongly("A", database)
    assert problem.startswith(found)


def test_ranges_that_meet_are_wrong_in_either_family(database: SqliteDatabase) -> None:
    ipv4, dual = KINDS.index(SIMPLEX), KINDS.index(DUPLEX_DUAL)
    with Session(create_engine(database.uri)) as session:
        for number, kind in ((20, ipv4), (21, dual), (22, KINDS.index(SIMPLEX_DUAL))):
            add_subcloud(session, number, kind)
        session.commit()
    assert shown_wrongly("A", database) == [
        "A: ranges of mill-20 and mill-21 meet",
        "A: ranges of mill-20 and mill-22 meet",
        "A: ranges of mill-21 and mill-22 meet",
    ]
