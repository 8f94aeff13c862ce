"""A site of this project beside a stand-in of the original: a group goes over in either direction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcapi.lab.gateways import GATEWAYS_A, GATEWAYS_B, gateway_there, primary_address
from dcapi.lab.members import DUPLEX_DUAL, Member, is_of_network, member
from dcapi.lab.operator import Json, Operator
from dcapi.lab.original.clock import Clock
from dcapi.lab.original.original_site import OriginalSite
from dcapi.lab.pair import OUTCOME_SECONDS, peer_fields
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import (
    ASSOCIATIONS,
    GATEWAY_KEY,
    GROUPS,
    NETWORK_FIELDS,
    PRIORITY_AT_B,
    saved_payload,
)
from dcapi.lab.site import LabSite
from dcapi.sync.values.digest import same
from tests.e2e.conftest import MakeSite

pytestmark = pytest.mark.slow

GROUP = "coast"
# One with install values, one without, and one of two IP versions.
MEMBERS = (member(0), member(1, install=True), member(2, sample=DUPLEX_DUAL))


@pytest.fixture
def site(make_site: MakeSite) -> LabSite:
    made = make_site({"RECONCILE_SECONDS": "0.5"})
    made.start()
    return made


@pytest.fixture
def original() -> Iterator[OriginalSite]:
    with OriginalSite("original", clock=Clock(20), first_id=31) as made:
        yield made


@pytest.fixture
def at_site(site: LabSite) -> Iterator[Operator]:
    with Operator(site.url, site.admin_password) as operator:
        yield operator


@pytest.fixture
def at_original(site: LabSite, original: OriginalSite, at_site: Operator) -> Iterator[Operator]:
    """An operator of the stand-in, when both sites know each other."""
    with original.operator() as operator:
        at_site.create("system-peers", peer_fields(original, original.endpoint, GATEWAYS_B))
        fields = peer_fields(site, f"{site.url}/v3", primary_address(GATEWAYS_A))
        operator.create("system-peers", fields | {"heartbeat_interval": 10})
        yield operator


def make_group(operator: Operator, members: tuple[Member, ...] = MEMBERS) -> Json:
    """A group whose members are deployed, online and managed."""
    group = operator.create(GROUPS, {"peer-group-name": GROUP})
    for new in members:
        operator.add_subcloud(new.creation(), wait=OUTCOME_SECONDS)
        operator.update_subcloud(new.name, {"management-state": "managed"})
        operator.update_subcloud(new.name, new.joining(group["id"]))
    return group


def associate(operator: Operator, group: Json) -> int:
    peer_id = operator.listed("system-peers")[0]["id"]
    fields = {"peer_group_id": group["id"], "system_peer_id": peer_id, "peer_group_priority": PRIORITY_AT_B}
    return int(operator.create(ASSOCIATIONS, fields, wait=OUTCOME_SECONDS)["id"])


def wait_in_sync(*operators: Operator) -> None:
    for operator in operators:
        wait_until(
            "the only association to be in-sync",
            lambda operator=operator: operator.listed(ASSOCIATIONS)[0]["sync-status"],  # type: ignore[misc]
            lambda status: status == "in-sync",
        )


def by_name(operator: Operator) -> dict[str, Json]:
    return {each["name"]: each for each in operator.members(GROUP)}


def expect_same_networks(here: Json, there: Json) -> None:
    """Expect both to show one network, and to keep all of it, in whatever spelling."""
    for key in NETWORK_FIELDS:
        assert there[key] == here[key], key
    own, copied = saved_payload(here), saved_payload(there)
    for key in filter(is_of_network, own):
        assert same(copied.get(key), own[key]), key


def test_group_of_this_site_is_in_sync_at_an_original(
    original: OriginalSite, at_site: Operator, at_original: Operator
) -> None:
    association = associate(at_site, make_group(at_site))

    wait_in_sync(at_site, at_original)
    assert len(original.members(GROUP)) == len(MEMBERS)
    for name, here in by_name(at_site).items():
        there = by_name(at_original)[name]
        assert there["deploy-status"] == "secondary"
        for key in ("region-name", "description", "location", "software-version", "data_install"):
            assert there[key] == here[key], key
        expect_same_networks(here, there)
        gateway = gateway_there(saved_payload(here), GATEWAYS_B)
        assert saved_payload(there)[GATEWAY_KEY] == gateway
        assert there["systemcontroller-gateway-ip"] == primary_address(gateway)

    # What it keeps is told in other words, and yet there is nothing to send again.
    begin = len(original.record)
    at_site.sync(association, wait=OUTCOME_SECONDS)
    wait_in_sync(at_site, at_original)
    assert original.record.entries("served", path="/v1.0/subclouds.*", since=begin) == []


def test_group_of_an_original_is_in_sync_at_this_site(
    original: OriginalSite, at_site: Operator, at_original: Operator
) -> None:
    association = associate(at_original, make_group(at_original))

    wait_in_sync(at_original, at_site)
    for name, here in by_name(at_original).items():
        there = by_name(at_site)[name]
        assert there["deploy-status"] == "secondary"
        for key in ("region-name", "software-version"):
            assert there[key] == here[key], key
        expect_same_networks(here, there)
        # An original sends the one gateway that it knows of this site.
        assert there["systemcontroller-gateway-ip"] == primary_address(GATEWAYS_A)
        assert saved_payload(there)["bootstrap-address"] == saved_payload(here)["bootstrap-address"]

    at_original.sync(association)
    wait_until("the sync to end", lambda: original.association(GROUP).sync_status != "syncing")
    wait_in_sync(at_original, at_site)
