"""An upgrade lets every row show what its stored values say, and fills the table of what is taken."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dcapi.models import ShownSpan, Subcloud
from dcapi.models.shown_span import show
from dcapi.services.inventory.stored_values import stored_payload
from tests.integration.database.old_database import BEFORE, OldDatabase
from tests.subcloud_forms import admin_network, bootstrap_values

COLUMNS = (
    "management_subnet",
    "management_start_ip",
    "management_end_ip",
    "management_gateway_ip",
    "systemcontroller_gateway_ip",
    "oam_floating_ip",
)
MOVED = {
    "management_subnet": "10.99.10.0/24",
    "management_start_address": "10.99.10.2",
    "management_end_address": "10.99.10.40",
    "management_gateway_address": "10.99.10.1",
    "external_oam_floating_address": "10.71.9.33",
    "systemcontroller_gateway_address": "10.69.0.9",
}


def payload(**values: Any) -> str:
    return json.dumps({"saved_payload": values})


def shown(old: OldDatabase) -> dict[int, list[Any]]:
    return {row["id"]: [row[name] for name in COLUMNS] for row in old.read("subcloud")}


def spans(old: OldDatabase) -> dict[int, dict[str, tuple[str, str]]]:
    """Subcloud → kind → first and last address."""
    found: dict[int, dict[str, tuple[str, str]]] = {}
    for row in old.read("shown_span"):
        ends = [bytes(row[end]) for end in ("first", "last")]
        assert {end[0] for end in ends} <= {4, 6}
        first, last = (str(address(end)) for end in ends)
        found.setdefault(row["subcloud_id"], {})[row["kind"]] = (first, last)
    return found


def address(stored: bytes) -> Any:
    number = int.from_bytes(stored[1:])
    return ipaddress.IPv4Address(number) if stored[0] == 4 else ipaddress.IPv6Address(number)


def fill(old: OldDatabase) -> None:
    """Rows as older versions left them, each with the columns of its number."""
    old.add_subcloud("complete", oam_floating_ip="10.71.9.20")
    old.add_subcloud("secondary", rehome_data=payload(**bootstrap_values(2, **MOVED)))
    old.add_subcloud("complete", rehome_data=payload(**bootstrap_values(3, **admin_network(3))))
    old.add_subcloud(
        "complete",
        rehome_data=None,
        deploy_values=payload(**bootstrap_values(4, management_end_address="10.70.4.50")),
    )
    old.add_subcloud("complete", rehome_data=payload(management_subnet="nothing"))
    old.add_subcloud("complete", rehome_data=None, management_subnet="nothing")
    old.add_subcloud("complete", rehome_data="no JSON")
    old.write()


def test_rows_show_their_values_and_what_cannot_be_read_stays(old: OldDatabase) -> None:
    fill(old)
    before = shown(old)
    old.go_to("head")
    gateway = ["10.69.0.1", "10.71.9.20"]
    assert shown(old) == {
        **before,
        2: ["10.99.10.0/24", "10.99.10.2", "10.99.10.40", "10.99.10.1", "10.69.0.9", "10.71.9.33"],
        3: ["fd70:3::/64", "fd70:3::2", "fd70:3::90", "fd70:3::1", "fd69::1", "10.71.9.20"],
        4: ["10.70.4.0/24", "10.70.4.2", "10.70.4.50", "10.70.4.1", *gateway],
    }
    assert spans(old) == {
        1: {"subnet": ("10.70.1.0", "10.70.1.255"), "range": ("10.70.1.2", "10.70.1.90")},
        2: {"subnet": ("10.99.10.0", "10.99.10.255"), "range": ("10.99.10.2", "10.99.10.40")},
        3: {"subnet": ("fd70:3::", "fd70:3::ffff:ffff:ffff:ffff"), "range": ("fd70:3::2", "fd70:3::90")},
        4: {"subnet": ("10.70.4.0", "10.70.4.255"), "range": ("10.70.4.2", "10.70.4.50")},
        5: {"subnet": ("10.70.5.0", "10.70.5.255"), "range": ("10.70.5.2", "10.70.5.90")},
        7: {"subnet": ("10.70.7.0", "10.70.7.255"), "range": ("10.70.7.2", "10.70.7.90")},
    }


def test_the_upgrade_and_the_service_write_alike(old: OldDatabase) -> None:
    """What a change of a row writes later is what the upgrade wrote."""
    fill(old)
    old.go_to("head")
    columns, found = shown(old), spans(old)
    engine = old.engine()
    with Session(engine) as session:
        for number in (1, 2, 3, 4):
            row = session.get_one(Subcloud, number)
            session.execute(delete(ShownSpan).where(ShownSpan.subcloud_id == number))
            show(session, row, stored_payload(row))
        session.commit()
        assert len(session.scalars(select(ShownSpan)).all()) == 12
    engine.dispose()
    assert (shown(old), spans(old)) == (columns, found)


def test_the_way_back_keeps_the_rows_and_the_way_there_can_be_gone_again(old: OldDatabase) -> None:
    fill(old)
    old.go_to("head")
    columns, found = shown(old), spans(old)
    old.go_to(BEFORE)
    assert shown(old) == columns
    old.go_to("head")
    assert (shown(old), spans(old)) == (columns, found)
