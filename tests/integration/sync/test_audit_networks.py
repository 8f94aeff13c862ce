"""Audits at a primary site: networks that come over, and those that another subcloud here has."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import ShownSpan, Subcloud
from dcapi.models.network_values import shown_network
from dcapi.models.shown_span import SpanKind, bounds_of, show
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import FOLLOWING, audit, message, states, subcloud, take_over
from tests.subcloud_forms import bootstrap_values, secondary_form


def in_sync(site: Site, *names: str) -> None:
    """Members with the networks 1, 2, …, as an operator gave them, that have reached the peer."""
    for number, name in enumerate(names, start=1):
        site.add_member(name, **bootstrap_values(number, name=None))
    with site.runtime.unit_of_work() as session:
        for row in session.scalars(select(Subcloud)):
            show(session, row, payload_of(row))
        session.commit()
    site.associate()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")


def payload_of(row: Subcloud) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(row.rehome_data or "{}")["saved_payload"]
    return payload


def move_there(site: Site, **numbers: int) -> None:
    """Members get the networks of these numbers at the peer."""
    for name, number in numbers.items():
        copy = site.there.subcloud_in(f"region-of-{name}")
        values = bootstrap_values(number)
        news = {key: values[key] for key in values if key.startswith("management_")}
        kept = json.loads(copy["rehome_data"])["saved_payload"]
        copy["rehome_data"] = json.dumps({"saved_payload": kept | news})


def networks(site: Site) -> dict[str, int]:
    """Name → the number of the network that a subcloud shows, keeps and guards."""
    with site.runtime.unit_of_work() as session:
        return {row.name: number_of(session, row) for row in session.scalars(select(Subcloud))}


def number_of(session: Session, row: Subcloud) -> int:
    network = shown_network(payload_of(row))
    guarded = select(ShownSpan.first, ShownSpan.last).where(
        ShownSpan.subcloud_id == row.id, ShownSpan.kind == SpanKind.RANGE
    )
    assert row.management_subnet == network.subnet
    assert [tuple(found) for found in session.execute(guarded)] == [*map(bounds_of, network.ranges)]
    return int(network.subnet.split(".")[2])


def test_networks_that_members_exchanged_come_over(site: Site) -> None:
    in_sync(site, "a", "b", "c")
    take_over(site)
    move_there(site, a=2, b=1, c=5)
    audit(site)
    assert networks(site) == {"a": 2, "b": 1, "c": 5}
    assert message(site) == "None"


def test_network_of_another_subcloud_here_does_not_come_over(site: Site) -> None:
    in_sync(site, "a", "b")
    site.good(site.operator.post("/subclouds", **secondary_form(7)))
    take_over(site)
    move_there(site, a=7, b=8)
    site.there.subcloud_in("region-of-a")["description"] = "repainted"
    audit(site)
    assert networks(site) == {"a": 1, "b": 8, "quay-7": 7}
    assert subcloud(site, "a")["description"] == "repainted"
    assert states(site)["a"] == FOLLOWING
    assert site.standing() == ("out-of-sync", "out-of-sync")
    why = "bootstrap values, whose range overlaps with that of subcloud quay-7"
    assert message(site) == f"Differs from peer site-b: a (its values there cannot be stored: {why})."


def test_who_keeps_a_network_is_in_the_way_of_who_was_to_get_it(site: Site) -> None:
    in_sync(site, "a", "b", "c")
    site.good(site.operator.post("/subclouds", **secondary_form(7)))
    take_over(site)
    move_there(site, a=7, b=1, c=2)
    audit(site)
    assert networks(site) == {"a": 1, "b": 2, "c": 3, "quay-7": 7}
    assert all(f"that of subcloud {name})" in message(site) for name in ("quay-7", "a", "b"))


def test_network_of_a_member_that_is_gone_there_comes_over(site: Site) -> None:
    in_sync(site, "a", "b")
    take_over(site)
    audit(site)
    move_there(site, b=1)
    site.there.delete_subcloud_row("region-of-a")
    audit(site)
    assert networks(site) == {"b": 1}


def test_network_of_a_member_that_is_let_go_stays_its_own(site: Site) -> None:
    in_sync(site, "a", "b")
    take_over(site)
    move_there(site, b=1)
    site.there.delete_subcloud_row("region-of-a")
    audit(site)
    assert networks(site) == {"a": 1, "b": 2}
    assert "whose range overlaps with that of subcloud a" in message(site)


def test_what_did_not_come_over_is_not_taken_for_arrived(site: Site) -> None:
    in_sync(site, "a")
    site.good(site.operator.post("/subclouds", **secondary_form(7)))
    take_over(site)
    move_there(site, a=7)
    for _ in range(2):
        audit(site)
        assert networks(site)["a"] == 1
        assert "whose range overlaps" in message(site)
